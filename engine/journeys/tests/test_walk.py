"""One person on the virtual clock: exact instants, evidence, audiences, re-entry."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from engine.conditions import EventRecord, Options, parse
from engine.journeys import walk as walks
from engine.journeys.person import AudienceFacts, Person, ProfileWrite
from engine.journeys.tests.building import (
    DAY,
    HOUR,
    T0,
    ad,
    branches,
    by_chance,
    condition,
    delay,
    plan_of,
    send,
    split,
    step,
    wait_for,
    where,
)
from engine.journeys.walk import Walker, WalkTooLongError, walk


def event(name, at, *, happened=None, kind="track", **properties):
    return EventRecord(
        id=f"{name}-{at.isoformat()}", type=kind, name=name, timestamp=happened or at, received_at=at,
        properties=properties,
    )  # fmt: skip


def person(*events, **more):
    more.setdefault("identifiers", {"user_id": ["u1"]})
    return Person(segment_id="use_1", events=events, **more)


def walked(plan, someone, until=T0 + 400 * DAY, **more):
    return walk(plan, someone, journey_id="jou_1", published_at=T0, until=until, **more)


def told(result):
    return [(entry.at - T0, entry.step_id, entry.kind) for entry in result.trace if entry.kind != "left"]


SIGNED_UP = event("Signed Up", T0 + HOUR)
SEED = plan_of(
    delay("wait", "entry", hours=1), split("split", "wait"), send("thanks", ("split", "true")),
    send("remind", ("split", "false"), name="Others"),
)  # fmt: skip


def test_the_example_of_the_definitions_takes_the_true_branch():
    result = walked(SEED, person(SIGNED_UP, event("Order Completed", T0 + HOUR * 1.5)))

    assert told(result) == [
        (timedelta(0), "entry", "not_entered"),
        (HOUR, "entry", "entered"),
        (HOUR, "wait", "waiting"),
        (2 * HOUR, "split", "branch"),
        (2 * HOUR, "thanks", "joined"),
        (2 * HOUR, "thanks", "sent"),
        (2 * HOUR, "thanks", "completed"),
    ]
    assert [entry.sentence for entry in result.trace if entry.kind == "branch"] == [
        "Took branch Buyers: Order Completed happened once, at least 1 needed."
    ]
    assert result.next_at is None


def test_a_decision_is_told_with_its_evidence():
    result = walked(SEED, person(SIGNED_UP, event("Order Completed", T0 + HOUR * 3)))

    (decision,) = [entry for entry in result.trace if entry.kind == "branch"]
    assert decision.sentence == "Took branch Others: Order Completed happened 0 times, at least 1 needed."
    assert decision.branch == "false"
    assert decision.as_json()["evidence"]["facts"] == {"count": 0, "wanted": {"gte": 1}, "events": []}
    assert json.dumps(decision.as_json())[:60] == '{"at": "2026-03-01T14:00:00Z", "run": 1, "step": "split", "k'


def test_an_order_during_a_delay_counts_only_after_publication():
    """journeys.md §3: later steps see only events after publication, historical entry or not."""
    result = walked(SEED, person(event("Signed Up", T0 - DAY), event("Order Completed", T0 - DAY)))

    assert [entry.branch for entry in result.trace if entry.kind == "branch"] == ["false"]


@pytest.mark.parametrize(("use_historical", "entered"), [(True, [T0]), (False, [])])
def test_history_counts_for_the_entry_if_the_entry_says_so(use_historical, entered):
    plan = plan_of(send("sent", "entry"), use_historical=use_historical)

    result = walked(plan, person(event("Signed Up", T0 - DAY)))

    assert [run.entered_at for run in result.runs] == entered


def test_anonymous_people_enter_once_they_are_known():
    plan = plan_of(send("sent", "entry"))
    known = ProfileWrite(at=T0 + DAY, identifiers={"email": ["a@example.com"]})

    result = walked(plan, person(SIGNED_UP, identifiers={"anonymous_id": ["x"]}, writes=[known]))

    assert [run.entered_at for run in result.runs] == [T0 + DAY]
    assert result.trace[0].sentence == "Has not entered: has no user ID, e-mail or other known identifier yet."


def test_an_identifier_that_appears_during_a_wait_ends_it():
    plan = plan_of(
        step("c", "condition", "entry", name="Phone", condition=where({"identifier": "phone", "exists": True}))
    )
    added = ProfileWrite(at=T0 + 2 * DAY, identifiers={"phone": ["+491"]})

    result = walked(plan, person(SIGNED_UP, writes=[added]))

    assert result.runs[0].positions["c"].joined_at == T0 + 2 * DAY


def test_a_trait_counts_from_when_it_was_written():
    plan = plan_of(step("c", "condition", "entry", name="Paid", condition=where({"trait": "plan", "equals": "pro"})))
    writes = [ProfileWrite(at=T0 + 3 * DAY, traits={"plan": "pro"}), ProfileWrite(at=T0 + DAY, traits={"plan": "free"})]

    result = walked(plan, person(SIGNED_UP, writes=writes))

    assert result.runs[0].positions["c"].joined_at == T0 + 3 * DAY
    assert result.trace[2].sentence == (
        "Waits at “Paid”: trait plan is missing (not as asked: have a trait “plan” that is “pro”)."
    )


def test_a_condition_that_time_makes_true_is_met_at_that_very_instant():
    quiet = {"event": "Opened", "count": {"eq": 0}, "window": {"within": {"days": 3}}}
    plan = plan_of(step("c", "condition", "entry", name="Quiet", condition=where(quiet)))

    result = walked(plan, person(SIGNED_UP, event("Opened", T0 + HOUR / 2)))

    assert result.runs[0].positions["c"].wake_at is None
    assert result.runs[0].positions["c"].joined_at == T0 + HOUR / 2 + 3 * DAY


def test_a_late_event_is_seen_when_it_arrives():
    plan = plan_of(wait_for("c", "entry"))

    result = walked(plan, person(SIGNED_UP, event("Order Completed", T0 + 5 * DAY, happened=T0 + 2 * DAY)))

    assert result.runs[0].positions["c"].joined_at == T0 + 5 * DAY


def test_events_come_before_what_is_due_at_the_same_instant():
    result = walked(SEED, person(SIGNED_UP, event("Order Completed", T0 + 2 * HOUR)))

    assert [entry.branch for entry in result.trace if entry.kind == "branch"] == ["true"]


def test_audiences_are_judged_at_the_virtual_time_with_history():
    """journeys.md §3, table: audience reference in a later step, history included."""
    buyers = AudienceFacts(
        names=frozenset({"buyers", "aud_1"}), condition=parse(condition(window={"within": {"days": 2}}))
    )
    plan = plan_of(
        step("c", "condition", "entry", name="Gone", condition=where({"audience": "aud_1", "member": False})),
        split("split", "c", event="X"),
    )

    result = walked(plan, person(SIGNED_UP, event("Order Completed", T0 - DAY)), audiences=[buyers])

    assert result.runs[0].positions["c"].arrived_at == T0 + HOUR
    assert result.runs[0].positions["c"].joined_at == T0 + DAY


def test_audiences_may_refer_to_audiences():
    inner = AudienceFacts(names=frozenset({"buyers"}), condition=parse(condition()))
    outer = AudienceFacts(
        names=frozenset({"outer"}), condition=parse(where({"audience": "buyers", "member": True})),
        options=Options(include_anonymous=False),
    )  # fmt: skip
    plan = plan_of(send("sent", "entry"), entry=where({"audience": "outer", "member": True}))

    result = walked(plan, person(event("Order Completed", T0 + DAY)), audiences=[outer, inner])

    assert [run.entered_at for run in result.runs] == [T0 + DAY]


def test_a_deleted_audience_keeps_the_membership_it_had():
    plan = plan_of(send("sent", "entry"), entry=where({"audience": "old", "member": True}))

    result = walked(plan, person(memberships=frozenset({"old"})))

    assert [run.entered_at for run in result.runs] == [T0]


def test_reentry_happens_when_both_times_have_passed_and_the_entry_still_holds():
    """journeys.md §5.1, example: exit 7 days, re-entry 30 days."""
    plan = plan_of(send("sent", "entry"), exit_after={"days": 7}, reentry_after={"days": 30})

    result = walked(plan, person(SIGNED_UP), until=T0 + HOUR + 100 * DAY)

    assert [run.entered_at - T0 - HOUR for run in result.runs] == [timedelta(0), 37 * DAY, 74 * DAY]
    assert [run.ended_at is None for run in result.runs] == [False, False, False]
    assert [entry.value for entry in result.trace if entry.kind == "sent"] == [True, False] * 3
    assert result.next_at == T0 + HOUR + 111 * DAY


def test_reentry_waits_for_the_entry_to_hold_again():
    plan = plan_of(
        send("sent", "entry"), entry=condition("Signed Up", window={"within": {"days": 2}}), exit_after={"days": 7},
        reentry_after={"days": 30},
    )  # fmt: skip
    again = event("Signed Up", T0 + 60 * DAY)
    too_soon = event("Signed Up", T0 + 20 * DAY)

    result = walked(plan, person(SIGNED_UP, too_soon, again), until=T0 + 90 * DAY)

    assert [run.entered_at for run in result.runs] == [T0 + HOUR, T0 + 60 * DAY]


def test_without_reentry_one_entry_is_all():
    plan = plan_of(send("sent", "entry"), exit_after={"days": 7})

    result = walked(plan, person(SIGNED_UP, event("Signed Up", T0 + 30 * DAY)))

    assert len(result.runs) == 1
    assert result.next_at is None


def test_the_same_person_takes_the_same_chance_on_reentry():
    plan = plan_of(by_chance("draw", "entry", a=50, b=50), exit_after={"days": 1}, reentry_after={"days": 1})

    result = walked(plan, person(SIGNED_UP), until=T0 + 20 * DAY)

    assert len(result.runs) == 10
    assert len({run.positions["draw"].branch for run in result.runs}) == 1


def test_an_ad_is_taken_off_in_time():
    plan = plan_of(ad("ad", "entry", {"days": 2}), wait_for("c", "ad"))

    result = walked(plan, person(SIGNED_UP))

    assert [(entry.at - SIGNED_UP.received_at, entry.value) for entry in result.trace if entry.kind == "sent"] == [
        (timedelta(0), True), (2 * DAY, False),
    ]  # fmt: skip


def test_side_by_side_branches_are_joined_each_in_its_time():
    plan = plan_of(
        branches("m", "entry", "x", "y"), wait_for("x1", ("m", "x"), event="X"), wait_for("y1", ("m", "y"), event="Y")
    )

    result = walked(plan, person(SIGNED_UP, event("Y", T0 + DAY), event("X", T0 + 2 * DAY)))

    positions = result.runs[0].positions
    assert (positions["y1"].joined_at, positions["x1"].joined_at) == (T0 + DAY, T0 + 2 * DAY)
    assert positions["m"].left_at == T0 + DAY


def test_without_tracing_the_runs_are_the_same():
    someone = person(SIGNED_UP, event("Order Completed", T0 + HOUR * 1.5))

    traced, plain = walked(SEED, someone), walked(SEED, someone, with_trace=False)

    assert plain.runs == traced.runs
    assert plain.trace == []


def test_a_walk_stops_at_its_end_and_says_when_it_would_go_on():
    walker = Walker(SEED, person(SIGNED_UP), journey_id="jou_1", published_at=T0)

    early = walker.walk_until(T0 + HOUR)
    next_at = early.next_at
    late = walker.walk_until(T0 + 2 * HOUR)

    assert next_at == T0 + 2 * HOUR
    assert late.runs[0].completed_at == T0 + 2 * HOUR


def test_a_journey_that_never_rests_is_stopped(monkeypatch):
    monkeypatch.setattr(walks, "MOST_INSTANTS", 50)
    plan = plan_of(send("sent", "entry"), exit_after={"minutes": 1}, reentry_after={"minutes": 1})

    with pytest.raises(WalkTooLongError):
        walked(plan, person(SIGNED_UP))


def test_the_state_a_payload_is_made_of():
    someone = person(traits={"a": 1}, writes=[ProfileWrite(at=T0 + DAY, traits={"a": 2}, identifiers={"email": ["e"]})])

    assert someone.profile_at(T0) == ({"a": 1}, {"user_id": ["u1"]})
    assert someone.profile_at(T0 + DAY) == ({"a": 2}, {"user_id": ["u1"], "email": ["e"]})
