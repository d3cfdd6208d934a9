from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.customerio import definition
from destinations.connectors.customerio.entities import person, unix_seconds
from destinations.kit.http import Response
from destinations.kit.testing import answer, identify, run_action, run_operation, track

API = "https://track.customer.io/api/v2"
SETTINGS = {"siteId": "s", "apiKey": "k"}
WHEN = 1714979289


def run(
    action: str, *events: dict[str, Any], region: str = "us", response: Response | None = None, **mapping: Any
) -> Any:
    return run_action(
        definition,
        action,
        settings={**SETTINGS, "accountRegion": region},
        events=events,
        mapping=mapping,
        responses=[response or answer(200, {})],
    )


def named(event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": "u1", "messageId": "m1", "properties": properties}


def test_a_person_carries_the_audience() -> None:
    ran = run("createUpdatePerson", identify(plan="gold", createdAt="2024-01-02", since={"at": "2024-01-02T03:04:05Z"}))

    assert ran.calls == [f"POST {API}/entity"]
    assert ran.request.headers["Authorization"] == "Basic czpr"
    assert ran.bodies == [
        {
            "type": "person",
            "action": "identify",
            "attributes": {
                "vip": True,
                "email": "ann@example.org",
                "plan": "gold",
                "since": {"at": 1704164645},
                "created_at": 1704153600,
            },
            "timestamp": WHEN,
            "identifiers": {"id": "u1"},
        }
    ]


def test_leaving_sends_false() -> None:
    ran = run("createUpdatePerson", identify(entered=False))

    assert ran.bodies[0]["attributes"]["vip"] is False


def test_dates_are_left_where_that_is_wanted() -> None:
    ran = run("createUpdatePerson", identify(since="2024-01-02"), convert_timestamp=False)

    assert ran.bodies[0]["attributes"]["since"] == "2024-01-02"
    assert ran.bodies[0]["timestamp"] == WHEN


def test_a_person_is_related_to_an_object() -> None:
    ran = run("createUpdatePerson", identify(objectId="acme", relationshipAttributes={"role": "boss"}))

    assert ran.bodies[0]["cio_relationships"] == [
        {"identifiers": {"object_id": "acme", "object_type_id": "1"}, "relationship_attributes": {"role": "boss"}}
    ]


def test_an_event_of_somebody_anonymous() -> None:
    ran = run("trackEvent", {**track(user_id=None), "anonymousId": "a1"})

    assert ran.bodies == [
        {
            "type": "person",
            "action": "event",
            "name": "Audience Entered",
            "id": "personas_track_None_in",
            "attributes": {"audience_key": "vip", "vip": True},
            "timestamp": WHEN,
            "identifiers": {"anonymous_id": "a1"},
        }
    ]


def test_reserved_events_are_not_tracked() -> None:
    assert run("trackEvent", named("User Deleted")).outcomes == ["NO_MATCHING_MAPPING"]


@pytest.mark.parametrize(
    ("action", "event", "body"),
    [
        ("deletePerson", named("User Deleted"), {"type": "person", "action": "delete", "identifiers": {"id": "u1"}}),
        (
            "suppressPerson",
            named("User Suppressed"),
            {"type": "person", "action": "suppress", "identifiers": {"id": "u1"}},
        ),
        (
            "unsuppressPerson",
            named("User Unsuppressed"),
            {"type": "person", "action": "unsuppress", "identifiers": {"id": "u1"}},
        ),
        (
            "deleteObject",
            named("Object Deleted", objectId="acme"),
            {"type": "object", "action": "delete", "identifiers": {"object_id": "acme", "object_type_id": "1"}},
        ),
        (
            "deleteRelationship",
            named("Relationship Deleted", objectId="acme", objectTypeId="2"),
            {
                "type": "object",
                "action": "delete_relationships",
                "cio_relationships": [{"identifiers": {"id": "u1"}}],
                "identifiers": {"object_id": "acme", "object_type_id": "2"},
            },
        ),
        (
            "mergePeople",
            {"type": "alias", "userId": "u1", "previousId": "cio_9"},
            {"type": "person", "action": "merge", "primary": {"id": "u1"}, "secondary": {"cio_id": "9"}},
        ),
        (
            "createUpdateObject",
            {
                "type": "group",
                "groupId": "acme",
                "userId": "u1",
                "traits": {"objectAttributes": {"since": "2024-01-02"}},
            },
            {
                "type": "object",
                "action": "identify",
                "attributes": {"since": 1704153600},
                "cio_relationships": [{"identifiers": {"id": "u1"}}],
                "identifiers": {"object_id": "acme", "object_type_id": "1"},
            },
        ),
        (
            "createUpdateDevice",
            {
                **named("Application Opened"),
                "timestamp": "2024-01-02",
                "context": {"device": {"token": "t", "type": "ios"}, "app": {"version": "2"}},
            },
            {
                "type": "person",
                "action": "add_device",
                "device": {
                    "token": "t",
                    "platform": "ios",
                    "last_used": 1704153600,
                    "attributes": {"app_version": "2"},
                },
                "identifiers": {"id": "u1"},
            },
        ),
        (
            "deleteDevice",
            {**named("Device Deleted"), "context": {"device": {"token": "t"}}},
            {"type": "person", "action": "delete_device", "device": {"token": "t"}, "identifiers": {"id": "u1"}},
        ),
    ],
)
def test_what_the_other_actions_send(action: str, event: dict[str, Any], body: dict[str, Any]) -> None:
    ran = run(action, event)

    assert ran.calls == [f"POST {API}/entity"]
    assert ran.bodies == [body]


def test_delivery_events_are_metrics() -> None:
    event = {
        **named("Report Delivery Event", deliveryId="d", metric="clicked", actionName="a"),
        "timestamp": "2024-01-02T00:00:00Z",
    }

    ran = run("reportDeliveryEvent", event)

    assert ran.calls == ["POST https://track.customer.io/api/v1/metrics"]
    assert ran.bodies == [
        {"delivery_id": "d", "metric": "clicked", "timestamp": 1704153600, "metadata": {"action_name": "a"}}
    ]


def test_a_refused_item_of_a_batch_fails_alone() -> None:
    events = [identify(user_id="u1"), identify(user_id=None, email=None), identify(user_id="u3")]
    said = {"errors": [{"batch_index": 1, "reason": "invalid", "field": "email", "message": "not an address"}]}

    ran = run("createUpdatePerson", *events, response=answer(207, said))

    assert ran.calls == [f"POST {API}/batch"]
    assert [one["identifiers"] for one in ran.bodies[0]["batch"]] == [{"id": "u1"}, {"id": "u3"}]
    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED", "BAD_REQUEST"]
    assert "not an address" in ran.verdicts[2].detail


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(400, {"errors": [{"reason": "required"}]}), "failed"),
        (answer(401, "Unauthorized"), "failed"),
        (answer(429, "", retry_after="2"), "retry"),
        (answer(500, "<html></html>"), "retry"),
    ],
)
def test_a_failing_vendor(response: Response, outcome: str) -> None:
    alone = run("createUpdatePerson", identify(), response=response)
    together = run("createUpdatePerson", identify(user_id="u1"), identify(user_id="u2"), response=response)

    assert [one.outcome for one in (*alone.verdicts, *together.verdicts)] == [outcome] * 3


@pytest.mark.parametrize("region", ["eu", "EU 🇪🇺"])
def test_accounts_in_the_eu_have_a_host_of_their_own(region: str) -> None:
    assert run("createUpdatePerson", identify(), region=region).calls == [
        "POST https://track-eu.customer.io/api/v2/entity"
    ]


def test_user_ids_are_told_by_their_kind() -> None:
    assert [person(one) for one in ("u1", "a@b.co", "cio_1")] == [{"id": "u1"}, {"email": "a@b.co"}, {"cio_id": "1"}]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2024-05-06T07:08:09.123Z", WHEN),
        ("2024-05-06T09:08:09+0200", WHEN),
        ("2024-05-06T07:08", 1714979280),
        ("2024-13-45", "2024-13-45"),
        ("20240506", "20240506"),
        ("1714979289", "1714979289"),
        (7, 7),
    ],
)
def test_only_dates_become_seconds(value: Any, seconds: Any) -> None:
    assert unix_seconds(value) == seconds


def test_the_connection_is_tested_in_its_region() -> None:
    ran = run_operation(definition, "test_connection", settings={**SETTINGS, "accountRegion": "eu"})

    assert ran.calls == ["GET https://track-eu.customer.io/auth"]
