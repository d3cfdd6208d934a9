"""What time alone brings about: delays that end, rechecks, removals from ads, exits, re-entries, second tries.

Each block takes the space's lock, so it and an evaluation never move the same people at once; two schedulers never
work on one space at the same time. Events come first: people whom an evaluation still waits for are left to it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audiences.models import Audience
from audiences.services.locks import lock_space
from common.locks import LockClass
from journeys.services.advancing import advance
from journeys.services.ending import end_slice, spaces_with_endings
from journeys.services.entering import Candidate, enter, members_of
from journeys.services.live import Live, live_of
from journeys.services.storing import RunRow, load_runs
from spaces.models import Space

BLOCK_RUNS = 5_000
# An evaluation that is late by more than this is not waited for.
LONGEST_WAIT = timedelta(minutes=5)

SPACES = """
SELECT s.id FROM spaces_space s WHERE
    EXISTS (SELECT FROM journey_position p WHERE p.space_id = s.id AND p.wake_at <= %(now)s)
    OR EXISTS (SELECT FROM journey_position p WHERE p.space_id = s.id AND p.remove_at <= %(now)s)
    OR EXISTS (SELECT FROM journey_run r WHERE r.space_id = s.id AND r.exit_at <= %(now)s AND r.ended_at IS NULL)
    OR EXISTS (SELECT FROM journey_run r WHERE r.space_id = s.id AND r.retry_at <= %(now)s)
    OR EXISTS (SELECT FROM journey_run r WHERE r.space_id = s.id AND r.reentry_at <= %(now)s)
ORDER BY s.id
"""
DUE = {
    "wake": "SELECT w.profile_id, w.run_id FROM journey_position w WHERE w.space_id = %(space)s "
    "AND w.wake_at <= %(now)s AND w.version_id = ANY(%(versions)s) {current} ORDER BY w.wake_at LIMIT %(limit)s",
    "remove": "SELECT w.profile_id, w.run_id FROM journey_position w WHERE w.space_id = %(space)s "
    "AND w.remove_at <= %(now)s AND w.version_id = ANY(%(versions)s) {current} ORDER BY w.remove_at LIMIT %(limit)s",
    "exit": "SELECT w.profile_id, w.id FROM journey_run w WHERE w.space_id = %(space)s AND w.exit_at <= %(now)s "
    "AND w.ended_at IS NULL AND w.version_id = ANY(%(versions)s) {current} ORDER BY w.exit_at LIMIT %(limit)s",
    "retry": "SELECT w.profile_id, w.id FROM journey_run w WHERE w.space_id = %(space)s AND w.retry_at <= %(now)s "
    "AND w.version_id = ANY(%(versions)s) ORDER BY w.retry_at LIMIT %(limit)s",
}
# The evaluation of these people is still to come; what it finds counts before what is due.
CHANGES_WAIT = (
    "AND w.profile_id NOT IN (SELECT unnest(c.profile_ids) FROM changed_profiles c WHERE c.space_id = %(space)s)"
)
RECHECKS_WAIT = (
    "AND NOT EXISTS (SELECT FROM membership m WHERE m.space_id = w.space_id AND m.profile_id = w.profile_id "
    "AND m.audience_id = ANY(%(audiences)s) AND m.recheck_at <= %(now)s AND m.recheck_at > %(longest)s)"
)
# Asked only while a version says that people of it are stuck.
STUCK_WAIT = (
    "AND NOT EXISTS (SELECT FROM journey_run r WHERE r.space_id = w.space_id AND r.profile_id = w.profile_id "
    "AND r.version_id = w.version_id AND r.retry_at > %(now)s)"
)
REENTRIES = """
WITH due AS (
    SELECT w.profile_id, w.id, w.version_id, w.reentry_at FROM journey_run w
    WHERE w.space_id = %(space)s AND w.reentry_at <= %(now)s {current} ORDER BY w.reentry_at LIMIT %(limit)s
),
noted AS (
    UPDATE journey_run r SET reentry_at = NULL FROM due
    WHERE r.space_id = %(space)s AND r.profile_id = due.profile_id AND r.id = due.id
)
SELECT profile_id, version_id, reentry_at FROM due
"""


def spaces_with_due(now: datetime | None = None) -> list[Space]:
    with connection.cursor() as cursor:
        cursor.execute(SPACES, {"now": now or timezone.now()})
        ids = {row[0] for row in cursor.fetchall()}
    return list(Space.objects.filter(pk__in=ids | spaces_with_endings()).order_by("pk"))


def settle(*, space: Space, deadline: float) -> bool:
    """Do what is due in one space until nothing is, or until `deadline` (time.monotonic()). False: nothing is left."""
    while time.monotonic() < deadline:
        if not due_block(space=space):
            return False
    return True


def due_block(*, space: Space, now: datetime | None = None, limit: int = BLOCK_RUNS) -> int:
    """Do one block of what is due. Returns how many people it concerned; 0 = nothing is due, or not our turn."""
    with transaction.atomic():
        if not _try_schedule(space.pk):
            return 0
        lock_space(space.pk)
        now = now or timezone.now()
        done = end_slice(space=space, now=now, limit=limit)
        live = live_of(space)
        return done + _due_runs(live, now, limit) + _due_reentries(live, now, limit)


def _try_schedule(space_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LockClass.JOURNEYS_DUE, space_id])
        return bool(cursor.fetchone()[0])


def _due_runs(live: Live, now: datetime, limit: int) -> int:
    versions = [version.pk for version in live.versions.values() if not version.rests(now)]
    if not versions:
        return 0
    values = _values(live, now, limit) | {"versions": versions}
    current = _current(live)
    if any(version.row.problem for version in live.versions.values()):
        current = f"{current} {STUCK_WAIT}"
    keys: set[tuple[int, int]] = set()
    retried: set[int] = set()
    with connection.cursor() as cursor:
        for kind, statement in DUE.items():
            cursor.execute(statement.format(current=current), values)
            found = cursor.fetchall()
            keys.update(found)
            if kind == "retry":
                retried = {run_id for _, run_id in found}
    runs: Sequence[RunRow] = load_runs(space_id=live.space.pk, keys=keys, step_ids=live.step_ids)
    judged = {run.id: frozenset(run.positions) for run in runs if run.id in retried}
    advance(live=live, runs=runs, judged=judged, now=now)
    return len(keys)


def _due_reentries(live: Live, now: datetime, limit: int) -> int:
    """People whose re-entry time is over enter again if they meet the entry condition now (journeys.md §5.1)."""
    with connection.cursor() as cursor:
        cursor.execute(REENTRIES.format(current=_current(live)), _values(live, now, limit))
        due = cursor.fetchall()
    candidates: list[Candidate] = []
    for version_id in sorted({row[1] for row in due}):
        version = live.versions.get(version_id)
        if version is None or not version.is_published:
            continue
        reentries = {profile_id: at for profile_id, version_of, at in due if version_of == version_id}
        members = members_of(version, list(reentries))
        candidates += [
            Candidate(profile_id=profile_id, version_id=version_id, qualified_at=max(since, reentries[profile_id]))
            for profile_id, since in members.items()
        ]
    runs = enter(live=live, candidates=candidates, now=now)
    advance(live=live, runs=runs, judged={}, now=now)
    return len(due)


def _values(live: Live, now: datetime, limit: int) -> dict[str, Any]:
    evaluated = Audience.objects.in_space(live.space).evaluated().values_list("pk", flat=True)
    return {
        "space": live.space.pk,
        "now": now,
        "limit": limit,
        "audiences": list(evaluated),
        "longest": now - LONGEST_WAIT,
    }


def _current(live: Live) -> str:
    return f"{CHANGES_WAIT} {RECHECKS_WAIT}" if live.reads_memberships else CHANGES_WAIT
