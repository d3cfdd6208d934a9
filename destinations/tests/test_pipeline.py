from __future__ import annotations

import json
from typing import Any

import pytest

from common.http import Response
from destinations.config import DestinationConfig, load_config
from destinations.kit.definition import Audience, ListEntry
from destinations.kit.testing import Recording
from destinations.lists import ensure_audience, list_context, send_batch
from destinations.models import Destination
from destinations.pipeline import Failed, Filtered, is_routed, plan, run_batch
from destinations.services.destinations import set_destination_enabled, update_destination
from destinations.services.mappings import set_mapping_enabled, update_mapping
from destinations.tests.builders import audience_event, make_destination, make_mapping
from spaces.models import Space


def config_of(destination: Destination) -> DestinationConfig:
    found = load_config(destination.pk)
    assert found is not None
    return found


def test_an_audience_call_becomes_one_request(space: Space) -> None:
    config = config_of(make_destination(space=space))
    event = audience_event()
    recording = Recording()

    planned = plan(config, event)
    verdicts = [recording.run(call.run()) for call in planned.calls]

    assert planned.outcome is None
    assert [verdict.outcome for verdict in verdicts] == ["delivered"]
    assert [json.loads(request.body or b"") for request in recording.requests] == [event]
    assert [stage.name for stage in planned.stages] == [
        "destination",
        "event_type",
        "integrations",
        "settings",
        "trigger",
        "mapping",
    ]


def test_each_matching_mapping_makes_its_own_call_in_order(space: Space) -> None:
    destination = make_destination(space=space)
    second = make_mapping(
        destination=destination,
        trigger='type = "track"',
        fields={"method": "PUT", "data": {"id": {"@path": "$.userId"}}},
    )
    recording = Recording()

    planned = plan(config_of(destination), audience_event())
    for call in planned.calls:
        recording.run(call.run())

    assert [request.method for request in recording.requests] == ["POST", "PUT"]
    assert recording.requests[1].body == b'{"id":"u1"}'
    assert planned.calls[1].mapping_id == second.public_id


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "delete"}, "UNSUPPORTED_EVENT_TYPE"),
        ({"type": None}, "UNSUPPORTED_EVENT_TYPE"),
        ({"integrations": {"All": False}}, "FILTERED_BY_INTEGRATIONS_OBJECT"),
        ({"integrations": {"Webhook (Actions)": False}}, "FILTERED_BY_INTEGRATIONS_OBJECT"),
        ({"context": {}}, "NO_MATCHING_MAPPING"),
    ],
)
def test_events_that_are_not_for_the_destination_are_filtered(space: Space, changes: dict[str, Any], code: str) -> None:
    planned = plan(config_of(make_destination(space=space)), audience_event(**changes))

    assert isinstance(planned.outcome, Filtered)
    assert planned.outcome.code == code
    assert planned.calls == ()
    assert planned.stages[-1].ok is False


def test_a_disabled_destination_is_filtered_but_may_be_tested(space: Space, owner: Any) -> None:
    destination = make_destination(space=space)
    set_destination_enabled(destination=destination, actor=owner, is_enabled=False)
    config = config_of(destination)

    filtered, tested = plan(config, audience_event()), plan(config, audience_event(), is_test=True)

    assert filtered.outcome == Filtered("DESTINATION_DISABLED", f"{destination.name} is disabled.")
    assert tested.outcome is None


def test_settings_that_lost_a_required_value_fail(space: Space) -> None:
    destination = make_destination(space=space, connector="webhook_classic")
    Destination.objects.filter(pk=destination.pk).update(settings={})

    planned = plan(config_of(destination), audience_event(integrations={}))

    assert planned.outcome == Failed("INVALID_SETTINGS", "Webhook URL is required.")


def test_secrets_under_a_lost_key_fail_with_a_sentence(space: Space) -> None:
    destination = make_destination(space=space)
    Destination.objects.filter(pk=destination.pk).update(secrets=b"gAAAAA-not-ours")

    planned = plan(config_of(destination), audience_event())

    assert isinstance(planned.outcome, Failed)
    assert planned.outcome.code == "INVALID_SETTINGS"
    assert "ENGAGE_ENCRYPTION_KEY" in planned.outcome.sentence


def test_a_payload_that_is_not_complete_fails_without_a_request(space: Space) -> None:
    destination = make_destination(space=space)
    update_mapping(mapping=destination.mappings.get(), actor=None, fields={"method": {"@path": "$.properties.missing"}})
    recording = Recording()

    planned = plan(config_of(destination), audience_event())
    verdict = recording.run(planned.calls[0].run())

    assert isinstance(planned.outcome, Failed)
    assert planned.outcome.code == "PAYLOAD_VALIDATION_FAILED"
    assert (verdict.outcome, verdict.status) == ("failed", 400)
    assert recording.requests == []


def test_one_bad_mapping_does_not_keep_the_others_from_sending(space: Space) -> None:
    destination = make_destination(space=space)
    make_mapping(destination=destination, trigger='type = "track"', fields={"method": {"@path": "$.nothing"}})

    planned = plan(config_of(destination), audience_event())
    verdicts = [Recording().run(call.run()) for call in planned.calls]

    assert planned.outcome is None
    assert [verdict.outcome for verdict in verdicts] == ["delivered", "failed"]


def test_a_classic_destination_sends_the_event_as_it_is(space: Space) -> None:
    destination = make_destination(space=space, connector="webhook_classic")
    event = audience_event(integrations={"All": False, "Webhook": True})
    recording = Recording()

    planned = plan(config_of(destination), event)
    recording.run(planned.calls[0].run())

    assert json.loads(recording.requests[0].body or b"") == event


def test_one_mapping_may_be_tried_although_it_is_disabled(space: Space, owner: Any) -> None:
    destination = make_destination(space=space)
    mapping = set_mapping_enabled(mapping=destination.mappings.get(), actor=owner, is_enabled=False)
    config = config_of(destination)

    assert plan(config, audience_event()).calls == ()
    assert len(plan(config, audience_event(), only_mapping=mapping.public_id).calls) == 1


def test_calls_that_batch_share_a_key_and_go_together(space: Space) -> None:
    destination = make_destination(space=space)
    update_mapping(
        mapping=destination.mappings.get(),
        actor=None,
        fields={
            "method": "POST",
            "data": {"id": {"@path": "$.userId"}},
            "enable_batching": True,
            "batch_size": 2,
            "batch_keys": ["url", "method", "headers"],
        },
    )
    config = config_of(destination)
    calls = [plan(config, audience_event(userId=f"u{number}")).calls[0] for number in range(2)]
    recording = Recording()

    verdicts = recording.run(run_batch(calls))

    assert calls[0].batch_key == calls[1].batch_key is not None
    assert calls[0].batch_size == 2
    assert [request.body for request in recording.requests] == [b'[{"id":"u0"},{"id":"u1"}]']
    assert [verdict.outcome for verdict in verdicts] == ["delivered", "delivered"]


def test_a_call_that_does_not_batch_has_no_key(space: Space) -> None:
    planned = plan(config_of(make_destination(space=space)), audience_event())

    assert planned.calls[0].batch_key is None


def test_answers_of_the_outbound_pool_are_understood(space: Space) -> None:
    call = plan(config_of(make_destination(space=space)), audience_event()).calls[0]
    conversation = call.run()
    next(conversation)

    with pytest.raises(StopIteration) as stop:
        conversation.send(Response(status=429, headers={"retry-after": "3"}))

    assert (stop.value.value.outcome, stop.value.value.retry_after) == ("retry", 3.0)


def test_the_configuration_is_compiled_once_until_it_changes(space: Space, owner: Any) -> None:
    destination = make_destination(space=space)
    first = load_config(destination.pk)

    same = load_config(destination.pk)
    update_destination(destination=destination, actor=owner, name="Renamed")
    changed = load_config(destination.pk)

    assert first is same
    assert changed is not None
    assert changed.name == "Renamed"


def test_a_deleted_destination_has_no_configuration(space: Space) -> None:
    destination = make_destination(space=space)
    Destination.objects.filter(pk=destination.pk).update(deleted_at="2026-01-01T00:00:00Z")

    assert load_config(destination.pk) is None


@pytest.mark.parametrize(
    ("integrations", "expected"),
    [
        (None, True),
        ({}, True),
        ({"All": False}, False),
        ({"All": False, "Webhook": True}, True),
        ({"All": False, "Webhook": {"option": 1}}, True),
        ({"All": True, "Webhook": False}, False),
        ({"All": False, "webhook": True}, False),
    ],
)
def test_routing_follows_the_integrations_object(integrations: Any, expected: bool) -> None:
    """F040."""
    assert is_routed(integrations, "Webhook") is expected


def test_a_list_destination_is_asked_for_its_list_and_sent_batches(space: Space) -> None:
    settings = {"url": "https://example.org/l", "createAudienceUrl": "https://example.org/c", "batchSize": 2}
    config = config_of(make_destination(space=space, connector="webhook_list", settings=settings))
    audience = Audience(id="aud_1", key="vip", name="VIP", space_id="spa_1")
    context = list_context(config, audience, settings={}, external_id="")
    creating, sending = Recording([Response(status=200, body=b'{"externalId": 7}')]), Recording()
    entries = [ListEntry(message_id="m1", id_type="user_id", id_value="u1", event=audience_event())]

    made = creating.run(ensure_audience(config, context, audience))
    verdicts = sending.run(send_batch(config, context, audience, entries, []))

    assert made[1] == "7"
    assert (config.batch_size, config.list_interval_seconds) == (2, 3600)
    assert [verdict.outcome for verdict in verdicts] == ["delivered"]
    assert json.loads(sending.requests[0].body or b"")["added"][0]["id"] == "u1"
