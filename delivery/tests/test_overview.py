from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from common.errors import InvalidError
from delivery.selectors.calls import CallRow
from delivery.selectors.event_delivery import event_delivery, samples
from delivery.selectors.messages import behind, message_page
from delivery.selectors.overview import DISCARDS, PENDING, STEPS, Overview, Scope, by_destination, overview
from delivery.selectors.overview_scope import read_choice
from delivery.selectors.periods import read_period
from delivery.selectors.reasons import AT_MAPPING, BY_INTEGRATIONS
from delivery.services import connections as services
from delivery.services import engage_sources
from delivery.services.emit import Change, emit_changes
from delivery.services.replay import replay
from delivery.tests.builders import make_connection, make_destination, rows
from delivery.tests.conftest import Clock
from delivery.tests.sinks import Received, Sink
from destinations.models import Destination, Mapping
from spaces.models import Space
from tests.factories import make_profile

RunWorker = Callable[..., bool]
NOW = datetime(2026, 5, 20, 12, 3, 20, tzinfo=UTC)


def given(**values: str) -> Callable[[str, str], str]:
    return lambda name, default: values.get(name.rstrip("_"), default)


def look(space: Space, destination: Destination | None = None, **values: str) -> Overview:
    query = {"from" if name == "since" else name: value for name, value in values.items()}
    return overview(read_choice(space, given(**query), now=timezone.now(), destination=destination).scope)


def listed(scope: Scope, step: str, code: str | None = None, *, size: int = 7) -> list[CallRow]:
    """The whole list behind a number, page by page."""
    found: list[CallRow] = []
    after = ""
    while True:
        page = message_page(behind(scope, step, code), after=after, size=size)
        found += page.rows
        if page.after is None:
            return found
        after = page.after


def people(space: Space, count: int, **fields: object) -> list[int]:
    return [make_profile(space=space, **fields).id for _ in range(count)]


def enter(space: Space, ids: list[int], *, computation: str = "aud_test", value: bool = True) -> None:
    changes = [Change(profile_id=one, value=value) for one in ids]
    emit_changes(space=space, computation_id=computation, changes=changes, now=timezone.now())


def assert_lists_hold_what_is_counted(found: Overview) -> None:
    """Every step and every reason: as many messages as the number says, each of them once."""
    for step in STEPS:
        ids = [row.id for row in listed(found.scope, step)]
        assert len(ids) == len(set(ids)) == found.now.steps[step], step
    for (step, code), count in found.now.by_reason.items():
        if code:
            assert len(listed(found.scope, step, code)) == count, (step, code)


@pytest.mark.parametrize("seed", range(4))
def test_books_balance_whatever_becomes_of_the_calls(
    space: Space, sink: Sink, run_worker: RunWorker, clock: Clock, seed: int
) -> None:
    """W085: random outcomes over two destinations of one source; the equation holds, numbers equal their lists."""
    luck = random.Random(seed)

    def answer(_received: Received) -> tuple[int, dict[str, str], bytes]:
        return luck.choice([200, 200, 200, 400, 401, 404, 500, 503]), {}, b"{}"

    sink.answer = answer
    tried = make_destination(space=space, url=sink.url, trigger='type = "track" or type = "identify"')
    picky = make_destination(space=space, url=sink.url, trigger='type = "track"')
    listing = make_destination(space=space, connector="webhook_list", url=sink.url)
    make_connection(space=space, destination=tried, send_identify=True)
    removed = make_connection(space=space, destination=picky, send_identify=True)
    make_connection(space=space, destination=listing)
    make_connection(space=space, destination=tried, computation_id="aud_other", computation_key="other")
    engage_sources.place(space)
    known = people(space, 12)
    nobody = people(space, 3, ids=[("anonymous_id", f"a{seed}")][:0])

    for turn in range(4):
        crowd = luck.sample(known, 6)
        enter(space, crowd + (nobody if turn == 0 else []), value=luck.random() < 0.7)
        enter(space, luck.sample(known, 3), computation="aud_other")
        if luck.random() < 0.7:
            run_worker()
        if turn == 2:
            replay(space=space, actor=None)
            clock.advance(minutes=30)
    services.remove(connection=removed, actor=None)
    enter(space, luck.sample(known, 2), value=luck.random() < 0.5)

    everything = look(space)
    assert everything.now.received > 40
    assert everything.now.unaccounted == 0
    assert_lists_hold_what_is_counted(everything)
    for destination in (tried, picky, listing):
        own = look(space, destination)
        assert own.now.unaccounted == 0
        assert_lists_hold_what_is_counted(own)
    assert sum(one.received for one in by_destination(everything.scope).values()) == everything.now.received


def test_steps_have_the_names_of_a_destination_fed_by_an_audience() -> None:
    """W085: step names exactly as specified."""
    names = list(STEPS.values())

    assert names[:6] == [
        "Events from audience",
        "Filtered at source",
        "Filtered at destination",
        "Events pending retry",
        "Failed delivery",
        "Successful delivery",
    ]


def test_calls_for_another_destination_of_the_source_are_filtered_at_this_one(
    space: Space, sink: Sink, run_worker: RunWorker
) -> None:
    """F041, F042: two destinations on one source, one connected: the other gets nothing and counts each call."""
    connected = make_destination(space=space, url=sink.url)
    other = make_destination(space=space, connector="slack", url=sink.url)
    engage_sources.place(space)
    make_connection(space=space, destination=connected, send_identify=True)
    enter(space, people(space, 3))
    run_worker()

    found = look(space, other)

    assert found.now.received == 6
    assert dict(found.now.by_reason) == {("received", ""): 6, ("destination", BY_INTEGRATIONS): 6}
    assert found.now.unaccounted == 0
    assert [row.connection.destination_id for row in listed(found.scope, "destination", BY_INTEGRATIONS)] == (
        [connected.pk] * 6  # type: ignore[union-attr]
    )
    assert len(sink.requests) == 6
    without = look(space, other, passed="0")
    assert (without.now.received, without.now.steps["destination"], without.now.unaccounted) == (0, 0, 0)
    assert look(space, connected).now.steps["destination"] == 0


def test_a_destination_on_another_source_counts_nothing(space: Space, sink: Sink) -> None:
    """F030: a call for an instance on source 1 never shows at the instance on source 2."""
    first = make_destination(space=space, url=sink.url)
    second = make_destination(space=space, url=sink.url)
    engage_sources.place(space)
    make_connection(space=space, destination=first)
    enter(space, people(space, 2))

    assert look(space, second).now.received == 0
    assert look(space, first).now.received == 2


def test_a_mapping_counts_what_it_did_itself(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    """§2.1: the mapping picker filters the steps after it; what its trigger refuses is filtered at it."""
    destination = make_destination(space=space, url=sink.url, trigger='type = "track"')
    mapping = Mapping.objects.get(destination=destination)
    second = Mapping.objects.create(
        destination=destination,
        action="send",
        name="Identifies",
        trigger='type = "identify"',
        fields=mapping.fields | {"url": f"{sink.url}/refused"},
        is_enabled=True,
        position=1,
    )
    sink.answer = lambda received: (400 if received.path.endswith("refused") else 200, {}, b"")
    make_connection(space=space, destination=destination, send_identify=True)
    enter(space, people(space, 3))
    run_worker()

    first = look(space, destination, mapping=mapping.public_id)
    other = look(space, destination, mapping=second.public_id)

    assert first.now.steps["delivered"] == 3
    assert dict(first.now.by_reason)[("destination", AT_MAPPING)] == 3
    assert (other.now.steps["delivered"], other.now.by_reason["failed", "400"]) == (0, 3)
    for found in (first, other):
        assert found.now.unaccounted == 0
        assert_lists_hold_what_is_counted(found)


def test_profiles_without_an_identifier_are_filtered_at_source(space: Space) -> None:
    make_connection(space=space)
    enter(space, people(space, 2, ids=[]))

    found = look(space)

    assert dict(found.now.by_reason) == {("received", ""): 2, ("source", "NO_IDENTIFIER"): 2}


def test_a_reason_has_ten_samples_with_their_answers(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    """W085: at most ten samples a reason, each with payload and error."""
    sink.answer = lambda _received: (400, {}, b"no such field")
    make_connection(space=space, destination=make_destination(space=space, url=sink.url))
    enter(space, people(space, 12))
    run_worker()

    found = samples(look(space).scope, "failed", "400")

    assert len(found) == 10
    assert {row.exchanges[0]["response"]["body"] for row in found} == {"no such field"}


def test_breakdown_is_by_event_type_and_name(space: Space) -> None:
    make_connection(space=space, send_identify=True, enter_event="Joined", exit_event="Gone")
    ids = people(space, 3)
    enter(space, ids)
    enter(space, ids[:1], value=False)

    found = look(space)

    lines = [(line.kind, line.event, line.count) for line in found.events("received")]
    assert lines == [("identify", "", 4), ("track", "Joined", 3), ("track", "Gone", 1)]
    narrowed = look(space, kind="track", event="Joined")
    assert narrowed.now.received == len(listed(narrowed.scope, "received")) == 3


def test_change_is_against_the_equal_period_before(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    """§2.2: percent in this period minus percent in the one before."""
    make_connection(space=space, destination=make_destination(space=space, url=sink.url))
    with time_machine.travel(timezone.now() - timedelta(minutes=90), tick=True):
        enter(space, people(space, 4))
        run_worker()
    sink.answer = lambda _received: (400, {}, b"")
    enter(space, people(space, 2))
    run_worker()

    found = look(space, range="1h")

    assert (found.before.received, found.before.steps["delivered"]) == (4, 4)
    assert (found.change("delivered"), found.change("failed"), found.change("received")) == (-100.0, 100.0, -50.0)


@pytest.mark.parametrize(
    ("range_", "since", "until"),
    [
        ("10m", "2026-05-20T11:50", "2026-05-20T12:05"),
        ("1h", "2026-05-20T11:00", "2026-05-20T12:05"),
        ("24h", "2026-05-19T12:00", "2026-05-20T12:05"),
        ("14d", "2026-05-06T12:00", "2026-05-20T12:05"),
    ],
)
def test_a_period_is_of_whole_buckets(range_: str, since: str, until: str) -> None:
    period = read_period(given(range=range_), now=NOW)

    assert (f"{period.since:%Y-%m-%dT%H:%M}", f"{period.until:%Y-%m-%dT%H:%M}") == (since, until)
    covered = [(start, end) for _span, start, end in period.parts()]
    assert covered[0][0] == period.since
    assert covered[-1][1] == period.until
    assert [end for _start, end in covered[:-1]] == [start for start, _end in covered[1:]]


@pytest.mark.parametrize(
    "values",
    [
        {"range": "2y"},
        {"from": "yesterday"},
        {"from": "2026-05-01", "to": "2026-05-20"},
        {"from": "2026-05-20T12:00", "to": "2026-05-20T11:00"},
        {"from": "0001-01-01T00:00+14:00"},
    ],
)
def test_a_wrong_period_is_refused_by_name(values: dict[str, str]) -> None:
    with pytest.raises(InvalidError) as refused:
        read_period(values.get, now=NOW)

    assert refused.value.errors[0].path in {"/range", "/from"}


def test_event_delivery_tells_errors_and_latency(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    """§3: delivered, not delivered, P95 latency; errors.discarded and errors.awaiting-retry with samples."""
    destination = make_destination(space=space, url=sink.url)
    make_connection(space=space, destination=destination)
    statuses = iter([200, 200, 403, 503])
    sink.answer = lambda _received: (next(statuses), {}, b"{}")
    enter(space, people(space, 4))
    run_worker()

    found = event_delivery(read_choice(space, given(), now=timezone.now(), destination=destination).scope)

    assert (found.delivered, found.not_delivered) == (2, 2)
    assert [(error.code, error.calls) for error in found.errors] == [
        ("errors.discarded.403", 1),
        ("errors.awaiting-retry.5xx", 1),
    ]
    assert found.errors[0].sample is not None
    assert found.p95 is not None
    assert 0 < found.p95 < 60


def test_replayed_calls_leave_the_failed_ones_of_their_time(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    sink.answer = lambda _received: (400, {}, b"")
    make_connection(space=space, destination=make_destination(space=space, url=sink.url))
    enter(space, people(space, 2))
    run_worker()
    sink.answer = lambda _received: (200, {}, b"")

    replay(space=space, actor=None)
    waiting = look(space)
    run_worker()
    after = look(space)

    assert (waiting.now.steps["failed"], waiting.now.steps[PENDING], waiting.now.unaccounted) == (0, 2, 0)
    assert (after.now.steps["failed"], after.now.steps["delivered"], after.now.unaccounted) == (0, 2, 0)
    assert rows("SELECT count(*) FROM delivery_tally WHERE calls < 0") == [(0,)]


def test_discards_hang_below_the_line() -> None:
    assert DISCARDS == ("source", "destination", "failed", "superseded")
