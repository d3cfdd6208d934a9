"""What becomes of the runs of profiles that are merged.

The survivor takes over every run. Nobody is in a version twice, and in a journey with exit settings nobody is in two
of its versions: of such runs one goes on, the one of the newest version, then the one that joined most steps (it is
furthest), then the one that entered first. The others end as *merged* and send nothing: what they sent stays sent, is
not sent again (`sent_value` moves with the profile), and is taken back when the run that goes on exits.
The survivor is evaluated after the merge, which judges again what it waits for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from delivery.services.copying import bigint_array
from journeys.models import EndReason, JourneyStep, JourneyVersion
from journeys.services.moving import Moves
from journeys.services.storing import RunRow, load_runs
from spaces.models import Space

# By their primary keys runs and positions move with few rows each; runs of one survivor keep their own ids.
REPOINT = """
UPDATE {table} t SET profile_id = pair.winner
FROM unnest(%(losers)s::bigint[], %(winners)s::bigint[]) AS pair(loser, winner)
WHERE t.space_id = %(space)s AND t.profile_id = pair.loser
"""
OPEN_RUNS = """
SELECT pair.winner, r.profile_id, r.id FROM unnest(%(losers)s::bigint[], %(winners)s::bigint[]) AS pair(loser, winner)
JOIN journey_run r ON r.space_id = %(space)s AND r.profile_id IN (pair.loser, pair.winner) AND r.ended_at IS NULL
"""


def merge_runs(*, space_id: int, survivors: Mapping[int, int], now: datetime) -> None:
    """`survivors` maps each profile that goes away to the one it becomes. Call under the space's lock."""
    pairs = sorted(survivors.items())
    values: dict[str, int | str] = {
        "space": space_id,
        "losers": bigint_array(loser for loser, _ in pairs),
        "winners": bigint_array(winner for _, winner in pairs),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM journey_run WHERE space_id = %(space)s "
            "AND profile_id = ANY(%(losers)s::bigint[]))",
            values,
        )
        if not cursor.fetchone()[0]:
            return
        cursor.execute(OPEN_RUNS, values)
        owners = {(profile_id, run_id): winner for winner, profile_id, run_id in cursor.fetchall()}
    _end_surplus(space_id=space_id, owners=owners, now=now)
    with connection.cursor() as cursor:
        for table in ("journey_position", "journey_run"):
            cursor.execute(REPOINT.format(table=table), values)


def _end_surplus(*, space_id: int, owners: Mapping[tuple[int, int], int], now: datetime) -> None:
    by_person: dict[tuple[int, int, str], list[RunRow]] = defaultdict(list)
    versions = _versions(space_id, owners)
    steps = _steps({version.journey_id for version in versions.values()})
    names = {row.pk: row.step_id for rows in steps.values() for row in rows.values()}
    for run in load_runs(space_id=space_id, keys=owners, step_ids=names):
        by_person[owners[run.profile_id, run.id], run.journey_pk, run.key].append(run)
    surplus = [run for runs in by_person.values() if len(runs) > 1 for run in _surplus(runs, versions)]
    if not surplus:
        return
    moves = Moves(
        space=Space.objects.get(pk=space_id),
        rows={version.pk: steps[version.journey_id] for version in versions.values()},
        now=now,
    )
    for run in surplus:
        moves.end(run, EndReason.MERGED)
    moves.write()


def _surplus(runs: list[RunRow], versions: Mapping[int, JourneyVersion]) -> list[RunRow]:
    """All but the run that goes on; without exit settings one goes on in each version (journeys.md §5.2)."""
    groups: dict[int, list[RunRow]] = defaultdict(list)
    for run in runs:
        has_exit = run.exit_at is not None
        groups[0 if has_exit else run.version_id].append(run)
    ended: list[RunRow] = []
    for group in groups.values():
        ranked = sorted(
            group,
            key=lambda run: (
                -versions[run.version_id].number,
                -sum(row.joined_at is not None for row in run.positions.values()),
                run.entered_at,
                run.id,
            ),
        )
        ended += ranked[1:]
    return ended


def _versions(space_id: int, owners: Mapping[tuple[int, int], int]) -> dict[int, JourneyVersion]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT version_id FROM journey_run WHERE space_id = %s AND profile_id = ANY(%s::bigint[]) "
            "AND id = ANY(%s::bigint[])",
            [
                space_id,
                bigint_array({profile_id for profile_id, _ in owners}),
                bigint_array({run_id for _, run_id in owners}),
            ],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return {version.pk: version for version in JourneyVersion.objects.filter(pk__in=ids)}


def _steps(journey_ids: set[int]) -> dict[int, dict[str, JourneyStep]]:
    found: dict[int, dict[str, JourneyStep]] = defaultdict(dict)
    for row in JourneyStep.objects.filter(journey_id__in=journey_ids):
        found[row.journey_id][row.step_id] = row
    return found
