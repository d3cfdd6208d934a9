from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from django.utils import timezone

from delivery.models import EngageSource, EngageSourceMember
from delivery.selectors.outgoing import Outgoing, newer_than, outgoing_page, source_rows
from delivery.selectors.outgoing import newest as newest_call
from delivery.services import engage_sources
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import make_connection, make_destination, rows
from delivery.tests.sinks import Sink
from destinations.models import Destination
from destinations.pipeline import is_routed
from spaces.models import Space
from tests.factories import make_profile

RunWorker = Callable[..., bool]


def enter(space: Space, count: int = 1, computation: str = "aud_test") -> None:
    changes = [Change(profile_id=make_profile(space=space).id, value=True) for _ in range(count)]
    emit_changes(space=space, computation_id=computation, changes=changes, now=timezone.now())


def number_of(destination: Destination) -> int:
    return EngageSourceMember.objects.select_related("source").get(destination=destination).source.number


def queued() -> list[dict[str, Any]]:
    return [msgspec.json.decode(text) for (text,) in rows("SELECT payload FROM delivery ORDER BY id")]


def test_three_instances_of_a_definition_take_three_sources(space: Space) -> None:
    """F029: one source per instance of a definition; instances of different definitions share one."""
    hooks = [make_destination(space=space) for _ in range(3)]
    others = [make_destination(space=space, connector=slug) for slug in ("slack", "braze")]

    found = source_rows(space)

    assert [number_of(one) for one in hooks] == [1, 2, 3]
    assert [number_of(one) for one in others] == [1, 1]
    assert [str(one.source) for one in found] == ["Engage (Acme Dev)", "Engage (Acme Dev) 2", "Engage (Acme Dev) 3"]
    assert [len(one.destinations) for one in found] == [3, 1, 1]


def test_a_space_starts_with_one_source(space: Space) -> None:
    """F028: the Debugger lists the sources of a space, also before anything is attached."""
    assert [(str(one.source), one.destinations) for one in source_rows(space)] == [("Engage (Acme Dev)", [])]


def test_a_source_that_a_deleted_instance_left_is_reused(space: Space) -> None:
    """F029: removing keeps the source, and the next instance takes it."""
    first, second = make_destination(space=space), make_destination(space=space)
    engage_sources.place(space)
    Destination.objects.filter(pk=first.pk).update(deleted_at=timezone.now())

    third = make_destination(space=space)
    engage_sources.place(space)

    assert (number_of(second), number_of(third)) == (2, 1)
    assert EngageSource.objects.filter(space=space).count() == 2


def test_calls_name_the_connected_destinations_of_their_source_alone(space: Space) -> None:
    """F040: `integrations` is All false, and true only for destinations that the computation is connected to."""
    hook, slack, braze = (make_destination(space=space, connector=slug) for slug in ("webhook", "slack", "braze"))
    second = make_destination(space=space)
    make_connection(space=space, destination=hook)
    make_connection(space=space, destination=slack)
    make_connection(space=space, destination=second)
    make_connection(space=space, destination=braze, computation_id="aud_other")
    engage_sources.place(space)

    enter(space)

    by_destination = {
        destination_id: msgspec.json.decode(text)["integrations"]
        for destination_id, text in rows("SELECT destination_id, payload FROM delivery")
    }
    assert by_destination == {
        hook.pk: {"All": False, "Webhook (Actions)": True, "Slack": True},
        slack.pk: {"All": False, "Webhook (Actions)": True, "Slack": True},
        second.pk: {"All": False, "Webhook (Actions)": True},
    }


def test_every_call_carries_personas(space: Space) -> None:
    """F033, F034, F035, F036: class, id, key, and namespace = space_id, on every emitted call."""
    make_connection(space=space, send_identify=True)

    enter(space)

    for call in queued():
        assert call["context"]["personas"] == {
            "computation_class": "audience",
            "computation_id": "aud_test",
            "computation_key": "big_spenders",
            "computation_name": "Big spenders",
            "namespace": space.public_id,
            "space_id": space.public_id,
        }


def test_triggers_and_mappings_read_personas(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    """F037, F038: a condition on `context.personas.computation_key` decides, and a mapping can send its members."""
    kept = make_destination(space=space, url=sink.url, trigger='context.personas.computation_key = "big_spenders"')
    kept.mappings.update(
        fields={"url": sink.url, "method": "POST", "data": {"key": {"@path": "$.context.personas.computation_key"}}}
    )
    dropping = make_destination(space=space, url=sink.url, trigger='context.personas.computation_key != "big_spenders"')
    make_connection(space=space, destination=kept)
    make_connection(space=space, destination=dropping)

    enter(space)
    run_worker()

    assert [received.body for received in sink.requests] == [{"key": "big_spenders"}]
    assert rows("SELECT destination_id, reason FROM delivery_log WHERE outcome = 'filtered'") == [
        (dropping.pk, "NO_MATCHING_MAPPING")
    ]


def test_the_integrations_object_of_any_event_routes_by_exact_name() -> None:
    """F044: All is true unless said otherwise; names stand above it, case-sensitive; options mean enabled."""
    assert is_routed(None, "Webhook")
    assert is_routed({}, "Webhook")
    assert not is_routed({"All": False}, "Webhook")
    assert is_routed({"All": False, "Webhook": True}, "Webhook")
    assert is_routed({"All": False, "Webhook": {"option": 1}}, "Webhook")
    assert not is_routed({"All": False, "webhook": True}, "Webhook")
    assert not is_routed({"All": True, "Webhook": False}, "Webhook")


def test_the_debugger_shows_the_calls_of_a_source_alone(space: Space) -> None:
    """F030, F031: newest first, and never a call of a destination on another source."""
    first, second = make_destination(space=space), make_destination(space=space)
    make_connection(space=space, destination=first)
    make_connection(space=space, destination=second, computation_id="aud_other")
    sources = engage_sources.sources_of(space)
    enter(space, 2)
    enter(space, 1, "aud_other")

    on_first = outgoing_page(Outgoing(space=space, source=sources[0])).rows
    on_second = outgoing_page(Outgoing(space=space, source=sources[1])).rows

    assert [row.connection.destination_id for row in on_first if row.connection] == [first.pk, first.pk]
    assert on_first[0].id > on_first[1].id
    assert [row.connection.destination_id for row in on_second if row.connection] == [second.pk]


def test_filters_of_the_debugger(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    destination = make_destination(space=space, url=sink.url, trigger='type = "track"')
    make_connection(space=space, destination=destination, send_identify=True)
    ann = make_profile(space=space, ids=[("user_id", "ann"), ("email", "ann@example.com")])
    bob = make_profile(space=space, ids=[("user_id", "bob")])
    emit_changes(
        space=space,
        computation_id="aud_test",
        changes=[Change(profile_id=ann.id, value=True), Change(profile_id=bob.id, value=True)],
        now=timezone.now(),
    )
    run_worker()

    def count(**fields: str) -> int:
        return len(outgoing_page(Outgoing(space=space, **fields)).rows)  # type: ignore[arg-type]

    assert count() == 4
    assert count(kind="identify") == 2
    assert count(event="Audience Entered") == 2
    assert count(user="bob") == 2
    assert count(user="ann@example.com") == 2
    assert count(text="ANN@example") == 2
    assert count(status="delivered") == 2
    assert count(status="filtered", user="bob") == 1
    assert count(text="nowhere") == 0


def test_newer_calls_are_found_by_the_newest_id(space: Space) -> None:
    make_connection(space=space)
    enter(space)
    seen = newest_call()
    enter(space, 2)

    fresh, has_more = newer_than(Outgoing(space=space), seen)

    assert (len(fresh), has_more) == (2, False)
    assert newer_than(Outgoing(space=space), fresh[0].id) == ([], False)
