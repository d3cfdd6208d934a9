"""Several workers on one inbound log: the same result as one, and nothing lost when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from django.db import connection

from ingest import pipeline
from ingest.models import InboundBatch
from ingest.pipeline import process_next
from ingest.tests.inbound_rows import counts, identify, process, receive, track
from profiles.models import Event, ExternalId, Profile
from spaces.models import Source, Space
from tests.factories import make_source

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("common.tasks.wake", lambda task, **kwargs: None)
    pipeline._alone_until.clear()
    yield
    pipeline._alone_until.clear()


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space)


def fill(source: Source) -> int:
    """400 people, each with an anonymous past in one request and a known present in another; every call twice."""
    total = 0
    for block in range(20):
        people = range(block * 20, block * 20 + 20)
        first = [track(f"a{n}", "Viewed", anonymousId=f"anon{n}") for n in people]
        second = [
            identify(f"b{n}", userId=f"user{n}", timestamp="2026-04-01T00:00:00Z", traits={"n": n, "k": 1})
            for n in people
        ]
        third = [
            identify(
                f"c{n}", userId=f"user{n}", anonymousId=f"anon{n}", timestamp="2026-04-02T00:00:00Z", traits={"k": 2}
            )
            for n in people
        ]
        for calls in (first, second, third, first):
            receive(source, *calls)
            total += len(calls)
    return total


def test_four_workers_end_where_one_would(source: Source, space: Space) -> None:
    total = fill(source)
    errors: list[Exception] = []

    def work() -> None:
        try:
            while process_next(limit=60):
                pass
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    process()

    assert errors == []
    assert_complete(source, space, total)


def assert_complete(source: Source, space: Space, total: int) -> None:
    assert counts(source) == (total, total - 400, 400, 0)
    profiles = list(Profile.objects.in_space(space))
    assert len(profiles) == 400
    assert all(profile.traits.get("k") == 2 and "n" in profile.traits for profile in profiles)
    assert ExternalId.objects.in_space(space).count() == 800
    owners = set(Event.objects.in_space(space).values_list("profile_id", flat=True))
    assert owners == {profile.id for profile in profiles}
    assert Event.objects.in_space(space).count() == 400
    assert InboundBatch.objects.count() == 0


WORKER = """
import time
import django; django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {name!r}
from ingest import pipeline
done = pipeline.process_next(limit=40)
def hang(*written):
    print("in the middle of a transaction", flush=True)
    time.sleep(60)
pipeline.keep = hang
pipeline.process_next(limit=40)
"""


def test_a_killed_worker_loses_and_repeats_nothing(source: Source, space: Space) -> None:
    total = fill(source)
    code = WORKER.format(name=connection.settings_dict["NAME"])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "engage_admin.settings_test"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
    left = InboundBatch.objects.count()

    process()

    assert left == 76
    assert_complete(source, space, total)
