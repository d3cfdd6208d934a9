from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.hubspot import definition
from destinations.kit.definition import Token
from destinations.kit.testing import answer, run_action, track

TOKEN = Token(access_token="pat-1")


def run(event: dict[str, Any], *, hub: str = "123", **mapping: Any) -> Any:
    return run_action(
        definition,
        "sendCustomBehavioralEvent",
        settings={"portalId": hub} if hub else {},
        token=TOKEN,
        events=[event],
        mapping=mapping,
        responses=[answer(204)],
    )


def test_an_event_is_sent_under_its_internal_name() -> None:
    ran = run(track(), eventName="pe123_Audience.Entered  event", properties={"vip": {"@path": "$.properties.vip"}})

    assert ran.calls == ["POST https://api.hubapi.com/events/v3/send"]
    assert ran.request.body == (
        b'{"eventName":"pe123_audience_entered_event","occurredAt":"2024-05-06T07:08:09.123Z",'
        b'"email":"ann@example.org","properties":{"vip":true}}'
    )
    assert ran.outcomes == ["delivered"]


@pytest.mark.parametrize(("hub", "name"), [("123", "pe999_x"), ("", "pe_x"), ("123", "audience entered")])
def test_a_name_of_another_account_is_refused(hub: str, name: str) -> None:
    ran = run(track(), hub=hub, eventName=name)

    assert ran.calls == []
    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED"]


def test_without_a_hub_id_any_account_will_do() -> None:
    assert run(track(), hub="", eventName="pe999_x").outcomes == ["delivered"]


def test_somebody_has_to_be_found() -> None:
    ran = run(track(email=None), eventName="pe123_x")

    assert ran.calls == []
    assert "E-mail" in ran.verdict.detail
