"""A destination added to a live step, or switched on again, gets the people who are sent by the step."""

from __future__ import annotations

import pytest

from delivery.models import Connection, FirstSync
from delivery.services import connections as delivery_connections
from delivery.services import first_sync
from delivery.services.connections import ComputationRef
from delivery.tests.builders import make_connection
from journeys.models import JourneyVersion, VersionState
from journeys.services.first_syncs import open_runs, sync_slice
from journeys.tests.factories import make_definition, make_live_journey, row_of
from journeys.tests.stage import send_step

pytestmark = pytest.mark.django_db

ENTERED, EXITED = "Audience Entered", "Audience Exited"


def add(version, step_id, destination):
    row = row_of(version, step_id)
    return delivery_connections.connect(
        space=row.space,
        computation=ComputationRef(
            computation_class="audience", computation_id=row.public_id, key=row.key, name=row.name
        ),
        destination=destination,
        send_identify=False,
        actor=None,
    )


def sync(**options):
    runs = open_runs()
    while runs:
        runs = [run for run in runs if sync_slice(run, **options)]


def test_everybody_who_joined_the_step_is_sent_also_those_who_went_on(stage):
    steps = [
        send_step("hi", "entry", stage.hook()),
        {"id": "wait", "type": "delay", "after": "hi", "duration": {"days": 1}},
    ]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    people = stage.people(5)
    stage.send(*people)
    stage.people(1)
    connection = add(version, "hi", stage.hook())

    sync(slice_profiles=2)

    rows = stage.sent(version, "hi")
    run = FirstSync.objects.get(connection=connection)
    assert sorted(rows) == sorted([(person.id, ENTERED) for person in people] * 2)
    assert (run.state, run.profiles_done) == ("done", 5)


def test_people_taken_off_or_exited_are_not_sent(stage):
    ad = send_step("ad", "entry", stage.hook(), type="show_ad", remove_after={"hours": 1})
    version = make_live_journey(space=stage.space, definition=make_definition(ad, exit_after={"days": 1}))
    exited, removed, there = stage.people(3)
    stage.send(exited)
    stage.go(days=1)
    stage.send(removed)
    stage.go(hours=1)
    stage.send(there)
    connection = add(version, "ad", stage.hook())
    before = len(stage.sent(version, "ad"))

    sync()

    assert stage.sent(version, "ad")[before:] == [(there.id, ENTERED)]
    assert FirstSync.objects.get(connection=connection).state == "done"


def test_exits_that_were_missed_while_switched_off_are_sent(stage):
    step = send_step("hi", "entry", stage.hook())
    version = make_live_journey(space=stage.space, definition=make_definition(step, exit_after={"days": 1}))
    profile = stage.person()
    stage.send(profile)
    connection = Connection.objects.get(computation_id=row_of(version, "hi").public_id)
    Connection.objects.update(is_enabled=False)
    stage.go(days=1)
    Connection.objects.update(is_enabled=True)
    first_sync.request(connection)
    before = stage.sent(version, "hi")

    sync()

    assert before == [(profile.id, ENTERED)]
    assert stage.sent(version, "hi") == [(profile.id, ENTERED), (profile.id, EXITED)]


def test_nothing_more_is_sent_of_an_archived_version(stage):
    """journeys.md §4.1: Archive, event destination: nothing more; list destination: the list stays."""
    step = send_step("hi", "entry", stage.hook())
    version = make_live_journey(space=stage.space, definition=make_definition(step))
    profile = stage.person()
    stage.send(profile)
    JourneyVersion.objects.filter(pk=version.pk).update(state=VersionState.ARCHIVED)
    stage.settle()
    add(version, "hi", stage.hook())

    sync()

    assert stage.sent(version, "hi") == [(profile.id, ENTERED)]


def test_runs_of_audiences_are_left_to_audiences(stage):
    first_sync.request(make_connection(space=stage.space))

    assert open_runs() == []
