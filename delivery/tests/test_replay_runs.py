from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from common.errors import ConflictError, InvalidError
from delivery.models import Connection, ReplayItem, ReplayRun
from delivery.selectors import dead_letters
from delivery.selectors.books import Books, books_of
from delivery.selectors.calls import CallFilter, call_page
from delivery.selectors.dead_letters import Selection
from delivery.services import breaker, replay_runs
from delivery.services.emit import Change, emit_changes
from delivery.services.replay_previews import preview
from delivery.services.replay_runs import NothingToReplayError
from delivery.tests.builders import COMPUTATION_ID, make_connection, make_destination, rows
from delivery.tests.conftest import Clock
from delivery.tests.sinks import Sink
from destinations.models import Mapping
from destinations.services.destinations import set_destination_enabled
from spaces.models import AuditEntry, Space, User
from tests.factories import make_profile

RunWorker = Callable[..., bool]


@pytest.fixture
def connection(space: Space, sink: Sink) -> Connection:
    return make_connection(space=space, destination=make_destination(space=space, url=sink.url))


def enter(space: Space, count: int, *, value: bool = True, profile_ids: list[int] | None = None) -> list[int]:
    ids = profile_ids or [make_profile(space=space).id for _ in range(count)]
    emit_changes(
        space=space,
        computation_id=COMPUTATION_ID,
        changes=[Change(profile_id=profile_id, value=value) for profile_id in ids],
        now=timezone.now(),
    )
    return ids


def begin(space: Space, *, rate: int = 1000, now: datetime | None = None, **chosen: object) -> ReplayRun:
    return replay_runs.start(space=space, actor=None, selection=Selection(**chosen), rate=rate, now=now)  # type: ignore[arg-type]


def log_ids() -> list[str]:
    return [row[0] for row in rows("SELECT message_id FROM delivery_log ORDER BY id")]


def drive(run: ReplayRun, run_worker: RunWorker, clock: Clock, *, turns: int = 4) -> ReplayRun:
    """Sweeps and workers take turns, a few seconds apart."""
    for _ in range(turns):
        replay_runs.advance_all(now=clock())
        clock.advance(seconds=5)
        run_worker()
    replay_runs.advance_all(now=clock())
    run.refresh_from_db()
    return run


def dies(space: Space, sink: Sink, run_worker: RunWorker, count: int, *, status: int = 400) -> list[str]:
    sink.answer = lambda _received: (status, {}, b"not like this")
    enter(space, count)
    run_worker()
    sink.answer = lambda _received: (200, {}, b"ok")
    sink.requests.clear()
    return log_ids()


def test_a_thousand_dead_letters_are_delivered_once_under_their_ids(
    space: Space,
    sink: Sink,
    connection: Connection,
    run_worker: RunWorker,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Past the 4 hours of retries all are dead; repaired, a replay delivers each once; a second one sends nothing."""
    monkeypatch.setattr(breaker, "THRESHOLD", 10_000)  # else they would wait for the destination to be well
    sink.answer = lambda _received: (500, {}, b"down")
    enter(space, 1000)
    emitted = {row[0] for row in rows("SELECT message_id FROM delivery")}
    run_worker()
    clock.advance(hours=4, seconds=1)
    run_worker()
    dead = books_of([connection])[connection.pk]
    sink.requests.clear()
    sink.answer = lambda _received: (200, {}, b"ok")

    run = drive(begin(space, now=clock()), run_worker, clock)

    assert dead == Books(emitted=1000, failed=1000)
    assert (run.state, run.total, run.handed_over, run.delivered, run.failed) == ("done", 1000, 1000, 1000, 0)
    assert books_of([connection])[connection.pk] == Books(emitted=1000, delivered=1000)
    assert set(sink.message_ids) == emitted
    assert len(sink.message_ids) == 1000
    with pytest.raises(NothingToReplayError, match="Nothing is sent"):
        begin(space)
    run_worker()
    assert len(sink.message_ids) == 1000


def test_calls_go_out_at_the_chosen_rate(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, clock: Clock
) -> None:
    dies(space, sink, run_worker, 30)
    now = clock()
    run = begin(space, rate=4, now=now)

    replay_runs.advance(run.pk, now=now)
    replay_runs.advance(run.pk, now=now + timedelta(seconds=1))

    due = [row[0] for row in rows("SELECT next_attempt_at FROM delivery ORDER BY id")]
    run.refresh_from_db()
    assert [(at - now).total_seconds() for at in due] == [number * 0.25 for number in range(24)]
    assert (run.handed_over, run.on_the_way, run.state) == (24, 24, "running")


def test_a_paused_run_hands_nothing_over_and_goes_on_where_it_was(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, clock: Clock
) -> None:
    ids = dies(space, sink, run_worker, 12)
    run = begin(space, rate=1, now=clock())
    replay_runs.advance(run.pk, now=clock())
    replay_runs.pause(run=run, actor=None)
    clock.advance(minutes=1)

    replay_runs.advance_all(now=clock())
    run_worker()
    paused = len(sink.requests)
    replay_runs.resume(run=run, actor=None)
    done = drive(run, run_worker, clock, turns=6)

    assert paused == 5
    assert (done.state, done.delivered) == ("done", 12)
    assert sorted(sink.message_ids) == sorted(ids)


def test_a_cancelled_run_leaves_the_rest_dead(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, clock: Clock
) -> None:
    dies(space, sink, run_worker, 12)
    run = begin(space, rate=1, now=clock())
    replay_runs.advance(run.pk, now=clock())

    replay_runs.cancel(run=run, actor=None)
    ended = drive(run, run_worker, clock)

    assert (ended.state, ended.delivered, ended.handed_over) == ("cancelled", 5, 5)
    assert ended.finished_at is not None
    assert books_of([connection])[connection.pk] == Books(emitted=12, delivered=5, failed=7)
    with pytest.raises(ConflictError):
        replay_runs.resume(run=run, actor=None)


@pytest.mark.django_db(transaction=True)
def test_a_kill_while_handing_over_changes_nothing(
    space: Space,
    sink: Sink,
    connection: Connection,
    run_worker: RunWorker,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dies(space, sink, run_worker, 5)
    run = begin(space, now=clock())

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(replay_runs, "_remember", killed)
        with pytest.raises(SystemExit):
            replay_runs.advance(run.pk, now=clock())
    between = books_of([connection])[connection.pk]
    done = drive(run, run_worker, clock)

    assert between == Books(emitted=5, failed=5)
    assert (done.state, done.delivered) == ("done", 5)
    assert len(sink.message_ids) == 5


def test_what_dies_again_is_counted_and_can_be_replayed_again(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, clock: Clock
) -> None:
    ids = dies(space, sink, run_worker, 3)
    sink.answer = lambda received: (400 if received.body["messageId"] == ids[0] else 200, {}, b"")

    first = drive(begin(space, now=clock()), run_worker, clock)
    sink.answer = lambda _received: (200, {}, b"")
    second = drive(begin(space, now=clock()), run_worker, clock)

    assert (first.delivered, first.failed, first.state) == (2, 1, "done")
    assert (second.total, second.delivered) == (1, 1)
    outcomes = ReplayItem.objects.filter(run_id=first.pk).order_by("delivery_id").values_list("outcome", "reason")
    assert list(outcomes) == [("failed", "400"), ("delivered", None), ("delivered", None)]


def test_calls_that_could_not_be_built_are_built_with_the_mapping_of_today(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, clock: Clock
) -> None:
    mapping = Mapping.objects.get(destination=connection.destination)
    right = mapping.fields
    mapping.fields = {**right, "method": {"@path": "$.nothing"}}
    mapping.save()
    connection.destination.save()
    enter(space, 2)
    run_worker()
    [group] = dead_letters.groups(space, Selection())
    broken = preview(space=space, selection=Selection())
    mapping.fields = right
    mapping.save()
    connection.destination.save()

    mended = preview(space=space, selection=Selection())
    run = drive(begin(space, now=clock()), run_worker, clock)

    assert (group.reason, group.calls, group.is_unbuilt) == ("PAYLOAD_VALIDATION_FAILED", 2, True)
    assert (broken.samples[0].before, broken.samples[0].requests) == (None, [])
    assert "method" in broken.samples[0].problem.lower()
    assert (mended.samples[0].problem, mended.samples[0].requests[0]["method"]) == ("", "POST")
    assert (run.delivered, run.state) == (2, "done")
    assert len(sink.message_ids) == 2


def test_calls_of_a_time_when_the_destination_was_off_are_kept_and_replayed_in_order(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, clock: Clock, owner: User
) -> None:
    destination = connection.destination
    set_destination_enabled(destination=destination, actor=owner, is_enabled=False)
    ids = enter(space, 2)
    enter(space, 0, value=False, profile_ids=ids[:1])
    skipped = books_of([connection])[connection.pk]
    [group] = dead_letters.groups(space, Selection())
    with pytest.raises(NothingToReplayError):
        begin(space)
    set_destination_enabled(destination=destination, actor=owner, is_enabled=True)
    run_worker()
    assert sink.requests == []

    run = drive(begin(space, now=clock()), run_worker, clock)

    assert skipped == Books(emitted=3, filtered=3)
    assert (group.reason, group.calls, group.is_skipped) == ("DESTINATION_DISABLED", 3, True)
    assert (run.delivered, run.state) == (3, "done")
    assert books_of([connection])[connection.pk] == Books(emitted=3, delivered=3)
    sent = {received.body["messageId"]: received.body["event"] for received in sink.requests}
    assert [sent[message_id] for message_id in log_ids()] == ["Audience Entered", "Audience Entered", "Audience Exited"]


def test_a_selection_takes_only_what_it_names(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, clock: Clock
) -> None:
    other = make_connection(
        space=space, destination=make_destination(space=space, url=sink.url), computation_id="aud_other"
    )
    dies(space, sink, run_worker, 2)
    dies(space, sink, run_worker, 1, status=422)
    emit_changes(
        space=space,
        computation_id="aud_other",
        changes=[Change(profile_id=make_profile(space=space).id, value=True)],
        now=timezone.now(),
    )
    sink.answer = lambda _received: (400, {}, b"")
    run_worker()
    sink.answer = lambda _received: (200, {}, b"")

    run = drive(begin(space, now=clock(), connection_id=connection.pk, reason="400"), run_worker, clock)

    assert (run.total, run.delivered) == (2, 2)
    assert books_of([connection])[connection.pk] == Books(emitted=3, delivered=2, failed=1)
    assert books_of([other])[other.pk] == Books(emitted=1, failed=1)


def test_preview_says_what_is_left_out_and_shows_three_calls(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker
) -> None:
    paused = make_connection(
        space=space,
        destination=make_destination(space=space, url=sink.url),
        computation_id="aud_other",
        computation_name="Others",
    )
    dies(space, sink, run_worker, 100)
    emit_changes(
        space=space,
        computation_id="aud_other",
        changes=[Change(profile_id=make_profile(space=space).id, value=True)],
        now=timezone.now(),
    )
    sink.answer = lambda _received: (400, {}, b"")
    run_worker()
    Connection.objects.filter(pk=paused.pk).update(is_enabled=False)

    found = preview(space=space, selection=Selection(), rate=10)

    assert (found.count, found.rate, found.seconds) == (100, 10, 10)
    assert [(one.calls, one.why) for one in found.left_out] == [
        (1, f"the connection of Others to {paused.destination.name} is paused")
    ]
    assert len(found.samples) == 3
    sample = found.samples[0]
    assert sample.before["body"] == sample.requests[0]["body"]
    assert sample.detail.startswith("The destination") or "400" in sample.detail
    assert len(sink.requests) == 1


@pytest.mark.parametrize("rate", [0, 1001, -5])
def test_rate_has_bounds(space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, rate: int) -> None:
    dies(space, sink, run_worker, 1)

    with pytest.raises(InvalidError) as refused:
        begin(space, rate=rate)

    assert [error.path for error in refused.value.errors] == ["/rate"]
    assert ReplayRun.objects.count() == 0


def test_starting_and_cancelling_leave_audit_entries(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, owner: User
) -> None:
    dies(space, sink, run_worker, 2)

    run = replay_runs.start(space=space, actor=owner, selection=Selection(reason="400"), rate=5, words="Status 400")
    replay_runs.cancel(run=run, actor=owner)

    entries = AuditEntry.objects.filter(object_type="replayrun").order_by("id")
    assert [(entry.action, entry.actor) for entry in entries] == [("replay.started", owner), ("replay.canceled", owner)]
    assert entries[0].after == {"selection": {"reason": "400"}, "calls": 2, "rate": 5}


def test_outcomes_of_single_messages_are_forgotten_with_their_retention(
    space: Space, sink: Sink, connection: Connection, run_worker: RunWorker, clock: Clock
) -> None:
    dies(space, sink, run_worker, 2)
    run = drive(begin(space, now=clock()), run_worker, clock)

    early = replay_runs.forget_items(before=run.created_at)
    late = replay_runs.forget_items(before=clock() + timedelta(days=1))

    assert (early, late) == (0, 2)
    assert ReplayRun.objects.get().delivered == 2


def test_entries_of_a_list_are_replayed_too(space: Space, sink: Sink, clock: Clock) -> None:
    destination = make_destination(space=space, connector="webhook_list", url=sink.url)
    connection = make_connection(space=space, destination=destination)
    enter(space, 2)
    moved = rows(
        "WITH gone AS (DELETE FROM list_change RETURNING *) INSERT INTO delivery_log (space_id, id, destination_id, "
        "connection_id, profile_id, message_id, kind, payload, created_at, finished_at, attempts, outcome, reason, "
        "detail, entry) SELECT space_id, id, %s, connection_id, profile_id, message_id, 'add', payload, changed_at, "
        "now(), 1, 'failed', '400', 'no', json_build_array(id_type, id_value)::text FROM gone RETURNING id",
        destination.pk,
    )

    run = begin(space, now=clock())
    replay_runs.advance(run.pk, now=clock())

    run.refresh_from_db()
    assert len(moved) == 2
    assert (run.handed_over, run.on_the_way) == (2, 2)
    assert rows("SELECT count(*) FROM list_change WHERE connection_id = %s", connection.pk) == [(2,)]
    assert [row.status for row in call_page(space, CallFilter()).rows] == ["waiting", "waiting"]
