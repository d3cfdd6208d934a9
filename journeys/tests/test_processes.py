"""Several workers at once, and workers killed at random points: real processes on the test database."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from audiences.models import ChangedProfiles
from common.locks import LockClass
from delivery.models import Delivery, SentValue
from delivery.tests.builders import make_destination
from journeys.models import Run, RunCount, StepCount
from journeys.services.due import due_block
from journeys.tests.factories import make_definition, make_live_journey, passed, positions_of, row_of, runs_of, where
from journeys.tests.stage import send_step
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 40
WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"minutes": 5}}
SPLIT = {"id": "split", "type": "true_false", "after": "wait", "condition": where({"event": "Order Completed"})}
SEED = 7


def database_url():
    return urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path="/" + connection.settings_dict["NAME"]))


def start_worker(space, now, *, limit, with_events=False):
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "engage_admin.settings",
        "ENGAGE_SECRET_KEY": settings.SECRET_KEY,
        "ENGAGE_ENCRYPTION_KEY": ",".join(settings.ENGAGE_ENCRYPTION_KEYS),
    }
    command = [sys.executable, "-m", "journeys.tests.worker_script", str(space.pk), now.isoformat(), str(limit)]
    command += ["events"] if with_events else []
    return subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True)


def kill_in_the_middle(worker, *, after_blocks, chance):
    """SIGKILL a moment after it has done some blocks, while it is in the next."""
    for _ in range(after_blocks):
        worker.stdout.readline()
    time.sleep(chance.random() * 0.05)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()


def finish(worker):
    output, _ = worker.communicate(timeout=120)
    return sum(map(int, output.split()))


def enter(space, people):
    for profile in people:
        factories.make_event(profile=profile, name="Signed Up", ts=timezone.now())
    for start in range(0, len(people), 10):
        ChangedProfiles.objects.create(
            space_id=space.pk,
            profile_ids=[profile.id for profile in people[start : start + 10]],
            events=["track:Signed Up"],
            traits=[],
            max_received_at=timezone.now(),
        )


def make_journey(space):
    hook = make_destination(space=space)
    steps = [WAIT, SPLIT, send_step("hi", {"step": "split", "branch": "false"}, hook)]
    return make_live_journey(space=space, definition=make_definition(*steps))


def assert_everybody_went_through_once(version, people):
    ids = sorted(profile.id for profile in people)
    assert sorted(run.profile_id for run in runs_of(version)) == ids
    positions = positions_of(version)
    for step_id in ("entry", "wait", "split", "hi"):
        assert sorted(position.profile_id for position in positions[step_id]) == ids
    assert all(position.left_at is not None for position in positions["wait"])
    space_id = version.journey.space_id
    assert sorted(Delivery.objects.filter(space_id=space_id).values_list("profile_id", flat=True)) == ids
    assert SentValue.objects.filter(space_id=space_id).count() == len(ids)
    counts = RunCount.objects.filter(version_id=version.pk).values_list("entered", "completed")
    assert tuple(map(sum, zip(*counts, strict=True))) == (len(ids), len(ids))
    joined = StepCount.objects.filter(step_id=row_of(version, "hi").pk).values_list("joined", flat=True)
    assert sum(joined) == len(ids)


def test_killed_workers_lose_nobody_and_send_nothing_twice(space):
    version = make_journey(space)
    people = [factories.make_profile(space=space) for _ in range(PEOPLE)]
    enter(space, people)
    chance = random.Random(SEED)
    now = timezone.now()
    for after in (1, 2):
        worker = start_worker(space, now, limit=7, with_events=True)
        kill_in_the_middle(worker, after_blocks=after, chance=chance)
    finish(start_worker(space, now, limit=7, with_events=True))
    later = timezone.now() + timedelta(minutes=5)
    for after in (1, 3):
        kill_in_the_middle(start_worker(space, later, limit=7), after_blocks=after, chance=chance)

    left = finish(start_worker(space, later, limit=7))

    assert 0 < left < PEOPLE
    assert_everybody_went_through_once(version, people)


def test_overlapping_schedulers_move_everybody_once(space):
    """A race known from other products: two polls at the same moment."""
    version = make_journey(space)
    people = [factories.make_profile(space=space) for _ in range(PEOPLE)]
    enter(space, people)
    finish(start_worker(space, timezone.now(), limit=50, with_events=True))
    later = timezone.now() + timedelta(minutes=5)

    workers = [start_worker(space, later, limit=3) for _ in range(3)]
    moved = sum(finish(worker) for worker in workers) + finish(start_worker(space, later, limit=50))

    assert moved == PEOPLE
    assert_everybody_went_through_once(version, people)


def test_a_second_scheduler_leaves_a_space_to_the_first(space):
    version = make_live_journey(space=space, definition=make_definition(WAIT))
    enter(space, [factories.make_profile(space=space)])
    finish(start_worker(space, timezone.now(), limit=5, with_events=True))
    later = timezone.now() + timedelta(minutes=5)

    with psycopg.connect(database_url()) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LockClass.JOURNEYS_DUE, space.pk])
        meanwhile = due_block(space=space, now=later)
    afterwards = due_block(space=space, now=later)

    assert (meanwhile, afterwards) == (0, 1)
    assert Run.objects.get().completed_at == later
    assert len(passed(version, "wait")) == 1
