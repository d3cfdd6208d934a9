"""Letting the people of a version go: archived, replaced by a newer version, or chosen to exit or move on publishing.

What is to happen stands in `JourneyVersion.ending`; the poll (due.py) does it in slices, so that a killed worker loses
a slice at most: {"reason", "send_exits", "at", "choices": {step id: "exit" | "move:<step id>"}, "to": version id}.
An archived version without it ends with *archived* and sends nothing (journeys.md §4.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from common.tasks import enqueue
from journeys.models import EndReason, JourneyStep, JourneyVersion, VersionState
from journeys.services.advancing import advance, enter_next
from journeys.services.live import Live, live_of
from journeys.services.moving import Moves
from journeys.services.storing import RunRow, load_runs
from journeys.tasks import advance_due
from spaces.models import Space

SLICE_RUNS = 5_000
MOVE = "move:"

WITH_ENDINGS = """
SELECT DISTINCT j.space_id FROM journeys_journeyversion v JOIN journeys_journey j ON j.id = v.journey_id
WHERE v.ending IS NOT NULL OR ((v.state = 'archived' OR j.deleted_at IS NOT NULL) AND EXISTS (
    SELECT FROM journey_run r WHERE r.space_id = j.space_id AND r.version_id = v.id AND r.ended_at IS NULL))
"""
OPEN_RUNS = """
SELECT r.profile_id, r.id FROM journey_run r WHERE r.space_id = %(space)s AND r.version_id = %(version)s
AND r.ended_at IS NULL ORDER BY r.profile_id LIMIT %(limit)s
"""
# Who is at the step, or waits for it, since before the choice was made; later ones finish on their version.
AT_STEP = """
SELECT p.profile_id, p.run_id FROM journey_position p WHERE p.space_id = %(space)s AND p.step_id = %(step)s
AND p.version_id = %(version)s AND p.left_at IS NULL AND p.arrived_at <= %(at)s ORDER BY p.profile_id LIMIT %(limit)s
"""


def request_ending(
    *,
    version: JourneyVersion,
    reason: EndReason,
    now: datetime,
    send_exits: bool = False,
    choices: Mapping[str, str] | None = None,
    to_version: JourneyVersion | None = None,
) -> None:
    """Have the poll let people go soon after this transaction. Save the version's state in the same one.

    `choices`: what becomes of the people now at a step, "finish" (nothing), "exit" or "move:<step of to_version>". When
    the version is archived, everybody else ends with `reason`.
    """
    version.ending = {
        "reason": reason.value,
        "send_exits": send_exits,
        "at": now.isoformat(),
        "choices": {step: choice for step, choice in (choices or {}).items() if choice != "finish"},
        "to": None if to_version is None else to_version.pk,
    }
    version.save(update_fields=["ending", "updated_at"])
    enqueue(advance_due)


def end_runs(*, version: JourneyVersion, reason: EndReason, now: datetime, send_exits: bool) -> int:
    """End all open runs at once, in the caller's transaction under the space's lock. Returns how many."""
    live = live_of(version.journey.space)
    done = 0
    while keys := _keys(OPEN_RUNS, _values(version, SLICE_RUNS)):
        _end(live, version, keys, reason=reason, send_exits=send_exits, now=now)
        done += len(keys)
    return done


def move_runs(
    *, version: JourneyVersion, to_version: JourneyVersion, step_map: Mapping[str, str], now: datetime
) -> int:
    """Move the people at each step of `step_map` to its step of `to_version`; like `end_runs`. Returns how many."""
    live = live_of(version.journey.space)
    done = 0
    for step_id, target in step_map.items():
        values = _values(version, SLICE_RUNS) | {"step": _rows(version)[step_id].pk, "at": now}
        while keys := _keys(AT_STEP, values):
            _move(live, version, keys, to_version_id=to_version.pk, target=target, now=now)
            done += len(keys)
    return done


def spaces_with_endings() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(WITH_ENDINGS)
        return {row[0] for row in cursor.fetchall()}


def end_slice(*, space: Space, now: datetime, limit: int = SLICE_RUNS) -> int:
    """Let the next people go, under the space's lock. Returns how many; 0 = nobody is left to be let go."""
    versions = list(
        JourneyVersion.objects.filter(journey__space=space, published_at__isnull=False)
        .exclude(
            ending=None,
            state__in=[VersionState.PUBLISHED, VersionState.PAUSED, VersionState.DRAINING],
            journey__deleted_at=None,
        )
        .select_related("journey", "journey__space", "entry_audience")
        .order_by("pk")
    )
    if not versions:
        return 0
    live = live_of(space)
    for version in versions:
        if done := _slice(live, version, now, limit):
            return done
        if version.ending is not None:
            version.ending = None
            version.save(update_fields=["ending", "updated_at"])
    return 0


def _slice(live: Live, version: JourneyVersion, now: datetime, limit: int) -> int:
    ending: dict[str, Any] = version.ending or {}
    values = _values(version, limit)
    rows = _rows(version)
    for step_id, choice in ending.get("choices", {}).items():
        if step_id not in rows:
            continue
        keys = _keys(AT_STEP, values | {"step": rows[step_id].pk, "at": parse_datetime(ending["at"])})
        if keys and choice.startswith(MOVE):
            target = choice.removeprefix(MOVE)
            _move(live, version, keys, to_version_id=ending["to"], target=target, now=now)
        elif keys:
            _end(live, version, keys, reason=EndReason.EXITED, send_exits=True, now=now)
        if keys:
            return len(keys)
    is_deleted = version.journey.deleted_at is not None
    if version.state != VersionState.ARCHIVED and not is_deleted:
        return 0
    keys = _keys(OPEN_RUNS, values)
    if keys:
        default = EndReason.DELETED if is_deleted else EndReason.ARCHIVED
        reason = EndReason(ending.get("reason", default.value))
        _end(live, version, keys, reason=reason, send_exits=bool(ending.get("send_exits")), now=now)
    return len(keys)


def _end(
    live: Live,
    version: JourneyVersion,
    keys: Sequence[tuple[int, int]],
    *,
    reason: EndReason,
    send_exits: bool,
    now: datetime,
) -> None:
    rows = _rows(version)
    moves = Moves(space=live.space, rows={version.pk: rows}, now=now)
    runs = _load(version, keys)
    for run in runs:
        if send_exits:
            moves.take_back(run)
        moves.end(run, reason)
    moves.write()
    enter_next(live=live, ended=runs, now=now)


def _move(
    live: Live,
    version: JourneyVersion,
    keys: Sequence[tuple[int, int]],
    *,
    to_version_id: int,
    target: str,
    now: datetime,
) -> None:
    """End the runs and go on at `target` with the same entry and exit times, unless the person is there already."""
    aim = live.versions.get(to_version_id)
    if aim is None or target not in aim.plan.steps:
        # The version moved to was archived meanwhile: nobody can go on there.
        _end(live, version, keys, reason=EndReason.ARCHIVED, send_exits=False, now=now)
        return
    present = _present(live.space.pk, to_version_id, [profile_id for profile_id, _ in keys])
    moves = Moves(space=live.space, rows={version.pk: _rows(version), aim.pk: aim.rows}, now=now)
    moved: list[RunRow] = []
    for run in _load(version, keys):
        moves.end(run, EndReason.MOVED)
        if run.profile_id in present:
            continue
        moved.append(
            RunRow(
                run.journey_id,
                run.segment_id,
                run.entered_at,
                run.exit_at,
                origin=target,
                space_id=run.space_id,
                profile_id=run.profile_id,
                journey_pk=run.journey_pk,
                version_id=aim.pk,
                key=run.key,
            )
        )
    moves.write()
    advance(live=live, runs=moved, judged={}, now=now)


def _present(space_id: int, version_id: int, profile_ids: Sequence[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id FROM journey_run WHERE space_id = %s AND version_id = %s AND profile_id = ANY(%s) "
            "AND ended_at IS NULL",
            [space_id, version_id, list(profile_ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def _load(version: JourneyVersion, keys: Sequence[tuple[int, int]]) -> list[RunRow]:
    names = {row.pk: row.step_id for row in _rows(version).values()}
    return load_runs(space_id=version.journey.space_id, keys=keys, step_ids=names)


def _rows(version: JourneyVersion) -> dict[str, JourneyStep]:
    return {row.step_id: row for row in JourneyStep.objects.filter(journey_id=version.journey_id)}


def _values(version: JourneyVersion, limit: int) -> dict[str, Any]:
    return {"space": version.journey.space_id, "version": version.pk, "limit": limit}


def _keys(statement: str, values: Mapping[str, Any]) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
