"""Everything that stops a journey from being published, reported at once (issue: bad input)."""

from __future__ import annotations

import pytest

from engine.journeys.definition import read
from engine.journeys.problems import DestinationFacts, World, check, errors_of
from engine.journeys.tests.building import (
    ad,
    branches,
    by_chance,
    condition,
    connect,
    delay,
    journey,
    send,
    split,
    step,
    wait_for,
    where,
)

WORLD = World(
    audiences={"vips": "VIPs", "aud_1": "VIPs"},
    destinations={
        "dest": DestinationFacts(name="Warehouse", kind="event"),
        "ads": DestinationFacts(name="Ad lists", kind="list"),
        "off": DestinationFacts(name="Old hook", is_enabled=False),
        "classic": DestinationFacts(name="Classic", takes_traits=False),
    },
)


def found(*steps, world=WORLD, **settings):
    problems = check(read(journey(*steps, **settings)), world)
    return [(problem.severity, problem.step, problem.path, problem.code) for problem in problems]


def errors(*steps, **settings):
    return [(step_id, path, code) for severity, step_id, path, code in found(*steps, **settings) if severity == "error"]


def warnings(*steps, **settings):
    return [(step_id, path, code) for severity, step_id, path, code in found(*steps, **settings) if severity != "error"]


def with_connections(*connections):
    return step("s", "send_to_destinations", "entry", name="Buyers", connections=list(connections))


def test_a_good_journey_has_no_problems():
    steps = [
        delay("wait", "entry"), split("split", "wait"), send("sent", ("split", "true")),
        wait_for("late", ("split", "false")), connect("link", "late", "sent"),
    ]  # fmt: skip

    assert found(*steps) == []


def test_an_empty_draft_is_told_everything_it_lacks():
    problems = check(read({"version": 1}), WORLD)

    assert [(problem.severity, problem.step, problem.path, problem.code) for problem in problems] == [
        ("error", None, "/name", "name_required"),
        ("warning", None, "/steps", "no_steps"),
        ("error", "entry", "/entry/name", "name_required"),
        ("error", "entry", "/entry/condition", "condition_required"),
    ]


def test_problems_of_all_steps_are_reported_at_once():
    problems = errors(
        step("a", "condition", "entry"), step("b", "delay", "a"),
        step("c", "true_false", "b", true_name="", false_name=""),
        step("d", "random", ("c", "true")), step("e", "multi_branch", ("c", "false")),
        step("f", "send_to_destinations", None), step("g", "show_ad", "gone"), step("h", "connect", "f"),
    )  # fmt: skip

    assert problems == [
        ("a", "/steps/0/name", "name_required"),
        ("a", "/steps/0/condition", "condition_required"),
        ("b", "/steps/1/duration", "duration_required"),
        ("c", "/steps/2/condition", "condition_required"),
        ("c", "/steps/2/true_name", "name_required"),
        ("c", "/steps/2/false_name", "name_required"),
        ("d", "/steps/3/name", "name_required"),
        ("d", "/steps/3/branches", "too_few_branches"),
        ("e", "/steps/4/branches", "too_few_branches"),
        ("f", "/steps/5/name", "name_required"),
        ("f", "/steps/5/connections", "destination_required"),
        ("f", "/steps/5/after", "orphan"),
        ("g", "/steps/6/name", "name_required"),
        ("g", "/steps/6/connections", "destination_required"),
        ("g", "/steps/6/after", "orphan"),
        ("h", "/steps/7/to", "target_required"),
    ]


def test_names_may_be_as_long_as_the_spec_says_and_no_longer():
    """journeys.md §1 and §2: journey names 73 characters, step names 170."""
    fits = errors(send("s", "entry", name="x" * 170), name="x" * 73)
    exceeds = errors(send("s", "entry", name="x" * 171), name="x" * 74)

    assert fits == []
    assert exceeds == [(None, "/name", "name_too_long"), ("s", "/steps/0/name", "name_too_long")]


@pytest.mark.parametrize(("count", "codes"), [(100, []), (101, ["too_many_steps"])])
def test_a_journey_has_at_most_100_steps(count, codes):
    steps = [send(f"s{number}", f"s{number - 1}" if number else "entry") for number in range(count)]

    assert [code for _, _, code in errors(*steps)] == codes


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"a": 50, "b": 50}, []),
        ({"a": 33.33, "b": 33.33, "c": 33.34}, []),
        ({"a": 50, "b": 49.99}, [("r", "/steps/0/branches", "percent_total")]),
        ({"a": 60, "b": 60}, [("r", "/steps/0/branches", "percent_total")]),
        ({"a": None, "b": 100}, [("r", "/steps/0/branches/0/percent", "percent_required")]),
        (dict.fromkeys("abcdef", 10) | {"a": 50}, [("r", "/steps/0/branches", "too_many_branches")]),
        ({"a": 100}, [("r", "/steps/0/branches", "too_few_branches")]),
    ],
)
def test_the_shares_of_a_randomized_split(shares, expected):
    assert errors(by_chance("r", "entry", **shares)) == expected


def test_the_sum_of_the_shares_is_told():
    problems = check(read(journey(by_chance("r", "entry", a=50, b=49.5))), WORLD)

    assert errors_of(problems)[0].detail == "The shares add up to 99.5 %; make it exactly 100 %."


def test_a_share_of_nothing_is_a_warning():
    assert warnings(by_chance("r", "entry", a=0, b=100), send("s", ("r", "b"))) == [
        ("r", "/steps/0/branches/0/percent", "empty_share")
    ]


def test_branches_are_told_apart_by_their_names():
    steps = [
        step("r", "random", "entry", name="Test", branches=[
            {"id": "a", "name": "Same", "percent": 50}, {"id": "b", "name": "Same ", "percent": 50},
        ]),
        step("t", "true_false", ("r", "a"), condition=condition(), true_name="Yes", false_name="Yes"),
    ]  # fmt: skip

    assert errors(*steps) == [
        ("r", "/steps/0/branches/1/name", "duplicate_branch_name"),
        ("t", "/steps/1/false_name", "duplicate_branch_name"),
    ]


def test_a_circle_of_steps_is_one_problem_that_names_them():
    problems = check(read(journey(send("a", "c"), send("b", "a"), send("c", "b"))), WORLD)

    (problem,) = errors_of(problems)
    assert (problem.step, problem.code) == ("a", "cycle")
    assert "Buyers → Buyers → Buyers" in problem.detail


def test_a_step_that_follows_itself_is_a_circle():
    assert errors(send("a", "a")) == [("a", "/steps/0/after", "cycle")]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (None, [("x", "/steps/1/after", "orphan")]),
        ("gone", [("x", "/steps/1/after", "orphan")]),
        ("split", [("x", "/steps/1/after", "branch_required")]),
        (("split", "maybe"), [("x", "/steps/1/after/branch", "unknown_branch")]),
        (("entry", "true"), [("x", "/steps/1/after/branch", "no_branches")]),
    ],
)
def test_every_step_hangs_on_a_place_that_exists(after, expected):
    assert errors(split("split", "entry"), send("x", after)) == expected


def test_only_a_split_leads_several_ways():
    problems = errors(send("a", "entry"), send("b", "entry"), delay("c", "a"), connect("d", "a", "b"))

    assert problems == [
        ("b", "/steps/1/after", "two_followers"), ("d", "/steps/3/after", "two_followers"),
    ]  # fmt: skip


def test_nothing_follows_a_connection():
    steps = [split("s", "entry"), send("a", ("s", "true")), connect("c", ("s", "false"), "a"), send("b", "c")]

    assert errors(*steps) == [("b", "/steps/3/after", "after_connect")]


@pytest.mark.parametrize(
    ("to", "code"),
    [("split", "connect_backwards"), ("entry", "connect_backwards"), ("low", "connect_backwards"),
     ("gone", "unknown_target"), ("other", "target_is_connect"), ("link", "connect_loop"), ("mid", "connect_loop")],
)  # fmt: skip
def test_a_connection_leads_forward_to_a_step_of_another_branch(to, code):
    steps = [
        split("split", "entry"), send("high", ("split", "true")), send("mid", "high"), connect("other", "mid", "low"),
        send("low", ("split", "false")), connect("link", "low", to),
    ]  # fmt: skip

    assert ("link", "/steps/5/to", code) in errors(*steps)


def test_two_branches_that_lead_into_each_other_are_both_told():
    steps = [
        split("s", "entry"), send("a", ("s", "true")), connect("to_b", "a", "b"),
        send("b", ("s", "false")), connect("to_a", "b", "a"),
    ]  # fmt: skip

    assert errors(*steps) == [("to_b", "/steps/2/to", "connect_loop"), ("to_a", "/steps/4/to", "connect_loop")]


def test_every_branch_of_a_multi_branch_split_begins_with_a_condition():
    steps = [
        branches("m", "entry", "x", "y", "z"), wait_for("in_x", ("m", "x")), send("in_y", ("m", "y")),
    ]  # fmt: skip

    assert errors(*steps) == [
        ("m", "/steps/0/branches/2", "branch_empty"),
        ("in_y", "/steps/2", "branch_needs_condition"),
    ]


def test_branches_that_the_same_people_take_are_warned_about():
    ordered, pro = {"event": "Order Completed"}, {"trait": "plan", "equals": "pro"}
    steps = [
        branches("m", "entry", "x", "y", "z", "other"),
        step("in_x", "condition", ("m", "x"), name="X", condition=where({"all": [ordered, pro]})),
        step("in_y", "condition", ("m", "y"), name="Y", condition=where({"all": [pro, ordered]})),
        step("in_z", "condition", ("m", "z"), name="Z", condition=where(pro)),
        wait_for("in_other", ("m", "other"), "Signed Out"),
    ]

    problems = [one for one in check(read(journey(*steps)), WORLD) if one.code == "branches_overlap"]

    assert [(one.severity, one.step, one.path, one.detail) for one in problems] == [
        (
            "warning",
            "m",
            "/steps/0/branches/1",
            "The branches x and y have the same condition: people take both of them.",
        ),
        (
            "warning",
            "m",
            "/steps/0/branches/2",
            "Whoever takes the branch x meets the condition of z too, and takes both.",
        ),
    ]
    assert errors(*steps) == []


def test_the_problems_of_a_condition_carry_its_place():
    steps = [
        step("c", "condition", "entry", name="Did", condition=where({"event": ""})),
        step("d", "condition", "c", name="Was", condition=where({"journey_step": "j_o_x", "member": True})),
    ]  # fmt: skip

    assert errors(*steps) == [
        ("c", "/steps/0/condition/where/event", "required"), ("d", "/steps/1/condition/where", "journey_step"),
    ]  # fmt: skip


def test_conditions_are_about_users():
    accounts = {"version": 1, "collection": "accounts", "where": {"event": "A"}}

    assert errors(step("c", "condition", "entry", name="Did", condition=accounts), entry=accounts) == [
        ("entry", "/entry/condition/collection", "users_only"), ("c", "/steps/0/condition/collection", "users_only"),
    ]  # fmt: skip


def test_references_to_deleted_audiences_are_told():
    member = where({"any": [{"audience": name, "member": True} for name in ("vips", "aud_1", "gone", "old")]})

    assert errors(entry=member) == [
        ("entry", "/entry/condition", "unknown_audience"), ("entry", "/entry/condition", "unknown_audience"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ({"destination": "dest"}, []),
        ({"destination": "ads", "send_identify": False, "send_track": False}, []),
        ({"destination": "gone"}, [("/destination", "unknown_destination")]),
        ({"destination": "off"}, [("/destination", "destination_disabled")]),
        ({"destination": "dest", "send_identify": False, "send_track": False}, [("", "nothing_sent")]),
        ({"destination": "dest", "enter_event": " ", "exit_event": ""},
         [("/enter_event", "name_required"), ("/exit_event", "name_required")]),
        ({"destination": "dest", "enter_event": "", "send_track": False}, []),
        ({"destination": "classic", "setup": "customized", "traits": [{"segment": "a", "destination": "a"}]},
         [("/traits", "traits_not_taken")]),
    ],
)  # fmt: skip
def test_connections(connection, expected):
    problems = errors(with_connections(connection))

    assert problems == [("s", f"/steps/0/connections/0{path}", code) for path, code in expected]


def test_a_destination_is_connected_once_to_a_step():
    problems = errors(with_connections({"destination": "dest"}, {"destination": "dest"}))

    assert problems == [("s", "/steps/0/connections/1/destination", "duplicate_destination")]


def test_without_knowledge_of_the_space_no_reference_is_checked():
    audience = where({"audience": "any", "member": True})

    assert found(with_connections({"destination": "any"}), entry=audience, world=World.unknown()) == []


def test_reentry_needs_an_exit():
    """journeys.md §5.1: re-entry needs both exit time and re-entry time."""
    assert errors(send("s", "entry"), reentry_after={"days": 30}) == [
        (None, "/settings/reentry_after", "reentry_without_exit")
    ]


@pytest.mark.parametrize(
    ("days", "expected"), [(7, []), (8, [("entry", "/entry/condition", "entry_window_longer_than_exit")])]
)
def test_an_entry_window_longer_than_the_exit_time_is_warned_about(days, expected):
    """journeys.md §1: advice shown, entry time window ≤ exit time."""
    entry = condition(window={"within": {"days": days}})

    assert warnings(send("s", "entry"), entry=entry, exit_after={"days": 7}, reentry_after={"days": 1}) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], [(None, "/steps", "no_steps")]),
        ([wait_for("c", "entry")], [(None, "/steps", "sends_nothing")]),
        ([send("s", "entry"), delay("d", "s")], [("d", "/steps/1", "nothing_follows")]),
        ([send("s", "entry"), split("t", "s")], [("t", "/steps/1", "nothing_follows")]),
    ],
)
def test_pointless_journeys_are_warned_about(steps, expected):
    assert warnings(*steps) == expected
    assert errors(*steps) == []


def test_an_ad_through_an_event_destination_is_warned_about():
    shown = ad("a", "entry")
    shown["connections"].append({"destination": "dest"})

    assert warnings(shown) == [("a", "/steps/0/connections/1/destination", "no_list_destination")]


def test_a_thousand_connected_steps_are_checked():
    steps = [split("s", "entry"), send("a", ("s", "true"))]
    steps += [connect(f"c{number}", ("s", "false"), "a") for number in range(500)]
    steps += [delay(f"d{number}", f"d{number - 1}" if number else "a") for number in range(498)]

    assert len(errors(*steps)) == 500
