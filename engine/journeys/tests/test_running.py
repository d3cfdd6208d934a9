"""What happens to one run, and when (journeys.md §2, §3, §4.1, §5.1)."""

from __future__ import annotations

import pytest

from engine.journeys.running import (
    Arrived,
    Completed,
    Exited,
    Joined,
    Judged,
    Left,
    Removed,
    Sent,
    Waiting,
    advance,
    begin,
    end,
)
from engine.journeys.steps.random import draw
from engine.journeys.tests.building import (
    DAY,
    HOUR,
    NO,
    T0,
    YES,
    ad,
    branches,
    by_chance,
    connect,
    delay,
    plan_of,
    send,
    split,
    wait_for,
)


def start(plan, now=T0, **more):
    return begin(plan, now=now, journey_id="jou_1", segment_id="use_1", **more)


def test_entering_a_journey_without_steps_completes_it():
    plan = plan_of()
    run = start(plan)

    advanced = advance(plan, run, T0)

    assert advanced.effects == [Arrived("entry"), Joined("entry"), Completed("entry")]
    assert advanced.needs == frozenset()
    assert run.positions["entry"].is_here
    assert run.is_open


def test_a_delay_holds_until_its_time_has_passed():
    plan = plan_of(delay("wait", "entry", hours=1), send("sent", "wait"))
    run = start(plan)

    entered = advance(plan, run, T0).effects
    early = advance(plan, run, T0 + HOUR / 2).effects
    due = run.due_at()
    late = advance(plan, run, T0 + HOUR).effects

    assert entered == [Arrived("entry"), Joined("entry"), Arrived("wait"), Joined("wait"), Left("entry")]
    assert early == []
    assert due == T0 + HOUR
    assert late == [Left("wait"), Arrived("sent"), Joined("sent"), Sent("sent", True), Completed("sent")]
    assert run.due_at() is None


def test_a_delay_at_the_end_completes_when_its_time_has_passed():
    plan = plan_of(delay("wait", "entry", hours=1))
    run = start(plan)

    advance(plan, run, T0)
    completed = run.completed_at
    effects = advance(plan, run, T0 + HOUR).effects

    assert completed is None
    assert effects == [Left("wait"), Completed("wait")]
    assert run.completed_at == T0 + HOUR


def test_a_condition_waits_and_is_judged_again_when_asked_or_due():
    plan = plan_of(wait_for("order", "entry"), send("sent", "order"))
    run = start(plan)

    first = advance(plan, run, T0)
    second = advance(plan, run, T0, {"order": Judged(False, T0 + DAY)})
    untouched = advance(plan, run, T0 + HOUR)
    asked = advance(plan, run, T0 + HOUR, judge={"order"})
    due = advance(plan, run, T0 + DAY)
    joined = advance(plan, run, T0 + DAY, {"order": YES})

    assert first.needs == {"order"}
    assert first.effects == [Arrived("entry"), Joined("entry"), Arrived("order")]
    assert second.effects == [Waiting("order", T0 + DAY)]
    assert (untouched.effects, untouched.needs) == ([], frozenset())
    assert (asked.effects, asked.needs) == ([], {"order"})
    assert due.needs == {"order"}
    assert joined.effects == [
        Joined("order"), Left("entry"), Arrived("sent"), Joined("sent"), Sent("sent", True), Left("order"),
        Completed("sent"),
    ]  # fmt: skip
    assert run.positions["order"].arrived_at == T0
    assert run.positions["order"].joined_at == T0 + DAY


def test_a_verdict_that_only_changes_its_recheck_moves_the_wake_up():
    plan = plan_of(wait_for("order", "entry"))
    run = start(plan)
    advance(plan, run, T0)
    advance(plan, run, T0, {"order": Judged(False, T0 + HOUR)})

    effects = advance(plan, run, T0 + HOUR, {"order": NO}).effects
    again = advance(plan, run, T0 + 2 * HOUR, {"order": NO}).effects

    assert effects == [Waiting("order", None)]
    assert again == []
    assert run.due_at() is None


@pytest.mark.parametrize(("verdict", "branch", "end"), [(YES, "true", "sent"), (NO, "false", "wait")])
def test_a_true_false_split_is_judged_once_on_arrival(verdict, branch, end):
    plan = plan_of(split("split", "entry"), send("sent", ("split", "true")), delay("wait", ("split", "false")))
    run = start(plan)

    needs = advance(plan, run, T0).needs
    advance(plan, run, T0, {"split": verdict})
    advance(plan, run, T0 + DAY, {"split": YES}, judge={"split"})

    assert needs == {"split"}
    assert run.positions["split"].branch == branch
    assert set(run.positions) == {"entry", "split", end}


def test_a_branch_without_steps_completes_when_it_is_taken():
    plan = plan_of(split("split", "entry"), send("sent", ("split", "true")))
    run = start(plan)

    advance(plan, run, T0)
    effects = advance(plan, run, T0, {"split": NO}).effects

    assert effects == [Joined("split", "false"), Left("entry"), Completed("split")]
    assert run.positions["split"].is_here


def test_all_branches_of_a_multi_branch_split_wait_side_by_side():
    """journeys.md §2: not exclusive, a person may enter several branches, also later."""
    plan = plan_of(
        branches("many", "entry", "x", "y"), wait_for("in_x", ("many", "x")), wait_for("in_y", ("many", "y"))
    )
    run = start(plan)
    needs = advance(plan, run, T0).needs
    advance(plan, run, T0, {"in_x": NO, "in_y": NO})

    first = advance(plan, run, T0 + HOUR, {"in_y": YES}).effects
    second = advance(plan, run, T0 + DAY, {"in_x": YES}).effects

    assert needs == {"in_x", "in_y"}
    assert first == [Joined("in_y"), Left("many"), Completed("in_y")]
    assert second == [Joined("in_x")]


def test_a_join_is_entered_by_the_first_who_arrives_and_sends_once():
    """journeys.md §2, connect: sent to the destination only on first arrival."""
    plan = plan_of(
        branches("many", "entry", "x", "y"), wait_for("in_x", ("many", "x")), wait_for("in_y", ("many", "y")),
        send("sent", "in_x"), connect("link", "in_y", "sent"),
    )  # fmt: skip
    run = start(plan)
    advance(plan, run, T0)
    advance(plan, run, T0, {"in_x": NO, "in_y": NO})

    first = advance(plan, run, T0 + HOUR, {"in_y": YES}).effects
    second = advance(plan, run, T0 + DAY, {"in_x": YES}).effects

    assert first == [
        Joined("in_y"), Left("many"), Arrived("sent"), Joined("sent"), Sent("sent", True), Left("in_y"),
        Completed("sent"),
    ]  # fmt: skip
    assert second == [Joined("in_x"), Left("in_x")]


def test_both_ways_into_a_waiting_step_are_left_when_it_is_joined():
    plan = plan_of(
        branches("many", "entry", "x", "y"), wait_for("in_x", ("many", "x")), wait_for("in_y", ("many", "y")),
        wait_for("both", "in_x"), connect("link", "in_y", "both"),
    )  # fmt: skip
    run = start(plan)
    advance(plan, run, T0)
    advance(plan, run, T0, {"in_x": YES, "in_y": YES})
    advance(plan, run, T0, {"both": NO})

    effects = advance(plan, run, T0 + HOUR, {"both": YES}).effects

    assert effects == [Joined("both"), Left("in_x"), Left("in_y"), Completed("both")]


def test_a_delay_is_not_left_because_its_follower_was_joined_another_way():
    plan = plan_of(
        branches("many", "entry", "x", "y"), wait_for("in_x", ("many", "x")), wait_for("in_y", ("many", "y")),
        delay("wait", "in_x", days=1), send("sent", "wait"), connect("link", "in_y", "sent"),
    )  # fmt: skip
    run = start(plan)
    advance(plan, run, T0)
    advance(plan, run, T0, {"in_x": YES, "in_y": YES})

    still_there = run.positions["wait"].is_here
    effects = advance(plan, run, T0 + DAY).effects

    assert still_there
    assert run.positions["sent"].joined_at == T0
    assert effects == [Left("wait")]


def test_chance_decides_by_the_person_and_not_by_the_entry():
    """journeys.md §2, randomized split: on re-entry the same branch."""
    plan = plan_of(by_chance("draw", "entry", a=50, b=50))
    runs = [start(plan, now=T0 + DAY * days) for days in range(3)]

    for run in runs:
        advance(plan, run, run.entered_at)

    assert {run.positions["draw"].branch for run in runs} == {"a" if draw("jou_1", "draw", "use_1") < 5000 else "b"}


def test_chance_follows_the_shares():
    plan = plan_of(by_chance("draw", "entry", a=12.5, b=87.5))
    runs = [begin(plan, now=T0, journey_id="jou_1", segment_id=f"use_{number}") for number in range(4_000)]

    for run in runs:
        advance(plan, run, T0)

    in_a = sum(run.positions["draw"].branch == "a" for run in runs)
    assert in_a == sum(draw("jou_1", "draw", f"use_{number}") < 1250 for number in range(4_000))
    assert 400 < in_a < 600


def test_an_ad_is_removed_after_its_time_and_the_person_stays():
    """journeys.md §4.1, row "Show an ad removal time passed"."""
    plan = plan_of(ad("ad", "entry", {"days": 3}), wait_for("order", "ad"))
    run = start(plan)
    advance(plan, run, T0)
    advance(plan, run, T0, {"order": NO})

    due = run.due_at()
    effects = advance(plan, run, T0 + 3 * DAY).effects
    again = advance(plan, run, T0 + 4 * DAY).effects

    assert due == T0 + 3 * DAY
    assert effects == [Sent("ad", False), Removed("ad")]
    assert again == []
    assert run.positions["ad"].is_here
    assert run.positions["ad"].removed_at == T0 + 3 * DAY
    assert run.is_open


def test_an_ad_is_removed_also_after_the_person_went_on():
    plan = plan_of(ad("ad", "entry", {"days": 3}), send("sent", "ad"))
    run = start(plan)
    advance(plan, run, T0)

    effects = advance(plan, run, T0 + 3 * DAY).effects

    assert run.positions["ad"].left_at == T0
    assert effects == [Sent("ad", False), Removed("ad")]


def test_entering_a_send_step_sends_true():
    """journeys.md §4.1, row "Enters the step"."""
    plan = plan_of(send("sent", "entry"))
    run = start(plan)

    effects = advance(plan, run, T0).effects

    assert [effect for effect in effects if isinstance(effect, Sent)] == [Sent("sent", True)]


def test_no_longer_meeting_the_conditions_changes_nothing():
    """journeys.md §4.1, row "No longer meets the step's conditions"."""
    plan = plan_of(wait_for("order", "entry"), send("sent", "order"))
    run = start(plan)
    advance(plan, run, T0)
    advance(plan, run, T0, {"order": YES})

    advanced = advance(plan, run, T0 + DAY, {"order": NO}, judge={"order"})

    assert (advanced.effects, advanced.needs) == ([], frozenset())


def test_the_exit_sends_false_from_every_step_that_sent_and_leaves_all():
    """journeys.md §4.1, row "Journey exit", and §5.1: leaves every step and every destination."""
    plan = plan_of(
        ad("gone", "entry", {"days": 1}), send("sent", "gone"), wait_for("order", "sent"),
        exit_after={"days": 7}, reentry_after={"days": 30},
    )  # fmt: skip
    run = start(plan)
    advance(plan, run, T0)
    advance(plan, run, T0, {"order": Judged(False, T0 + 9 * DAY)})
    advance(plan, run, T0 + DAY)

    before = advance(plan, run, T0 + 7 * DAY - HOUR).effects
    effects = advance(plan, run, T0 + 7 * DAY, {"order": YES}).effects
    after = advance(plan, run, T0 + 9 * DAY, {"order": YES}, judge={"order"}).effects

    assert before == []
    assert effects == [
        Sent("sent", False), Removed("sent"), Left("sent"), Left("order", gave_up=True), Exited(),
    ]  # fmt: skip
    assert after == []
    assert (run.ended_at, run.end_reason) == (T0 + 7 * DAY, "exited")
    assert run.reentry_at == T0 + 37 * DAY
    assert run.due_at() is None


def test_without_exit_settings_nobody_leaves():
    """journeys.md §4.1: without exit settings members stay in destination steps permanently."""
    plan = plan_of(send("sent", "entry"))
    run = start(plan)
    advance(plan, run, T0)

    effects = advance(plan, run, T0 + 36_000 * DAY).effects

    assert effects == []
    assert run.positions["sent"].is_here


def test_the_exit_wins_over_what_is_due_at_the_same_time():
    plan = plan_of(delay("wait", "entry", days=7), send("sent", "wait"), exit_after={"days": 7})
    run = start(plan)
    advance(plan, run, T0)

    effects = advance(plan, run, T0 + 7 * DAY).effects

    assert effects == [Left("wait"), Exited()]


def test_archiving_ends_a_run_and_sends_nothing():
    """journeys.md §4.1, row "Archive", and §5: progress stops, nothing sent."""
    plan = plan_of(send("sent", "entry"), delay("wait", "sent"), send("late", "wait"), exit_after={"days": 7})
    run = start(plan)
    advance(plan, run, T0)

    effects = end(run, T0 + HOUR / 2, "archived")
    after = advance(plan, run, T0 + 8 * DAY).effects

    assert effects == [Left("wait")]
    assert after == []
    assert (run.end_reason, run.reentry_at) == ("archived", None)


def test_late_work_is_dated_now_and_not_back():
    plan = plan_of(delay("a", "entry", hours=1), delay("b", "a", hours=1))
    run = start(plan)
    advance(plan, run, T0)

    advance(plan, run, T0 + 5 * HOUR)

    assert run.positions["a"].left_at == T0 + 5 * HOUR
    assert run.positions["b"].wake_at == T0 + 6 * HOUR


def test_a_run_that_was_moved_here_starts_at_its_step():
    plan = plan_of(delay("a", "entry"), delay("b", "a"), send("sent", "b"))
    run = start(plan, origin="b")

    effects = advance(plan, run, T0).effects

    assert effects == [Arrived("entry"), Joined("entry"), Left("entry"), Arrived("b"), Joined("b")]
    assert run.positions["b"].wake_at == T0 + HOUR


def test_what_is_due_together_happens_in_the_order_of_the_journey():
    plan = plan_of(
        branches("many", "entry", "x", "y"), wait_for("in_x", ("many", "x")), wait_for("in_y", ("many", "y"))
    )
    run = start(plan)
    advance(plan, run, T0)
    advance(plan, run, T0, {"in_x": NO, "in_y": NO})
    run.positions = dict(reversed(run.positions.items()))

    effects = advance(plan, run, T0 + HOUR, {"in_y": YES, "in_x": YES}).effects

    assert effects == [Joined("in_x"), Left("many"), Completed("in_x"), Joined("in_y")]


def test_a_step_without_its_condition_is_never_passed():
    plan = plan_of({"id": "c", "type": "condition", "after": "entry"}, send("sent", "c"))
    run = start(plan)

    advanced = advance(plan, run, T0)

    assert advanced.needs == frozenset()
    assert set(run.positions) == {"entry", "c"}


def test_hundreds_of_steps_are_passed_at_once():
    steps = [send(f"s{number}", f"s{number - 1}" if number else "entry") for number in range(1_000)]
    plan = plan_of(*steps)
    run = start(plan)

    advance(plan, run, T0)

    assert run.completed_at == T0
    assert len(run.positions) == 1_001
