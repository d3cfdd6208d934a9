"""Counts per hour of a version's runs and steps, written in the transaction that moves the people they count."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

import msgspec
from django.db import connection
from django.db.models import Sum

from journeys.models import JourneyStep, StepCount

_encode = msgspec.json.encode


class Tally:
    """What one block of moves adds to `RunCount` and `StepCount`."""

    def __init__(self) -> None:
        # version -> [entered, completed, exited, ended]
        self.runs: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        # (version, row id of the step, branch) -> [arrived, joined, first_joined, left, gave_up]
        self.steps: dict[tuple[int, int, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])

    def entered(self, version_id: int) -> None:
        self.runs[version_id][0] += 1

    def completed(self, version_id: int) -> None:
        self.runs[version_id][1] += 1

    def exited(self, version_id: int) -> None:
        """Without having completed."""
        self.runs[version_id][2] += 1

    def ended(self, version_id: int) -> None:
        """Without having completed, by anything but an exit."""
        self.runs[version_id][3] += 1

    def arrived(self, version_id: int, step: int) -> None:
        self.steps[version_id, step, ""][0] += 1

    def joined(self, version_id: int, step: int, branch: str, *, is_first: bool) -> None:
        row = self.steps[version_id, step, branch]
        row[1] += 1
        row[2] += is_first

    def left(self, version_id: int, step: int, branch: str) -> None:
        self.steps[version_id, step, branch][3] += 1

    def gave_up(self, version_id: int, step: int) -> None:
        """Left without ever having joined: the run ended while it waited."""
        self.steps[version_id, step, ""][4] += 1


def add(*, space_id: int, tally: Tally, now: datetime) -> None:
    """Rows in one order, since workers of other spaces do not touch them and those of this one take turns."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    runs = [
        {"v": version, "a": counts[0], "b": counts[1], "c": counts[2], "d": counts[3]}
        for version, counts in sorted(tally.runs.items())
        if any(counts)
    ]
    steps = [
        {
            "v": version,
            "s": step,
            "n": branch,
            "a": counts[0],
            "b": counts[1],
            "c": counts[2],
            "d": counts[3],
            "e": counts[4],
        }
        for (version, step, branch), counts in sorted(tally.steps.items())
        if any(counts)
    ]
    with connection.cursor() as cursor:
        if runs:
            cursor.execute(
                """
                INSERT INTO journey_run_count AS t (space_id, version_id, hour, entered, completed, exited, ended)
                SELECT %s, v, %s, a, b, c, d
                FROM json_to_recordset(%s) AS i(v bigint, a bigint, b bigint, c bigint, d bigint)
                ON CONFLICT (space_id, version_id, hour) DO UPDATE
                SET entered = t.entered + excluded.entered, completed = t.completed + excluded.completed,
                    exited = t.exited + excluded.exited, ended = t.ended + excluded.ended
                """,
                [space_id, hour, _encode(runs).decode()],
            )
        if steps:
            cursor.execute(
                """
                INSERT INTO journey_step_count AS t
                    (space_id, version_id, step_id, branch, hour, arrived, joined, first_joined, "left", gave_up)
                SELECT %s, v, s, n, %s, a, b, c, d, e FROM json_to_recordset(%s)
                    AS i(v bigint, s bigint, n text, a bigint, b bigint, c bigint, d bigint, e bigint)
                ON CONFLICT (space_id, version_id, step_id, branch, hour) DO UPDATE
                SET arrived = t.arrived + excluded.arrived, joined = t.joined + excluded.joined,
                    first_joined = t.first_joined + excluded.first_joined, "left" = t."left" + excluded."left",
                    gave_up = t.gave_up + excluded.gave_up
                """,
                [space_id, hour, _encode(steps).decode()],
            )


def people_of_step(step: JourneyStep) -> int:
    """How often people joined the step, over all versions: the measure of a first sync's progress."""
    counted = StepCount.objects.filter(space_id=step.space_id, step_id=step.pk).aggregate(joined=Sum("joined"))
    return int(counted["joined"] or 0)
