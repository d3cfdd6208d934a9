"""Vendors that work on a batch later, through the real worker: Salesforce's bulk jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from delivery.services import worker
from delivery.tests.builders import rows
from delivery.tests.conftest import Clock
from delivery.tests.vendors import Vendor, running_vendor
from delivery.tests.walks import Walk
from destinations import catalog
from destinations.connectors.salesforce import outcomes
from destinations.kit.testing import Rule, WorkerCase, answer
from destinations.services.mappings import create_mapping, update_mapping
from spaces.models import Space

HOST = "https://acme.my.salesforce.com"
JOBS = f"{HOST}/services/data/v53.0/jobs/ingest"
BULK = {
    "action": "contact2",
    "trigger": 'userId = "u1" or userId = "u2"',
    "fields": {
        "enable_batching": True,
        "__segment_internal_sync_mode": "upsert",
        "bulkUpsertExternalId": {"externalIdName": "Key__c", "externalIdValue": {"@path": "$.userId"}},
        "last_name": "Lee",
    },
}


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with running_vendor() as opened:
        yield opened


@pytest.fixture
def walk(space: Space, vendor: Vendor, clock: Clock, settings: Any) -> Walk:
    settings.ENGAGE_SEND_TO = vendor.address
    definition = catalog.definition("salesforce")
    assert definition is not None
    case = WorkerCase(
        settings={"instanceUrl": HOST, "oauth_access_token": "t", "oauth_refresh_token": "r"},
        kinds=("track",),
        mappings=[BULK],
        responses=[
            Rule(
                url=f"{JOBS}/750A/failedResults",
                response=answer(200, "sf__Id,sf__Error,Key__c\n,DUPLICATE_VALUE:taken:Email --,u2\n"),
            ),
            Rule(
                url=f"{JOBS}/750A",
                method="GET",
                response=answer(200, {"state": "JobComplete", "numberRecordsFailed": 1}),
            ),
            Rule(url=JOBS, method="POST", response=answer(200, {"id": "750A"})),
        ],
        added=(),
        changed=(),
        removed=(),
    )
    return Walk(definition=definition, case=case, space=space, vendor=vendor, clock=clock)


def test_records_that_a_job_refuses_are_failed_deliveries(
    walk: Walk, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "PAUSES", (0.1, 0.1, 0.1))
    other = walk.make_person("u2", "ben@example.org")
    for person in (walk.person, other):
        walk.change(person, value=True)

    calls = [call for call, _body in walk.work()]

    assert calls[-2:] == [f"GET {JOBS}/750A", f"GET {JOBS}/750A/failedResults"]
    found = {
        profile_id: told
        for profile_id, *told in rows("SELECT profile_id, outcome, reason, status, detail FROM delivery_log")
    }
    assert found == {
        walk.person: ["delivered", None, 200, None],
        other: ["failed", "DUPLICATE_VALUE", 400, "Salesforce refused the record: taken:Email"],
    }


def test_other_calls_go_on_while_salesforce_works_on_a_job(
    walk: Walk, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "PAUSES", (1.0,))
    monkeypatch.setattr(worker, "LANE_CONCURRENCY", 4)
    walk.destination.requests_per_second = 10_000
    walk.destination.save()
    job = walk.destination.mappings.get()
    update_mapping(mapping=job, actor=None, fields={**job.fields, "batch_size": 1})
    create_mapping(
        destination=walk.destination,
        actor=None,
        action="contact2",
        name="One by one",
        trigger='userId != "u1"',
        fields={"__segment_internal_sync_mode": "update", "traits": {"Id": "003A"}, "last_name": "Lee"},
        is_enabled=True,
    )
    walk.change(walk.person, value=True)
    for number in range(12):
        walk.change(walk.make_person(f"p{number}", f"p{number}@example.org"), value=True)

    calls = [call for call, _body in walk.work()]

    singles = [place for place, call in enumerate(calls) if call.endswith("sobjects/Contact/003A")]
    assert len(singles) == 12
    assert calls.index(f"POST {JOBS}") < calls.index(f"GET {JOBS}/750A")
    assert max(singles) < calls.index(f"GET {JOBS}/750A")
