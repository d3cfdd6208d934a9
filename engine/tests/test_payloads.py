from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from engine.payloads import (
    Computation,
    EmittedCall,
    Identity,
    as_json,
    audience_call,
    emitted_calls,
    emitted_trait_calls,
    event_tester_call,
    integrations_for,
)

NOW = datetime(2025, 1, 15, 2, 2, 15, 908000, tzinfo=UTC)
STAMP = "2025-01-15T02:02:15.908Z"
COMPUTATION = Computation(id="aud_1", key="first_time_shopper", name="First time shopper", space_id="spa_1")
PERSONAS = {
    "computation_class": "audience",
    "computation_id": "aud_1",
    "computation_key": "first_time_shopper",
    "computation_name": "First time shopper",
    "namespace": "spa_1",
    "space_id": "spa_1",
}
ENVELOPE = {
    "integrations": {"All": False, "Braze": True},
    "messageId": "personas_1",
    "timestamp": STAMP,
    "originalTimestamp": STAMP,
    "receivedAt": STAMP,
    "sentAt": STAMP,
}


def call(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kind": "identify",
        "computation": COMPUTATION,
        "value": True,
        "identity": Identity(user_id="u123"),
        "event_name": "Audience Entered",
        "integrations": integrations_for(["Braze"]),
        "message_id": "personas_1",
        "now": NOW,
    }
    return audience_call(**{**values, **changes})


def test_identify_of_an_audience() -> None:
    """F068, F071, F089. F033, F034, F035, F036, F040."""
    assert call() == {
        "type": "identify",
        "userId": "u123",
        "context": {"personas": PERSONAS},
        "traits": {"first_time_shopper": True},
        **ENVELOPE,
    }


def test_track_of_an_audience() -> None:
    """F090. F033, F040."""
    assert call(kind="track") == {
        "type": "track",
        "userId": "u123",
        "event": "Audience Entered",
        "context": {"personas": PERSONAS},
        "properties": {"audience_key": "first_time_shopper", "first_time_shopper": True},
        **ENVELOPE,
    }


def test_leaving_is_a_json_false() -> None:
    """F091."""
    text = as_json(call(kind="track", value=False, event_name="Audience Exited"))

    assert b'"first_time_shopper":false' in text
    assert json.loads(text)["event"] == "Audience Exited"


def test_group_of_an_account_audience() -> None:
    """F033."""
    made = call(kind="group", identity=Identity(group_id="g1"))

    assert made["groupId"] == "g1"
    assert made["traits"] == {"first_time_shopper": True}
    assert "userId" not in made


def test_an_email_call_places_the_address_by_type() -> None:
    identity = Identity(user_id="u1", email="a@example.org", id_type="email")

    identify, track = call(identity=identity), call(kind="track", identity=identity)

    assert identify["traits"]["email"] == "a@example.org"
    assert track["context"]["traits"] == {"email": "a@example.org"}
    assert "email" not in track["properties"]


def test_an_email_without_a_user_id_goes_under_its_hash() -> None:
    made = call(identity=Identity(email="a@example.org", id_type="email"))

    assert made["anonymousId"] == "eml_aaf151c535738510a7c0720b5cbb701bf24f5265"
    assert "userId" not in made


def test_a_mobile_call_carries_the_device() -> None:
    identity = Identity(user_id="u1", device_id="IDFA-1", device_type="ios", id_type="ios.idfa")

    assert call(identity=identity)["context"]["device"] == {
        "advertisingId": "IDFA-1",
        "type": "ios",
        "adTrackingEnabled": True,
    }


def test_enriched_traits_never_replace_the_membership() -> None:
    made = call(traits={"plan": "gold", "first_time_shopper": "no"})

    assert made["traits"] == {"plan": "gold", "first_time_shopper": True}


def test_a_list_made_downstream_is_named() -> None:
    computation = Computation(
        id="aud_1", key="k", name="K", space_id="spa_1", external_audience_id="77", audience_settings={"folder": "x"}
    )

    personas = call(computation=computation)["context"]["personas"]

    assert (personas["external_audience_id"], personas["audience_settings"]) == ("77", {"folder": "x"})


def test_a_trait_carries_its_class_and_key() -> None:
    """F034."""
    trait = Computation(id="tra_1", key="revenue", name="Revenue", space_id="spa_1", computation_class="trait")

    made = call(kind="track", computation=trait, value=450.0, event_name="Trait Computed")

    assert made["context"]["personas"]["computation_class"] == "trait"
    assert made["properties"] == {"trait_key": "revenue", "revenue": 450.0}


def test_emitted_calls_are_those_selected_with_their_names() -> None:
    """F015."""
    calls = emitted_calls(kinds=["track"], enter_event="VIP Joined", exit_event="VIP Left")

    assert [item.label for item in calls] == ["Track: VIP Joined", "Track: VIP Left"]


def test_the_body_of_the_tester() -> None:
    """F016."""
    made = event_tester_call(
        call=EmittedCall(kind="identify", event_name="", value=True),
        computation=COMPUTATION,
        test_user_id="test-user-cq8idf",
        email="test@example.org",
        project_id="spa_1",
        integrations=integrations_for(["Webhook"]),
        message_id="segment-test-message-uozjhr",
        now=NOW,
    )

    assert made["userId"] == "test-user-cq8idf"
    assert (made["email"], made["projectId"], made["messageId"]) == (
        "test@example.org",
        "spa_1",
        "segment-test-message-uozjhr",
    )
    assert made["traits"] == {"first_time_shopper": True, "email": "test@example.org"}
    assert made["context"] == {"personas": PERSONAS}


def test_a_trait_emits_its_value_by_the_chosen_calls() -> None:
    """F015, F086: the tester's list of a connected trait."""
    calls = emitted_trait_calls(kinds=["identify", "track"], event_name="Revenue Computed")

    assert [(call.label, call.value) for call in calls] == [
        ("Identify: value", 450.0),
        ("Track: Revenue Computed", 450.0),
    ]
