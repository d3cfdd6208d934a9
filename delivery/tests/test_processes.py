"""Several worker processes at once, and one that is killed: real processes, PostgreSQL, Valkey and HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection as database
from django.utils import timezone

from delivery.models import Connection
from delivery.selectors.books import Books, books_of
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import COMPUTATION_ID, make_connection, make_destination, rows
from delivery.tests.sinks import Sink
from spaces.models import Space
from tests.factories import make_profile

SCRIPT = "import django; django.setup(); from delivery.services.worker import run_once; run_once()"

pytestmark = pytest.mark.django_db(transaction=True)


def start_worker() -> subprocess.Popen[bytes]:
    """A worker process of its own on the test database."""
    url = urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path="/" + database.settings_dict["NAME"]))
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "engage_admin.settings",
        "ENGAGE_ALLOWED_NETWORKS": "127.0.0.0/8",
        "ENGAGE_TASK_SECONDS": "60",
        "ENGAGE_SECRET_KEY": settings.SECRET_KEY,
        "ENGAGE_ENCRYPTION_KEY": ",".join(settings.ENGAGE_ENCRYPTION_KEYS),
    }
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment, cwd=settings.BASE_DIR)


def connected(space: Space, sink: Sink, *, cap: int) -> Connection:
    destination = make_destination(space=space, url=sink.url, requests_per_second=cap)
    return make_connection(space=space, destination=destination)


def enter(space: Space, count: int) -> None:
    emit_changes(
        space=space,
        computation_id=COMPUTATION_ID,
        changes=[Change(profile_id=make_profile(space=space).id, value=True) for _ in range(count)],
        now=timezone.now(),
    )


def test_two_workers_share_one_cap(space: Space, sink: Sink) -> None:
    """F119: the excess waits, nothing is dropped."""
    connection = connected(space, sink, cap=20)
    enter(space, 80)

    workers = [start_worker(), start_worker()]
    codes = [worker.wait(timeout=120) for worker in workers]

    assert codes == [0, 0]
    assert sink.busiest_second() <= 20
    assert len(sink.message_ids) == len(set(sink.message_ids)) == 80
    assert books_of([connection])[connection.pk] == Books(emitted=80, delivered=80)


def test_killed_worker_loses_nothing_and_repeats_only_what_it_held(space: Space, sink: Sink) -> None:
    connection = connected(space, sink, cap=100)
    enter(space, 300)
    worker = start_worker()
    deadline = time.monotonic() + 60
    while len(sink.requests) < 80 and time.monotonic() < deadline:
        time.sleep(0.02)

    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    held = {row[0] for row in rows("SELECT message_id FROM delivery WHERE lease_until IS NOT NULL")}
    rows("UPDATE delivery SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL RETURNING 1")
    assert start_worker().wait(timeout=120) == 0

    repeated = {message_id for message_id, times in Counter(sink.message_ids).items() if times > 1}
    assert len(set(sink.message_ids)) == 300
    assert repeated <= held
    assert books_of([connection])[connection.pk] == Books(emitted=300, delivered=300)
