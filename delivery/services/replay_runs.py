"""Replay runs: a selection of dead letters is handed over to the outbox at a rate; pause, go on, cancel.

A run is a row. `advance_all` moves every run on in a transaction of its own, so a kill costs nothing: the calls that
were handed over are in the outbox, the others are dead letters still.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError, InvalidError
from common.tasks import enqueue
from delivery.models import Connection, Outcome, ReplayItem, ReplayRun
from delivery.selectors.dead_letters import Selection, counts, why_not
from delivery.services.copying import bigint_array
from delivery.services.replay import HandedOver, hand_over
from delivery.tasks import advance_replays
from spaces import audit
from spaces.models import Space, User

State = ReplayRun.State
# Calls get due times up to this far ahead, so that a sweep that comes late leaves no gap.
AHEAD = timedelta(seconds=5)
BLOCK = 5_000
LOWEST_RATE, HIGHEST_RATE = 1, 1_000

PICK = """
SELECT l.id FROM delivery_log l WHERE {where} AND l.id > %(after)s AND l.id <= %(last)s
AND l.connection_id = ANY(%(connections)s::bigint[])
ORDER BY l.id LIMIT %(limit)s FOR UPDATE OF l
"""
# A call that was handed over left the log; when it is there again it is decided.
SETTLE = """
UPDATE replay_item i SET outcome = l.outcome, reason = l.reason FROM delivery_log l
WHERE i.space_id = %(space)s AND i.run_id = %(run)s AND i.outcome IS NULL
  AND l.message_id = i.message_id AND l.space_id = i.space_id AND l.id = i.delivery_id
  AND l.finished_at >= %(since)s
RETURNING l.outcome
"""


class NothingToReplayError(ConflictError):
    """No dead letter is chosen that could be sent."""

    code: ClassVar[str] = "nothing_to_replay"


@transaction.atomic
def start(
    *,
    space: Space,
    actor: User | None,
    selection: Selection,
    rate: int,
    words: str = "",
    now: datetime | None = None,
) -> ReplayRun:
    """Begin a run over the chosen dead letters that can be sent now, `rate` calls a second.

    InvalidError at /rate; NothingToReplayError when there is nothing to send, which is what a second replay of the
    same calls meets.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InvalidError.at("/rate", f"The rate has to be between {LOWEST_RATE} and {HIGHEST_RATE:,} calls a second.")
    sendable = sendable_counts(space, selection)
    total = sum(calls for calls, _last in sendable.values())
    if not total:
        raise NothingToReplayError("Nothing is sent: no dead letter of this selection is left that could be sent.")
    run = ReplayRun.objects.create(
        space=space,
        created_by=actor,
        selection=selection.as_json(),
        words=words or "All dead letters",
        rate=rate,
        total=total,
        last_id=max(last for _calls, last in sendable.values()),
        created_at=now or timezone.now(),
    )
    audit.record(
        space=space,
        actor=actor,
        action="replay.started",
        target=run,
        after={"selection": run.selection, "calls": total, "rate": rate},
    )
    enqueue(advance_replays)
    return run


def pause(*, run: ReplayRun, actor: User | None) -> ReplayRun:
    """Hand over nothing more for now; what was handed over goes out."""
    return _move(run, actor, to=State.PAUSED, allowed=(State.RUNNING,), action="replay.paused")


def resume(*, run: ReplayRun, actor: User | None) -> ReplayRun:
    return _move(run, actor, to=State.RUNNING, allowed=(State.PAUSED,), action="replay.resumed")


def cancel(*, run: ReplayRun, actor: User | None) -> ReplayRun:
    """End it: what was not handed over stays a dead letter."""
    return _move(run, actor, to=State.CANCELLED, allowed=(State.RUNNING, State.PAUSED), action="replay.canceled")


def advance_all(*, now: datetime | None = None) -> None:
    """Settle and hand over for every open run; what another process is moving on is left to it."""
    for pk in ReplayRun.objects.filter(finished_at=None).order_by("pk").values_list("pk", flat=True):
        advance(pk, now=now or timezone.now())


@transaction.atomic
def advance(run_id: int, *, now: datetime) -> None:
    run = (
        ReplayRun.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("space")
        .filter(pk=run_id, finished_at=None)
        .first()
    )
    if run is None:
        return
    _settle(run)
    if run.state == State.RUNNING and not run.is_handed_over:
        _hand_over(run, now)
    is_over = run.is_handed_over or run.state == State.CANCELLED
    if is_over and not run.on_the_way:
        run.finished_at = now
        run.state = State.CANCELLED if run.state == State.CANCELLED else State.DONE
    run.save()


def forget_items(*, before: datetime) -> int:
    """Drop the outcomes of single messages of runs that ended before an instant; the runs stay. Returns how many."""
    ended = ReplayRun.objects.filter(finished_at__lt=before).values("pk")
    deleted, _by_model = ReplayItem.objects.filter(run_id__in=ended).delete()
    return deleted


def sendable_counts(space: Space, selection: Selection) -> dict[int, tuple[int, int]]:
    """`dead_letters.counts` of the connections that could send now."""
    found = counts(space, selection)
    known = _sending(space, found)
    return {connection_id: found[connection_id] for connection_id in found if connection_id in known}


def _sending(space: Space, among: Mapping[int, object]) -> set[int]:
    rows = Connection.objects.in_space(space).filter(pk__in=list(among)).select_related("destination")
    return {row.pk for row in rows if not why_not(row)}


def _hand_over(run: ReplayRun, now: datetime) -> None:
    """Give the calls of the next seconds their due times."""
    begin = max(run.released_until or now, now)
    room = (now + AHEAD - begin).total_seconds() * run.rate
    if room < 1:
        return
    limit = min(BLOCK, math.ceil(room))
    selection = Selection.from_json(run.selection)
    where, params = selection.where(run.space)
    sending = _sending(run.space, dict.fromkeys(_connections(run.space)))
    with database.cursor() as cursor:
        cursor.execute(
            PICK.format(where=where),
            params | {"after": run.next_id, "last": run.last_id, "connections": bigint_array(sending), "limit": limit},
        )
        ids = [row[0] for row in cursor.fetchall()]
    handed = hand_over(space=run.space, call_ids=ids, start=begin, seconds_apart=1 / run.rate)
    _remember(run, handed, now)
    run.handed_over += len(handed)
    run.released_until = begin + timedelta(seconds=len(handed) / run.rate)
    if ids:
        run.next_id = ids[-1]
    run.is_handed_over = len(ids) < limit


def _connections(space: Space) -> list[int]:
    return list(Connection.objects.in_space(space).filter(removed_at=None).values_list("pk", flat=True))


def _remember(run: ReplayRun, handed: list[HandedOver], now: datetime) -> None:
    ReplayItem.objects.bulk_create(
        [
            ReplayItem(
                space_id=run.space_id,
                run_id=run.pk,
                delivery_id=one.id,
                message_id=one.message_id,
                handed_over_at=now,
            )
            for one in handed
        ],
        ignore_conflicts=True,
    )


def _settle(run: ReplayRun) -> None:
    if not run.on_the_way:
        return
    with database.cursor() as cursor:
        cursor.execute(SETTLE, {"space": run.space_id, "run": run.pk, "since": run.created_at})
        decided = Counter(row[0] for row in cursor.fetchall())
    run.delivered += decided[Outcome.DELIVERED]
    run.failed += decided[Outcome.FAILED]
    run.other += sum(decided.values()) - decided[Outcome.DELIVERED] - decided[Outcome.FAILED]


@transaction.atomic
def _move(
    run: ReplayRun, actor: User | None, *, to: ReplayRun.State, allowed: tuple[ReplayRun.State, ...], action: str
) -> ReplayRun:
    locked: ReplayRun = (
        ReplayRun.objects.select_for_update(of=("self",)).select_related("space__workspace").get(pk=run.pk)
    )
    if locked.state == to:
        return locked
    if locked.state not in allowed or locked.is_handed_over:
        state = ReplayRun.State(locked.state).label.lower()
        raise ConflictError(f"This cannot be done: the replay is {state}, and no call is left to be handed over.")
    before = locked.state
    locked.state = to
    locked.save(update_fields=["state"])
    audit.record(
        space=locked.space, actor=actor, action=action, target=locked, before={"state": before}, after={"state": to}
    )
    enqueue(advance_replays)
    return locked
