from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from delivery.services.calls import Templates, message_ids
from engine.payloads import CallKind, Computation, Identity, audience_call, integrations_for

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COMPUTATION = Computation(id="aud_1", key="buyers", name='Buyers "big"', space_id="spa_1", audience_settings={"a": 1})
INTEGRATIONS = integrations_for(["Webhook (Actions)"])


@pytest.mark.parametrize("kind", ["identify", "track"])
@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    "identity",
    [
        Identity(user_id='u"1\\\n'),
        Identity(anonymous_id="anon"),
        Identity(email="a@example.com", id_type="email"),
        Identity(email="a@example.com", user_id="u1", id_type="email"),
        Identity(user_id="u1", device_id="D-1", device_type="ios", id_type="ios.idfa"),
        Identity(anonymous_id="x", device_id="D-2", device_type="android", id_type="android.idfa"),
    ],
)
def test_filled_template_is_the_call(kind: CallKind, value: bool, identity: Identity) -> None:
    templates = Templates(
        computation=COMPUTATION, integrations=INTEGRATIONS, enter_event="Entered", exit_event="Left", now=NOW
    )
    other = Identity(
        **{
            name: getattr(identity, name) and getattr(identity, name) + "-other"
            for name in ("user_id", "anonymous_id", "email", "device_id")
        },
        device_type=identity.device_type,
        id_type=identity.id_type,
    )

    templates.text(kind=kind, value=value, identity=other, message_id="before")
    text = templates.text(kind=kind, value=value, identity=identity, message_id="personas_1")

    assert json.loads(text) == audience_call(
        kind=kind,
        computation=COMPUTATION,
        value=value,
        identity=identity,
        event_name="Entered" if value else "Left",
        integrations=INTEGRATIONS,
        message_id="personas_1",
        now=NOW,
    )


def test_message_ids_have_their_form_and_differ() -> None:
    ids = message_ids(1000)

    assert len(set(ids)) == 1000
    assert all(len(one) == 30 and one.startswith("personas_") and one[9:].isalnum() for one in ids)
