"""Who enters a live journey, and that nobody enters twice (journeys.md §5, §5.1, §5.2)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audiences.models import ChangedProfiles
from audiences.services.compute import compute_block
from journeys.models import JourneyVersion, RunCount, StepCount, VersionState
from journeys.services.due import due_block
from journeys.tests.factories import (
    here,
    make_definition,
    make_live_journey,
    passed,
    row_of,
    run_backfills,
    runs_of,
    where,
)
from tests import factories

pytestmark = pytest.mark.django_db

WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}}


def touch(space, *profiles, events=None, traits=None):
    ChangedProfiles.objects.create(
        space_id=space.pk,
        profile_ids=[profile.id for profile in profiles],
        events=events,
        traits=traits,
        max_received_at=timezone.now(),
    )


def sign_up(space, profile, name="Signed Up", **properties):
    factories.make_event(profile=profile, name=name, ts=timezone.now(), properties=properties)
    touch(space, profile, events=[f"track:{name}"], traits=[])


def settle(space):
    while compute_block(space=space):
        pass
    while due_block(space=space):
        pass


def test_an_event_lets_people_in_and_the_first_step_takes_them(space):
    version = make_live_journey(space=space, definition=make_definition(WAIT))
    profile = factories.make_profile(space=space)
    sign_up(space, profile)

    settle(space)

    assert [run.profile_id for run in runs_of(version)] == [profile.id]
    assert here(version, "entry") == set()
    assert here(version, "wait") == {profile.id}


def test_nobody_enters_twice_without_re_entry(space):
    version = make_live_journey(space=space, definition=make_definition(WAIT))
    profile = factories.make_profile(space=space)
    for _ in range(3):
        sign_up(space, profile)
        settle(space)

    assert len(runs_of(version)) == 1
