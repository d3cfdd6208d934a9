"""Destination filters and functions through the real worker, against a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from delivery.services.activation import enrichment_refusal
from delivery.tests.builders import make_connection, make_destination, rows
from delivery.tests.conftest import Clock
from delivery.tests.sinks import Sink
from delivery.tests.test_worker import books, enter, fail_times, outcomes
from destinations.catalog import definition
from destinations.models import Destination
from destinations.services.destinations import create_destination
from destinations.services.filters import create_filter
from destinations.services.functions import create_function, save_function
from destinations.services.mappings import create_mapping
from spaces.models import Space

RunWorker = Callable[..., bool]
URL_SETTING = {"key": "url", "label": "Address", "type": "text", "required": True}
KEY_SETTING = {"key": "apiKey", "label": "API key", "type": "text", "required": True, "secret": True}
CODE = """
async function onTrack(event, settings) {
  const answer = await fetch(settings.url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Key": settings.apiKey },
    body: JSON.stringify({ messageId: event.messageId, personas: event.context.personas }),
  });
  if (answer.status >= 500) throw new RetryError(`busy, says ${settings.apiKey}`);
}
"""


def add_filter(destination: Destination, kind: str = "DROP", **more: Any) -> None:
    condition = "context.personas.computation_key = 'big_spenders'"
    create_filter(destination=destination, actor=None, name="No spenders", kind=kind, condition=condition, **more)


def make_function_destination(space: Space, url: str, code: str = CODE) -> Destination:
    function = create_function(space=space, actor=None, name="My tool", code=code, settings=[URL_SETTING, KEY_SETTING])
    return create_destination(
        space=space,
        actor=None,
        connector=f"function-{function.public_id}",
        name="My tool",
        settings={"url": url, "apiKey": "s3cret-key"},
    )


def test_what_a_filter_drops_counts_as_filtered_and_names_it(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    """F037: a destination filter on `context.personas.computation_key` drops matching calls."""
    destination = make_destination(space=space, url=sink.url)
    connection = make_connection(space=space, destination=destination)
    add_filter(destination)
    enter(space, 3)

    run_worker()

    assert sink.requests == []
    assert outcomes(connection) == [("filtered", "FILTERED_BY_RULES", 0, None)] * 3
    assert books(connection) == {"emitted": 3, "filtered": 3}
    assert rows("SELECT DISTINCT detail FROM delivery_log") == [
        ("The filter “No spenders” stops the event: the event matches its condition.",)
    ]


def test_a_filter_added_later_does_not_stop_a_retry(
    space: Space, sink: Sink, run_worker: RunWorker, clock: Clock
) -> None:
    """Retries, delivery-and-observability.md §4."""
    sink.answer = fail_times(1)
    destination = make_destination(space=space, url=sink.url)
    connection = make_connection(space=space, destination=destination)
    enter(space)
    run_worker()

    add_filter(destination)
    clock.advance(minutes=11)
    enter(space)
    run_worker()

    assert sorted(outcomes(connection)) == [("delivered", None, 2, 200), ("filtered", "FILTERED_BY_RULES", 0, None)]


def test_a_sample_sends_some_and_counts_all(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    destination = make_destination(space=space, url=sink.url)
    connection = make_connection(space=space, destination=destination)
    add_filter(destination, "SAMPLE", sample_percent=50)
    enter(space, 60)

    run_worker()

    counted = books(connection)
    assert counted["emitted"] == 60
    assert counted["delivered"] + counted["filtered"] == 60
    assert len(sink.requests) == counted["delivered"]
    assert 10 < counted["delivered"] < 50


def test_a_function_is_a_destination_of_audiences(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    """F038: destination functions receive audience calls; F039: with `event.context.personas`."""
    connection = make_connection(space=space, destination=make_function_destination(space, sink.url))
    enter(space, 5)

    run_worker()

    assert {received.body["personas"]["computation_key"] for received in sink.requests} == {"big_spenders"}
    assert {received.headers["x-key"] for received in sink.requests} == {"s3cret-key"}
    assert books(connection) == {"emitted": 5, "delivered": 5}


def test_functions_take_enriched_traits(space: Space) -> None:
    """F025: Trait Enrichment is enabled for functions."""
    found = definition(make_function_destination(space, "https://example.org/").connector)

    assert found is not None
    assert enrichment_refusal(found) == ""


def test_a_function_asks_for_another_try(space: Space, sink: Sink, run_worker: RunWorker, clock: Clock) -> None:
    """`RetryError` is tried again for four hours; secrets do not get into what is kept."""
    sink.answer = fail_times(1)
    connection = make_connection(space=space, destination=make_function_destination(space, sink.url))
    enter(space)
    run_worker()
    first = rows("SELECT reason, detail FROM attempt")

    clock.advance(minutes=11)
    run_worker()

    assert first == [("RETRY", "onTrack asks for another try: busy, says REDACTED")]
    assert outcomes(connection) == [("delivered", None, 2, 200)]


def test_an_event_that_a_function_does_not_support_is_filtered(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    code = 'async function onTrack() { throw new EventNotSupported("not this one"); }'
    connection = make_connection(
        space=space, destination=make_function_destination(space, sink.url, code), send_identify=True
    )
    enter(space)

    run_worker()

    assert sink.requests == []
    assert outcomes(connection) == [("filtered", "UNSUPPORTED_EVENT_TYPE", 0, None)] * 2
    assert books(connection) == {"emitted": 2, "filtered": 2}


def test_a_function_that_fails_leaves_a_dead_letter(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    code = "async function onTrack(event) {\n  return event.traits.plan.name;\n}"
    connection = make_connection(space=space, destination=make_function_destination(space, sink.url, code))
    enter(space)

    run_worker()

    assert books(connection) == {"emitted": 1, "failed": 1}
    [(reason, detail)] = rows("SELECT reason, detail FROM delivery_log")
    assert reason == "INTERNAL"
    assert detail == "onTrack failed (line 2): TypeError: cannot read property 'plan' of undefined"


def test_a_batch_handler_gets_events_together(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    code = """
    async function onBatch(events, settings) {
      await fetch(settings.url, { method: "POST", body: JSON.stringify({ count: events.length }) });
      return events.map((event, place) => ({ status: place === 0 ? 400 : 200, errorMessage: "not the first" }));
    }
    """
    connection = make_connection(space=space, destination=make_function_destination(space, sink.url, code))
    enter(space, 10)

    run_worker()

    assert sum(received.body["count"] for received in sink.requests) == 10
    assert len(sink.requests) < 10
    assert books(connection) == {
        "emitted": 10,
        "failed": len(sink.requests),
        "delivered": 10 - len(sink.requests),
    }


def test_a_saved_version_is_what_runs_next(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    destination = make_function_destination(space, sink.url, "async function onTrack() { throw new Error('old'); }")
    connection = make_connection(space=space, destination=destination)
    enter(space)
    run_worker()
    function = space.destination_functions.get()

    save_function(function=function, actor=None, code=CODE)
    enter(space)
    run_worker()

    assert [outcome[0] for outcome in outcomes(connection)] == ["failed", "delivered"]


def test_a_mapping_reads_traits_properties_and_context_of_the_call(
    space: Space, sink: Sink, run_worker: RunWorker
) -> None:
    """F158: two matching mappings, each with the parts of the audience call that it names."""
    destination = make_destination(space=space, url=sink.url, trigger='type = "identify"')
    mapping = destination.mappings.get()
    parts = {"space": {"@path": "$.context.personas.space_id"}, "key": {"@path": "$.context.personas.computation_key"}}
    mapping.fields["data"] = {"is_in": {"@path": "$.traits.big_spenders"}, **parts}
    mapping.save()
    create_mapping(
        destination=destination,
        actor=None,
        action="send",
        name="Track",
        trigger='type = "track"',
        fields={
            "url": sink.url,
            "method": "POST",
            "data": {"is_in": {"@path": "$.properties.big_spenders"}, "event": {"@path": "$.event"}, **parts},
        },
        is_enabled=True,
    )
    make_connection(space=space, destination=destination, send_identify=True, send_track=True)
    enter(space)

    run_worker()

    about = {"space": space.public_id, "key": "big_spenders"}
    assert [received.body for received in sink.requests] == [
        {"is_in": True, **about},
        {"is_in": True, "event": "Audience Entered", **about},
    ]
