from __future__ import annotations

import json
from typing import Any

from destinations.connectors.webhook_list.sync import create_audience, get_audience, sync_batch
from destinations.kit.definition import Audience, Context, ListEntry
from destinations.kit.http import Response
from destinations.kit.testing import run

AUDIENCE = Audience(id="aud_1", key="vip", name="VIP", space_id="spa_1")
SETTINGS = {"url": "https://example.org/list", "createAudienceUrl": "https://example.org/create"}


def entry(number: int, value: bool) -> ListEntry:
    event = {"type": "identify", "userId": f"u{number}", "traits": {"vip": value, "email": f"u{number}@example.org"}}
    return ListEntry(message_id=f"m{number}", id_type="email", id_value=f"u{number}@example.org", event=event)


def context(**extra: Any) -> Context:
    return Context(settings=SETTINGS, external_audience_id="ext-1", computation_key="vip", **extra)


def test_one_request_holds_adds_and_removes() -> None:
    ran = run(lambda _: sync_batch(context(), AUDIENCE, [entry(1, True)], [entry(2, False)]), count=2)

    assert ran.request.url == "https://example.org/list"
    assert json.loads(ran.request.body or b"") == {
        "audience": "vip",
        "audience_name": "VIP",
        "computation_id": "aud_1",
        "external_audience_id": "ext-1",
        "space_id": "spa_1",
        "added": [
            {"messageId": "m1", "idType": "email", "id": "u1@example.org", "userId": "u1", "email": "u1@example.org"}
        ],
        "removed": [
            {"messageId": "m2", "idType": "email", "id": "u2@example.org", "userId": "u2", "email": "u2@example.org"}
        ],
    }
    assert [verdict.outcome for verdict in ran.verdicts] == ["delivered", "delivered"]


def test_an_entry_that_the_receiver_names_failed_alone() -> None:
    answer = Response(status=200, body=b'{"failed": [{"messageId": "m2", "error": "unknown person"}]}')

    ran = run(
        lambda _: sync_batch(context(), AUDIENCE, [entry(1, True), entry(2, True)], []), answers=[answer], count=2
    )

    assert [verdict.outcome for verdict in ran.verdicts] == ["delivered", "failed"]
    assert ran.verdicts[1].detail == "unknown person"


def test_a_refused_batch_is_judged_by_its_status() -> None:
    ran = run(
        lambda _: sync_batch(context(), AUDIENCE, [entry(1, True)], [entry(2, False)]),
        answers=[Response(status=503)],
        count=2,
    )

    assert [verdict.outcome for verdict in ran.verdicts] == ["retry", "retry"]


def test_extras_of_the_audience_are_merged_and_signed() -> None:
    about = context(audience_settings={"extras": '{"team": "growth"}'})

    ran = run(lambda _: sync_batch(about, AUDIENCE, [entry(1, True)], []))

    assert json.loads(ran.request.body or b"")["team"] == "growth"


def test_extras_that_are_no_object_fail_before_anything_is_sent() -> None:
    about = context(audience_settings={"extras": "[1]"})

    ran = run(lambda _: sync_batch(about, AUDIENCE, [entry(1, True)], []))

    assert ran.requests == []
    assert ran.verdict.code == "PAYLOAD_VALIDATION_FAILED"


def test_a_new_list_gets_the_id_that_the_receiver_gives() -> None:
    ran = run(
        lambda _: create_audience(context(), AUDIENCE), answers=[Response(status=200, body=b'{"externalId": "list-9"}')]
    )

    assert ran.result == "list-9"
    assert json.loads(ran.request.body or b"")["audienceName"] == "VIP"


def test_a_receiver_that_gives_no_id_fails() -> None:
    ran = run(lambda _: create_audience(context(), AUDIENCE), answers=[Response(status=200, body=b"{}")])

    assert (ran.verdict.outcome, ran.verdict.code) == ("failed", "INVALID_RESPONSE")


def test_without_create_and_get_addresses_no_request_is_made() -> None:
    about = Context(settings={"url": "https://example.org/list"}, external_audience_id="vip")

    made, found = run(lambda _: create_audience(about, AUDIENCE)), run(lambda _: get_audience(about, AUDIENCE))

    assert (made.result, made.requests) == ("vip", [])
    assert (found.result, found.requests) == ("vip", [])
