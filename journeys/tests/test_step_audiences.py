"""Audiences that ask who is in a step of a journey."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audiences.models import ChangedProfiles
from audiences.services import audiences as services
from audiences.services.compute import compute_block
from audiences.services.definitions import DefinitionError
from audiences.tests.test_compute import member_ids, run_backfill, touch
from journeys.services.due import due_block
from journeys.services.keys import step_rows
from journeys.services.problems import definition_problems
from journeys.tests.factories import make_definition, make_live_journey, where
from tests import factories

pytestmark = pytest.mark.django_db
WAIT = {"id": "wait", "type": "delay", "after": "entry", "name": "Wait", "duration": {"hours": 1}}
LATER = {"id": "later", "type": "delay", "after": "wait", "name": "Later", "duration": {"days": 9}}


def in_step(name, *, member=True):
    return {"version": 1, "collection": "users", "where": {"journey_step": name, "member": member}}


def compute_all(space):
    while compute_block(space=space):
        pass


@pytest.fixture
def version(space):
    return make_live_journey(space=space, definition=make_definition(WAIT, LATER))


def enter(space):
    profile = factories.make_profile(space=space)
    factories.make_event(profile=profile, name="Signed Up", ts=timezone.now())
    touch(space, profile, events=["track:Signed Up"], traits=[])
    compute_all(space)
    return profile


def test_who_reaches_a_step_is_in_the_audience_soon(space, owner, version):
    step = step_rows(version.journey)["later"]
    audience = services.create_audience(space=space, name="Late", definition=in_step(step.public_id), created_by=owner)
    run_backfill()
    profile = enter(space)
    before = member_ids(audience)

    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1), tick=False):
        due_block(space=space, now=timezone.now())
        compute_all(space)

    assert before == set()
    assert member_ids(audience) == {profile.id}
    assert not ChangedProfiles.objects.exists()


def test_a_backfill_finds_who_is_in_the_step(space, owner, version):
    inside, outside = enter(space), factories.make_profile(space=space)
    step = step_rows(version.journey)["wait"]

    audience = services.create_audience(space=space, name="In", definition=in_step(step.public_id), created_by=owner)
    other = services.create_audience(
        space=space, name="Out", definition=in_step(step.public_id, member=False), created_by=owner
    )
    run_backfill()

    assert member_ids(audience) == {inside.id}
    assert member_ids(other) == {outside.id}


def test_a_step_that_does_not_exist_is_refused_at_its_place(space, owner):
    definition = {"version": 1, "collection": "users", "where": {"not": {"journey_step": "j_o_x", "member": True}}}

    with pytest.raises(DefinitionError) as caught:
        services.create_audience(space=space, name="In", definition=definition, created_by=owner)

    assert [(error.path, error.code) for error in caught.value.errors] == [("/where/not", "unknown_step")]


def test_an_audience_cannot_wait_for_a_journey_that_waits_for_it(space, owner):
    plain = {"version": 1, "collection": "users", "where": {"trait": "plan", "equals": "pro"}}
    audience = services.create_audience(space=space, name="Pros", definition=plain, created_by=owner)
    run_backfill()
    until = {
        "id": "until", "type": "condition", "after": "entry", "name": "Until",
        "condition": where({"audience": audience.key, "member": True}),
    }  # fmt: skip
    version = make_live_journey(space=space, definition=make_definition(until))
    step = step_rows(version.journey)["until"]

    with pytest.raises(DefinitionError) as caught:
        services.update_audience(audience=audience, changed_by=owner, definition=in_step(step.public_id))

    assert [(error.path, error.code, error.detail) for error in caught.value.errors] == [
        ("/where", "cycle", "The audience would create a cycle by referencing another audience")
    ]


def test_a_journey_cannot_wait_for_an_audience_of_its_own_step(space, owner, version):
    rows = step_rows(version.journey)
    audience = services.create_audience(
        space=space, name="In", definition=in_step(rows["wait"].public_id), created_by=owner
    )
    until = {
        "id": "until", "type": "condition", "after": "wait", "name": "Until",
        "condition": where({"audience": audience.key, "member": True}),
    }  # fmt: skip

    problems = definition_problems(
        space=space, definition=make_definition(WAIT, until), rows=rows, journey=version.journey
    )

    assert [(one.step, one.path) for one in problems if one.code == "cycle"] == [("until", "/steps/1/condition")]
