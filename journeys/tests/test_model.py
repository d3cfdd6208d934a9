"""Random journeys, random lives: live engine, dry run, single-person test and a naive reference agree in everything.

`ENGAGE_MODEL_EXAMPLES=500` looks at more of them, `ENGAGE_MODEL_SHRINK=1` looks for the smallest that fails.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from audiences.models import Audience
from audiences.services.audiences import start_run
from engine.conditions import EventRecord, Options, parse
from engine.journeys.plan import Plan
from journeys.models import JourneyVersion
from journeys.services.histories import Arrival, Traits
from journeys.services.simulating import Period, Simulation, sendings_of
from journeys.tests import strategies_journeys
from journeys.tests.factories import run_backfills
from journeys.tests.living import Course, Living, Stayed, calls, courses, live_counts, passed
from journeys.tests.reference import Audience as ReferenceAudience
from journeys.tests.reference import Reference, Subject
from journeys.tests.stage import START, Stage, staged
from journeys.tests.strategies_journeys import AUDIENCE, AUDIENCE_DEFINITION, Life
from profiles.models import Profile
from spaces.models import Space

EXAMPLES = int(os.environ.get("ENGAGE_MODEL_EXAMPLES", "30"))
IS_LONG = "ENGAGE_MODEL_EXAMPLES" in os.environ
UNTIL = START + timedelta(days=16)
JOURNEY_ID = "journey001"
DESTINATION_IDS = ["hook000001", "hook000002"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(space: Space):
    with staged(space) as stage:
        for public_id in DESTINATION_IDS:
            destination = stage.hook()
            type(destination).objects.filter(pk=destination.pk).update(public_id=public_id)
        audience = Audience.objects.create(
            space=space, key=AUDIENCE, name="VIP", definition=AUDIENCE_DEFINITION, include_anonymous=True
        )
        start_run(audience)
        run_backfills()
        yield stage


def reference(definition, life: Life, segment_id: str, journey_id: str) -> Course:
    kind = "user_id" if life.is_known else "anonymous_id"
    subject = Subject(
        segment_id=segment_id,
        identifiers={kind: ["person"]},
        events=[
            EventRecord(
                id=str(number),
                type="track",
                name=one.name,
                timestamp=START + one.offset,
                received_at=START + one.offset + one.late,
                properties=one.properties,
            )
            for number, one in enumerate(life.happenings)
            if one.name
        ],
        writes=[(START + one.offset + one.late, one.traits) for one in life.happenings if one.traits],
    )
    audience = ReferenceAudience(name=AUDIENCE, condition=parse(AUDIENCE_DEFINITION), options=Options())
    found = Reference(
        definition, subject, journey_id=journey_id, published_at=START, until=UNTIL, audiences=[audience]
    ).follow()
    return Course(
        passes=tuple(
            passed(
                run.entered,
                run.completed,
                run.ended,
                [
                    Stayed(name, stay.arrived, stay.joined, stay.left, stay.branch, stay.removed)
                    for name, stay in run.stays.items()
                ],
            )
            for run in found.passes
        ),
        sends=tuple(sorted(found.sends)),
    )


def walked(simulation: Simulation, profile: Profile) -> Course:
    """The walk of the test and of the dry run, over what is stored of the person now."""
    stored = simulation.loader.one(profile.id)
    assert stored is not None
    return course_of(simulation.plan, simulation.walk(simulation.person(stored), with_trace=True).runs)


def course_of(plan: Plan, runs) -> Course:
    return Course(
        passes=tuple(
            passed(
                run.entered_at,
                run.completed_at,
                run.ended_at,
                [
                    Stayed(one.step_id, one.arrived_at, one.joined_at, one.left_at, one.branch, one.removed_at)
                    for one in run.positions.values()
                ],
            )
            for run in runs
        ),
        sends=tuple(sorted((one.at, one.step, one.value) for one in sendings_of(plan, runs))),
    )


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=not IS_LONG,
    # Shrinking runs the whole engine hundreds of times.
    phases=[Phase.generate, *([Phase.shrink] if os.environ.get("ENGAGE_MODEL_SHRINK") else [])],
    suppress_health_check=list(HealthCheck),
)
@given(
    definition=strategies_journeys.definitions(DESTINATION_IDS),
    lives=st.lists(strategies_journeys.lives, min_size=1, max_size=4),
    kills=st.lists(st.integers(3, 60), max_size=6),
)
def test_all_ways_of_running_a_journey_agree(stage: Stage, definition, lives, kills):
    stage.clock.move_to(START)
    with transaction.atomic():
        living = Living(stage, lives, kills=kills)

        version = living.go(definition, until=UNTIL)

        lived = courses(version, living.people)
        simulation = Simulation.of_definition(
            space=stage.space,
            journey=version.journey,
            definition=definition,
            period=Period(from_at=START, to_at=UNTIL),
            traits=Traits.AS_WRITTEN,
            arrival=Arrival.RECEIVED,
        )
        for life, profile in zip(lives, living.people, strict=True):
            expected = reference(definition, life, profile.segment_id, version.journey.public_id)
            told = json.dumps(definition)
            assert walked(simulation, profile).lines() == expected.lines(), (told, life)
            assert lived[profile.id].lines() == expected.lines(), (told, life)
        _check_counts(version, simulation, lived)
        made = Counter((one.step, one.profile_id, one.at, one.kind, one.event) for one in calls(version))
        assert [call for call, times in made.items() if times > 1] == []
        transaction.set_rollback(True)


def _check_counts(version: JourneyVersion, simulation: Simulation, lived: dict[int, Course]) -> None:
    """The counts of the dry run, those of the live engine, and the stays themselves say the same."""
    tally = simulation.new_tally()
    simulation.add_block(tally, after=0)
    runs = [one for course in lived.values() for one in course.passes]
    assert tally.entered == sum(1 for course in lived.values() if course.passes)
    assert (tally.runs, tally.completed) == (len(runs), sum(1 for run in runs if run.completed))
    live = live_counts(version)
    for step_id, step in tally.steps.items():
        stays = [stay for run in runs for stay in run.stays if stay.step == step_id]
        joined = [stay for stay in stays if stay.joined]
        assert step.arrived == len(stays) == live[step_id]["arrived"]
        assert step.entered == len(joined) == live[step_id]["joined"]
        assert step.left == sum(1 for stay in joined if stay.left) == live[step_id]["left"]
        assert dict(step.branches) == dict(Counter(stay.branch for stay in joined if stay.branch))
        assert step.sent == sum(
            1 for course in lived.values() for _, name, value in course.sends if name == step_id and value
        )
