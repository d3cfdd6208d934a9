"""Alerts on Engage's calls that do not get into a warehouse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from alerts.kinds import read
from alerts.models import AlertEvent, AlertRule
from alerts.services import evaluating, sending
from spaces.models import Space, User
from traits.services.warehouses import delete_warehouse
from traits.tests.warehouses import make_postgresql
from warehouse_output.models import OutputRun, WarehouseOutput

MakeRule = Callable[..., AlertRule]
Ended = Callable[..., OutputRun]


@pytest.fixture
def output(space: Space) -> WarehouseOutput:
    source = make_postgresql(space=space)
    return WarehouseOutput.objects.create(space=space, source=source, schema="engage_acme_dev", schedule={})


@pytest.fixture
def run(space: Space, output: WarehouseOutput) -> Ended:
    def make(state: str, error: str = "", into: WarehouseOutput = output) -> OutputRun:
        return OutputRun.objects.create(space=space, output=into, trigger="schedule", state=state, error=error)

    return make


def look(*, minutes: int) -> None:
    evaluating.evaluate_all(now=timezone.now() + timedelta(minutes=minutes))


def test_a_run_that_failed_fires_until_one_is_done(make_rule: MakeRule, output: WarehouseOutput, run: Ended) -> None:
    rule, now = make_rule("warehouse_failed", warehouse=output.source), timezone.now()
    new = read(rule, now=now)
    run("failed", "Key (email)=(ann@example.com) exists.")

    failed = read(rule, now=now)
    run("cancelled")
    open_run = run("running")
    meanwhile = read(rule, now=now)
    OutputRun.objects.filter(pk=open_run.pk).update(state="done")
    done = read(rule, now=now)

    assert [one.is_bad for one in (new, failed, meanwhile, done)] == [False, True, True, False]
    assert failed.sentence == (
        "Engage's calls do not get into Server: the last run failed. The page of the warehouse says why."
    )
    assert done.sentence == "Server: no run that writes calls failed."


def test_it_watches_one_warehouse_or_all_that_are_switched_on(
    make_rule: MakeRule, space: Space, output: WarehouseOutput, run: Ended
) -> None:
    other = WarehouseOutput.objects.create(
        space=space, source=make_postgresql(space=space, name="Other"), schema="engage_other", schedule={}
    )
    run("failed", into=other)
    one, every = make_rule("warehouse_failed", warehouse=output.source), make_rule("warehouse_failed")

    bad = [read(rule, now=timezone.now()).is_bad for rule in (one, every)]
    WarehouseOutput.objects.filter(pk=other.pk).update(is_enabled=False)
    off = read(every, now=timezone.now()).is_bad

    assert (bad, off) == ([False, True], False)


@override_settings(ENGAGE_SMTP_URL="smtp://mail.example.com", ENGAGE_URL="https://engage.example.com")
def test_each_change_is_told_once(make_rule: MakeRule, space: Space, output: WarehouseOutput, run: Ended) -> None:
    make_rule("warehouse_failed", warehouse=output.source, emails=["ops@example.com"])
    for minutes in (2, 4):
        run("failed")
        look(minutes=minutes)
    run("done")
    for minutes in (6, 8):
        look(minutes=minutes)
    sending.send_due(now=timezone.now() + timedelta(hours=1))

    assert [one.subject for one in mail.outbox] == [
        "[Acme Dev] Alert: Writing to a warehouse failed: Server",
        "[Acme Dev] Resolved: Writing to a warehouse failed: Server",
    ]
    address = f"/s/{space.slug}/settings/warehouses/{output.public_id}/output/"
    assert f"https://engage.example.com{address}" in mail.outbox[0].body
    assert [event.path for event in AlertEvent.objects.all()] == [address] * 2


def test_it_is_made_from_the_tab_of_the_warehouse(
    client_for: Callable[[User], Client], owner: User, space: Space, output: WarehouseOutput
) -> None:
    client, base = client_for(owner), f"/s/{space.slug}/alerts"
    query = f"warehouse={output.public_id}"

    kinds = client.get(f"{base}/new/?{query}").content.decode()
    form = client.get(f"{base}/new/?{query}&kind=warehouse_failed").content.decode()
    made = client.post(f"{base}/new/?kind=warehouse_failed", {"warehouse": output.public_id, "in_app": "on"})
    tab = client.get(f"{base}/warehouses/{output.public_id}/").content.decode()

    assert kinds.count('data-test="alerts.kind"') == 1
    assert f'<option value="{output.public_id}" selected>Server</option>' in form
    assert made.status_code == 302
    assert "Writing to a warehouse failed: Server" in tab
    assert client.get(f"{base}/warehouses/unknown/").status_code == 404


def test_the_api_takes_it_and_names_what_is_wrong(
    api_for: Callable[..., APIClient], owner: User, space: Space, output: WarehouseOutput
) -> None:
    api, url = api_for(owner, space), f"/api/v1/spaces/{space.slug}/alerts/"

    made = api.post(url, {"kind": "warehouse_failed", "warehouse": output.public_id}, format="json")
    every = api.post(url, {"kind": "warehouse_failed"}, format="json")
    unknown = api.post(url, {"kind": "warehouse_failed", "warehouse": "unknown"}, format="json")
    other = api.post(url, {"kind": "silence", "warehouse": output.public_id}, format="json")

    assert (made.status_code, made.json()["warehouse"]) == (201, output.public_id)
    assert (every.status_code, every.json()["warehouse"]) == (201, None)
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (400, "/warehouse")
    assert (other.status_code, other.json()["errors"][0]["path"]) == (400, "/destination")


def test_a_warehouse_takes_its_alerts_with_it(make_rule: MakeRule, output: WarehouseOutput) -> None:
    make_rule("warehouse_failed", warehouse=output.source)

    delete_warehouse(source=output.source, deleted_by=None)

    assert AlertRule.objects.count() == 0
