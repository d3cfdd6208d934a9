"""Moving people on: the engine decides run by run, everything around it works on blocks.

A wave asks one statement for all the verdicts that the runs of a block need; the engine goes on with them until
nothing is needed; then runs, positions, counts and the calls they cause are written, in the caller's transaction and
under the space's lock. A person with whom the engine fails stays in place and is tried again later (services/stuck.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import connection

from delivery.services.copying import bigint_array
from engine.journeys import running
from engine.journeys.running import Judged
from journeys.models import EndReason
from journeys.services.entering import Candidate, enter, members_of
from journeys.services.failing import answers_of, recovered
from journeys.services.judging import Asked
from journeys.services.live import Live
from journeys.services.moving import Moves
from journeys.services.storing import RunRow
from journeys.services.stuck import Stuck, put_aside, restore, tell

BLOCK_RUNS = 5_000
UNKNOWN = Judged(is_member=False)
"""The verdict on a profile that is gone."""
OPENS_NEXT = (EndReason.EXITED.value, EndReason.REPLACED.value)


def advance(*, live: Live, runs: Sequence[RunRow], judged: Mapping[int, Collection[str]], now: datetime) -> None:
    """Do everything that can happen to the runs now: what is due, and what follows. New runs are entered.

    `judged`: waiting conditions to judge again, by run id. Who exits enters the journey's published version next, if
    the entry condition holds.
    """
    for start in range(0, len(runs), BLOCK_RUNS):
        block = runs[start : start + BLOCK_RUNS]
        _advance(live, block, judged, now)
        enter_next(live=live, ended=block, now=now)


def enter_next(*, live: Live, ended: Sequence[RunRow], now: datetime) -> None:
    """People whose run in an earlier version ended may enter the published one (journeys.md §5.2)."""
    profiles: dict[int, list[int]] = defaultdict(list)
    for run in ended:
        if run.end_reason in OPENS_NEXT:
            version = live.published_of(run.journey_pk)
            if version is not None and version.pk != run.version_id:
                profiles[version.pk].append(run.profile_id)
    candidates = [
        Candidate(profile_id=profile_id, version_id=version_id, qualified_at=now)
        for version_id, ids in profiles.items()
        for profile_id in members_of(live.versions[version_id], ids)
    ]
    if candidates:
        advance(live=live, runs=enter(live=live, candidates=candidates, now=now), judged={}, now=now)


def _advance(live: Live, runs: Sequence[RunRow], judged: Mapping[int, Collection[str]], now: datetime) -> None:
    if not runs:
        return
    _name_people(live, runs)
    stuck: Stuck = {}
    moves = _moved(live, runs, judged, now, stuck)
    while moves is None:
        restore(live, runs)
        moves = _moved(live, runs, judged, now, stuck)
    moves.write()
    tell(live, {run.version_id for run in runs}, list(stuck.values()))


def _moved(
    live: Live, runs: Sequence[RunRow], judged: Mapping[int, Collection[str]], now: datetime, stuck: Stuck
) -> Moves | None:
    """What is to be written; those in `stuck` stay where they are. None: more are stuck now, and nothing counts."""
    known = len(stuck)
    moves = Moves(
        space=live.space,
        rows={version.pk: version.rows for version in live.versions.values()},
        now=now,
        repeated=_joined_before(live, runs),
    )
    plans = {version.pk: version.plan for version in live.versions.values()}
    needing: list[tuple[RunRow, frozenset[str]]] = []
    for run in runs:
        if not run.id:
            moves.take(run)
        if id(run) in stuck:
            put_aside(run, moves, now)
            continue
        if run.retry_at is not None:
            run.is_changed, run.retry_at = True, None
            moves.keep(run)
        try:
            advanced = running.advance(plans[run.version_id], run, now, judge=judged.get(run.id, ()))
            moves.note(run, advanced.effects)
        except Exception as error:  # noqa: BLE001 - a mistake of ours with one person holds up nobody else; `tell` logs
            stuck[id(run)] = (run, error)
            continue
        if advanced.needs:
            needing.append((run, advanced.needs))
    while needing:
        people = _people(needing)
        answers, failed = answers_of(live, people, now)
        recovered(live, {version_id for version_id, _ in people} - failed.keys())
        still: list[tuple[RunRow, frozenset[str]]] = []
        for run, needs in needing:
            if run.version_id in failed:
                run.retry_at = failed[run.version_id]
                run.is_changed = True
                moves.keep(run)
                continue
            verdicts = {step: answers[run.version_id, step].get(run.profile_id, UNKNOWN) for step in needs}
            try:
                advanced = running.advance(plans[run.version_id], run, now, verdicts)
                moves.note(run, advanced.effects)
            except Exception as error:  # noqa: BLE001 - as above
                stuck[id(run)] = (run, error)
                continue
            if advanced.needs:
                still.append((run, advanced.needs))
        needing = still
    return moves if len(stuck) == known else None


def _people(needing: Sequence[tuple[RunRow, frozenset[str]]]) -> dict[Asked, list[int]]:
    people: dict[Asked, list[int]] = defaultdict(list)
    for run, needs in needing:
        for step in needs:
            people[run.version_id, step].append(run.profile_id)
    return people


def _name_people(live: Live, runs: Sequence[RunRow]) -> None:
    """What a draw depends on: the public id of the journey and the Segment ID of the profile."""
    drawing = [run for run in runs if live.versions[run.version_id].draws]
    if not drawing:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, segment_id FROM profile WHERE space_id = %s AND id = ANY(%s::bigint[])",
            [live.space.pk, bigint_array({run.profile_id for run in drawing})],
        )
        names = dict(cursor.fetchall())
    for run in drawing:
        run.journey_id = live.versions[run.version_id].row.journey.public_id
        run.segment_id = names.get(run.profile_id, "")


def _joined_before(live: Live, runs: Sequence[RunRow]) -> frozenset[tuple[int, int, int]]:
    """(version, profile, step row) of what earlier runs joined; only re-entry makes a second run of a version."""
    again = [run for run in runs if live.versions[run.version_id].reentry_after is not None]
    if not again:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT version_id, profile_id, step_id FROM journey_position WHERE space_id = %s "
            "AND profile_id = ANY(%s::bigint[]) AND version_id = ANY(%s::bigint[]) AND joined_at IS NOT NULL "
            "AND run_id <> ALL(%s::bigint[])",
            [
                live.space.pk,
                bigint_array({run.profile_id for run in again}),
                bigint_array({run.version_id for run in again}),
                bigint_array(run.id for run in again),
            ],
        )
        return frozenset(cursor.fetchall())
