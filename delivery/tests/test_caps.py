"""The caps of the documents, each with two workers and three audiences, measured where the calls arrive."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.utils import timezone

from common.http import CurlPool
from delivery.models import Connection
from delivery.services import lists
from delivery.services.connections import ComputationRef, connect
from delivery.services.emit import Change, emit_changes
from delivery.services.worker import Worker
from delivery.tests.builders import rows
from delivery.tests.cap_sink import case_of, hosts_of
from delivery.tests.conftest import Clock
from delivery.tests.vendors import Vendor
from delivery.tests.walks import Walk
from destinations import catalog
from spaces.models import Space
from tests.factories import make_space

# Of the documents: the most requests in any second. HubSpot takes two calls for an object.
EVENTS = {
    "braze": 100,
    "customerio": 30,
    "hubspot": 10,
    "intercom": 8,
    "iterable": 500,
    "mailchimp": 10,
    "marketo": 5,
    "pardot": 2,
    "resci": 200,
    "responsys": 3,
    "salesforce": 5,
    "salesforce_marketing_cloud": 20,
    "sendgrid": 100,
    "zendesk": 50,
}
LISTS = {
    "marketo_static_lists": 5,
    "responsys_batch": 3,
    "sendgrid_lists": 100,
    "salesforce_marketing_cloud_lists": 20,
}
AUDIENCES, WORKERS = 3, 2

pytestmark = pytest.mark.django_db(transaction=True)


class Arrivals:
    """What came, by host."""

    def __init__(self) -> None:
        self.address = ""
        self.times: dict[str, list[float]] = defaultdict(list)

    def of(self, slug: str) -> list[float]:
        return sorted(at for host in hosts_of(case_of(slug)) for at in self.times[host])

    def busiest_second(self, slug: str) -> int:
        times = self.of(slug)
        most = start = 0
        for end, at in enumerate(times):
            while times[start] <= at - 1.0:
                start += 1
            most = max(most, end - start + 1)
        return most


@contextmanager
def arriving(slugs: list[str]) -> Iterator[Arrivals]:
    """Receive the calls to these vendors; `times` is filled in at the end."""
    command = [sys.executable, "-m", "delivery.tests.cap_sink", *slugs]
    with subprocess.Popen(
        command, cwd=django_settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = Arrivals()
        found.address = f"127.0.0.1:{process.stdout.readline().strip()}"
        yield found
        told, _ = process.communicate("")
        for at, host in json.loads(told):
            found.times[host].append(at)


def prepare(slug: str, *, cap: int, space: Space, clock: Clock) -> list[Connection]:
    """Three audiences at one destination, with more people than it takes in a second; every call is a request."""
    definition = catalog.definition(slug)
    assert definition is not None
    case = case_of(slug)
    walk = Walk(definition=definition, case=case, space=space, vendor=Vendor(), clock=clock)
    connected = [walk.connection] + [
        connect(
            space=space,
            computation=ComputationRef(
                computation_class="audience", computation_id=f"aud_{slug}_{number}", key="vip", name="VIP"
            ),
            destination=walk.destination,
            send_identify=walk.connection.send_identify,
            send_track=walk.connection.send_track,
            settings=dict(case.audience_settings),
            setup=walk.connection.setup,
            trait_mappings=walk.connection.trait_mappings,
            first_sync=False,
            actor=None,
        )
        for number in range(1, AUDIENCES)
    ]
    for mapping in walk.destination.mappings.all():
        mapping.fields |= {"enable_batching": False} if definition.kind == "event" else {"batch_size": 1}
        mapping.save()
    walk.destination.save()
    people = [
        walk.make_person(f"{slug}-{number}", f"{slug}-{number}@example.org")
        for number in range(math.ceil((1.3 * cap + 3) / AUDIENCES))
    ]
    for connection in connected:
        Connection.objects.filter(pk=connection.pk).update(computation_id=f"{slug}-{connection.pk}")
        emit_changes(
            space=space,
            computation_id=f"{slug}-{connection.pk}",
            changes=[Change(profile_id=one, value=True) for one in people],
            now=timezone.now(),
        )
    return connected


def in_threads(work: Any) -> None:
    def closing() -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as threads:
        for future in [threads.submit(closing) for _ in range(WORKERS)]:
            future.result()


def deliver() -> None:
    with CurlPool(concurrency=100) as pool:
        Worker(pool=pool).run(seconds=60)


def sync() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and rows("SELECT EXISTS (SELECT FROM list_change)")[0][0]:
        if not lists.sync_due(now=timezone.now()):
            time.sleep(0.1)


def lost() -> list[tuple[Any, ...]]:
    return rows(
        "SELECT d.connector, l.outcome, l.detail, count(*) FROM delivery_log l "
        "JOIN destinations_destination d ON d.id = l.destination_id WHERE l.outcome <> 'delivered' GROUP BY 1, 2, 3"
    )


@pytest.mark.parametrize(
    ("caps", "work"), [pytest.param(EVENTS, deliver, id="events"), pytest.param(LISTS, sync, id="lists")]
)
def test_no_second_holds_more_calls_than_the_cap_and_none_is_lost(
    caps: dict[str, int], work: Any, space: Space, clock: Clock, settings: Any
) -> None:
    """F101 F102 F103 F104 F105 F106 F107 F108 F109 F110 F111 F112 F113 F114 F115 F116 F117 F118 F119."""
    with arriving(list(caps)) as arrivals:
        settings.ENGAGE_SEND_TO = arrivals.address
        settings.ENGAGE_CONNECTOR_SETTINGS = {slug: dict(case_of(slug).operator) for slug in caps}
        for slug, cap in caps.items():
            prepare(slug, cap=cap, space=make_space(workspace=space.workspace), clock=clock)
        emitted = rows("SELECT sum(calls)::bigint FROM delivery_counter WHERE outcome = 'emitted'")[0][0]

        in_threads(work)

    busiest = {slug: arrivals.busiest_second(slug) for slug in caps}
    assert {slug: most for slug, most in busiest.items() if most > caps[slug]} == {}
    assert all(busiest.values())
    assert lost() == []
    assert rows("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'") == [(emitted,)]


@pytest.mark.parametrize(("slug", "cap"), [*EVENTS.items(), *LISTS.items()])
def test_the_catalog_tells_the_cap(slug: str, cap: int) -> None:
    """F101-F118: as the documents give it; HubSpot's counts objects."""
    definition = catalog.definition(slug)
    assert definition is not None

    assert definition.requests_per_second == (5 if slug == "hubspot" else cap)
    assert definition.cap_counts == ("objects" if slug == "hubspot" else "requests")
