"""Taking a person out of all journeys, as if they had never been there but for what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from delivery.services.copying import bigint_array
from journeys.models import EndReason, JourneyStep, JourneyVersion
from journeys.services.moving import Moves
from journeys.services.storing import load_runs
from spaces.models import Space

OPEN = """
SELECT r.profile_id, r.id, r.version_id FROM journey_run r
WHERE r.space_id = %s AND r.profile_id = ANY(%s::bigint[]) AND r.ended_at IS NULL
"""


def forget_runs(*, space_id: int, profile_ids: Sequence[int], now: datetime) -> int:
    """Delete the runs and positions of these profiles; returns how many runs. Call under the space's lock.

    Open runs end first and send nothing, so that the figures of each step are those of the people who are left.
    """
    with connection.cursor() as cursor:
        cursor.execute(OPEN, [space_id, bigint_array(profile_ids)])
        found = cursor.fetchall()
    if found:
        _end(space_id, found, now)
    with connection.cursor() as cursor:
        for table in ("journey_position", "journey_run"):
            cursor.execute(
                f"DELETE FROM {table} WHERE space_id = %s AND profile_id = ANY(%s::bigint[])",  # noqa: S608
                [space_id, bigint_array(profile_ids)],
            )
        return int(cursor.rowcount)


def _end(space_id: int, found: Sequence[tuple[int, int, int]], now: datetime) -> None:
    versions = {version.pk: version for version in JourneyVersion.objects.filter(pk__in={row[2] for row in found})}
    rows: dict[int, dict[str, JourneyStep]] = {}
    for step in JourneyStep.objects.filter(journey_id__in={version.journey_id for version in versions.values()}):
        rows.setdefault(step.journey_id, {})[step.step_id] = step
    moves = Moves(
        space=Space.objects.get(pk=space_id),
        rows={version.pk: rows.get(version.journey_id, {}) for version in versions.values()},
        now=now,
    )
    names = {step.pk: step.step_id for steps in rows.values() for step in steps.values()}
    for run in load_runs(space_id=space_id, keys=[(row[0], row[1]) for row in found], step_ids=names):
        moves.end(run, EndReason.MERGED)
    moves.write()
