"""Workers killed at random points of a backfill and of an edit: real processes on the test database."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from audiences.models import Audience, ComputeRun, ComputeStatus, Membership
from audiences.services import audiences as services
from audiences.tests.test_compute import member_ids, touch
from delivery.models import Delivery, SentValue
from delivery.tests.builders import make_connection
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE, SLICE, KILLS, SEED = 60, 3, 3, 11


def start_worker():
    url = urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path="/" + connection.settings_dict["NAME"]))
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "engage_admin.settings",
        "ENGAGE_SECRET_KEY": settings.SECRET_KEY,
        "ENGAGE_ENCRYPTION_KEY": ",".join(settings.ENGAGE_ENCRYPTION_KEYS),
    }
    command = [sys.executable, "-m", "audiences.tests.worker_script", str(SLICE)]
    return subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True)


def compute_with_kills(chance):
    """Kill some workers a moment after a slice; the last one finishes. Returns how many slices were told in all."""
    told = 0
    for number in range(KILLS + 1):
        worker = start_worker()
        if number == KILLS:
            return told + len(worker.communicate(timeout=120)[0].split())
        for _ in range(chance.randint(1, 3)):
            told += worker.stdout.readline() != ""
        time.sleep(chance.random() * 0.03)
        os.kill(worker.pid, signal.SIGKILL)
        told += len(worker.communicate()[0].split())
    raise AssertionError("unreachable")


def at_least(count):
    return {"version": 1, "collection": "users", "where": {"event": "Order Completed", "count": {"gte": count}}}


def sent(connection_id):
    return set(SentValue.objects.filter(connection_id=connection_id, value=True).values_list("profile_id", flat=True))


def test_killed_workers_leave_exactly_the_right_members(space, owner):
    """A backfill and then an edit, with events arriving between the slices; every change is sent once."""
    chance = random.Random(SEED)
    profiles = [factories.make_profile(space=space) for _ in range(PEOPLE)]
    orders = {profile.id: chance.randint(0, 3) for profile in profiles}
    for profile in profiles:
        for _ in range(orders[profile.id]):
            factories.make_event(profile=profile, ts=timezone.now())
    audience = services.create_audience(space=space, name="Buyers", definition=at_least(1), created_by=owner)
    made = make_connection(
        space=space, computation_id=audience.public_id, computation_key=audience.key, computation_name="Buyers"
    )
    slices = compute_with_kills(chance)
    first = (member_ids(audience), sent(made.pk))
    audience.refresh_from_db()
    first_size = audience.size
    services.update_audience(audience=audience, changed_by=owner, definition=at_least(2))
    late = profiles[0]
    for _ in range(3):
        factories.make_event(profile=late, ts=timezone.now())
    touch(space, late, events=["track:Order Completed"], traits=[])
    compute_with_kills(chance)

    audience = Audience.objects.get(pk=audience.pk)
    buyers = {profile for profile, count in orders.items() if count >= 1}
    twice = {profile for profile, count in orders.items() if count >= 2} | {late.id}
    assert slices + KILLS >= PEOPLE // SLICE  # a killed worker may have stored a slice that it could not tell any more
    assert first == (buyers, buyers)
    assert first_size == len(buyers)
    assert (member_ids(audience), sent(made.pk)) == (twice, twice)
    assert (audience.size, audience.status) == (len(twice), ComputeStatus.LIVE)
    assert set(ComputeRun.objects.values_list("state", flat=True)) == {ComputeRun.State.DONE}
    assert Membership.objects.filter(is_member=True).count() == len(twice)
    said = list(Delivery.objects.filter(connection_id=made.pk).values_list("profile_id", flat=True))
    assert len(said) == len(buyers) + len(buyers - twice) + len(twice - buyers)
