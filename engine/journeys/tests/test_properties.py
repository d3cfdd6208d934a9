"""What is true of every person in every journey."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions import parse
from engine.journeys import plan as plans
from engine.journeys.definition import canonical, read
from engine.journeys.person import AudienceFacts
from engine.journeys.problems import World, check, errors_of
from engine.journeys.steps.random import draw as draw_of
from engine.journeys.tests.building import T0, where
from engine.journeys.tests.strategies import journeys, offsets, people
from engine.journeys.walk import Walker, walk

UNTIL = T0 + timedelta(days=8)
ACTIVE = AudienceFacts(
    names=frozenset({"active"}), condition=parse(where({"event": "A", "window": {"within": {"days": 1}}}))
)
STRUCTURE = {
    "orphan", "cycle", "two_followers", "connect_loop", "connect_backwards", "unknown_target", "branch_required",
    "unknown_branch", "no_branches", "after_connect", "target_is_connect",
}  # fmt: skip
STATED = {"published_at": T0, "journey_id": "jou_1", "audiences": [ACTIVE]}
quick = settings(max_examples=60, deadline=None)


def exclusive(step):
    return step is not None and step.splits and not step.side_by_side


@quick
@given(journeys())
def test_random_journeys_are_well_formed_and_come_out_as_they_went_in(definition):
    journey = read(definition)

    assert STRUCTURE.isdisjoint(problem.code for problem in errors_of(check(journey, World.unknown())))
    assert json.dumps(canonical(read(canonical(journey)))) == json.dumps(canonical(journey))
    assert set(plans.compile(journey).steps) == {"entry"} | {step.id for step in journey.steps if step.target() is None}


@quick
@given(journeys(), people())
def test_nobody_is_in_two_exclusive_branches(definition, person):
    plan = plans.compile(read(definition))

    result = walk(plan, person, until=UNTIL, **STATED)

    for run in result.runs:
        for position in run.positions.values():
            split = plan.steps[position.step_id]
            if not exclusive(split.step) or position.joined_at is None:
                continue
            taken = set(plan.children(position.step_id, position.branch))
            for other in set(split.following) - taken:
                ways_in = [parent for parent in plan.parents(other) if parent != position.step_id]
                assert other not in run.positions or any(parent in run.positions for parent in ways_in)


@quick
@given(journeys(), people())
def test_nobody_moves_backwards_or_joins_a_step_twice(definition, person):
    plan = plans.compile(read(definition))

    result = walk(plan, person, until=UNTIL, **STATED)

    times = [entry.at for entry in result.trace]
    assert times == sorted(times)
    for number, run in enumerate(result.runs, start=1):
        joined = [
            entry.step_id for entry in result.trace
            if entry.run == number and entry.sentence.split()[0] not in ("Left", "Gave")
            and entry.kind in ("entered", "joined", "branch")
        ]  # fmt: skip
        assert len(joined) == len(set(joined))
        for position in run.positions.values():
            arrivals = [run.positions[p].joined_at for p in plan.parents(position.step_id) if p in run.positions]
            earliest = min((at for at in arrivals if at is not None), default=None)
            assert position.step_id == "entry" or (earliest is not None and earliest <= position.arrived_at)
            assert position.joined_at is None or position.joined_at >= position.arrived_at
            assert position.left_at is None or position.left_at >= position.arrived_at


@quick
@given(journeys(), people())
def test_everything_sent_is_taken_back_once_or_never(definition, person):
    plan = plans.compile(read(definition))

    result = walk(plan, person, until=UNTIL, **STATED)

    for number, run in enumerate(result.runs, start=1):
        for step_id in plan.sending:
            sent = [e.value for e in result.trace if (e.run, e.step_id, e.kind) == (number, step_id, "sent")]
            position = run.positions.get(step_id)
            assert sent in ([], [True], [True, False])
            assert bool(sent) is (position is not None and position.joined_at is not None)
            assert (sent == [True, False]) is (position is not None and position.removed_at is not None)
            assert run.is_open or sent != [True]


@quick
@given(journeys(), people(), st.lists(offsets, max_size=6))
def test_a_walk_does_not_depend_on_how_its_time_is_cut(definition, person, cuts):
    plan = plans.compile(read(definition))
    whole = walk(plan, person, until=UNTIL, **STATED)
    walker = Walker(plan, person, **STATED)

    for cut in sorted(cuts):
        walker.walk_until(min(cut, UNTIL))
    result = walker.walk_until(UNTIL)

    assert result.runs == whole.runs
    assert [entry.as_json() for entry in result.trace] == [entry.as_json() for entry in whole.trace]
    assert result.next_at == whole.next_at


@quick
@given(journeys(), people())
def test_tracing_changes_nothing(definition, person):
    plan = plans.compile(read(definition))

    traced = walk(plan, person, until=UNTIL, **STATED)
    plain = walk(plan, person, until=UNTIL, with_trace=False, **STATED)

    assert plain.runs == traced.runs
    assert plain.next_at == traced.next_at


@quick
@given(journeys(), people())
def test_runs_follow_each_other_by_the_settings(definition, person):
    journey = read(definition)

    result = walk(plans.compile(journey), person, until=UNTIL, **STATED)

    assert len(result.runs) <= 1 or journey.reentry_after is not None
    for before, after in zip(result.runs, result.runs[1:], strict=False):
        assert before.ended_at == before.exit_at == before.entered_at + journey.exit_after
        assert after.entered_at >= before.reentry_at == before.ended_at + journey.reentry_after


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_draw_is_sticky_and_in_range(journey_id, step_id, segment_id):
    drawn = draw_of(journey_id, step_id, segment_id)

    assert drawn == draw_of(journey_id, step_id, segment_id)
    assert 0 <= drawn < 10_000
