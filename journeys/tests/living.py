"""Lives lived through the live engine with a clock of our own, and what it stored of them in one comparable form."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection

from audiences.services.compute import compute_block, recheck_block
from delivery.models import Connection, Delivery
from journeys.models import JourneyStep, JourneyVersion, Position, Run, StepCount
from journeys.services.due import due_block
from journeys.tests.factories import make_live_journey
from journeys.tests.stage import Stage
from journeys.tests.strategies_journeys import Happening, Life
from profiles.models import Profile
from tests import factories

MOST_INSTANTS = 400
NEXT = """
SELECT min(at) FROM (
    SELECT min(recheck_at) AS at FROM membership WHERE space_id = %(space)s AND recheck_at > %(now)s
    UNION ALL SELECT min(wake_at) FROM journey_position WHERE space_id = %(space)s AND wake_at > %(now)s
    UNION ALL SELECT min(remove_at) FROM journey_position WHERE space_id = %(space)s AND remove_at > %(now)s
    UNION ALL SELECT min(exit_at) FROM journey_run WHERE space_id = %(space)s AND exit_at > %(now)s AND ended_at IS NULL
    UNION ALL SELECT min(reentry_at) FROM journey_run WHERE space_id = %(space)s AND reentry_at > %(now)s
    UNION ALL SELECT min(retry_at) FROM journey_run WHERE space_id = %(space)s AND retry_at > %(now)s
) due
"""


class KilledError(Exception):
    """A worker that ended in the middle of its transaction."""


@dataclass(frozen=True)
class Stayed:
    """A stay at a step, in the form in which all ways of running a journey are compared."""

    step: str
    arrived: datetime
    joined: datetime | None
    left: datetime | None
    branch: str
    removed: datetime | None


@dataclass(frozen=True)
class Passed:
    entered: datetime
    completed: datetime | None
    ended: datetime | None
    stays: tuple[Stayed, ...]


@dataclass(frozen=True, kw_only=True)
class Course:
    """Everything that became of one person: passes in their order, and (when, step, value) of what was sent."""

    passes: tuple[Passed, ...]
    sends: tuple[tuple[datetime, str, bool], ...]

    def lines(self) -> list[str]:
        """As text, a line a fact."""
        found = []
        for number, run in enumerate(self.passes, start=1):
            found.append(
                f"run {number}: entered {_at(run.entered)} completed {_at(run.completed)} ended {_at(run.ended)}"
            )
            found += [
                f"  {stay.step}: arrived {_at(stay.arrived)} joined {_at(stay.joined)} left {_at(stay.left)} "
                f"branch {stay.branch or '-'} removed {_at(stay.removed)}"
                for stay in run.stays
            ]
        return found + [f"{_at(at)} {step} {value}" for at, step, value in self.sends]


def _at(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%d %H:%M:%S}" if moment else "-"


def passed(entered: datetime, completed: datetime | None, ended: datetime | None, stays: Iterable[Stayed]) -> Passed:
    return Passed(entered, completed, ended, tuple(sorted(stays, key=lambda one: one.step)))


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call in the outbox."""

    step: str
    profile_id: int
    at: datetime
    kind: str
    event: str


class Living:
    """A stage with lives on it. `kills` are numbers of database queries at which a worker ends, counted from the last.

    A killed block is rolled back and done again, as another worker would.
    """

    def __init__(self, stage: Stage, lives: Sequence[Life], *, kills: Sequence[int] = ()) -> None:
        self.stage = stage
        self.kills = list(kills)
        self.killed = 0
        self.start = stage.now
        self.people: list[Profile] = []
        self.coming: dict[datetime, list[tuple[Profile, Happening]]] = {}
        for life in lives:
            kind = "user_id" if life.is_known else "anonymous_id"
            number = len(self.people) + 1
            profile = stage.person(ids=[(kind, f"person-{number}")], segment_id=f"use_{number:027}")
            self.people.append(profile)
            for happening in life.happenings:
                at = self.start + happening.offset + happening.late
                self.coming.setdefault(at, []).append((profile, happening))

    def go(self, definition: Mapping[str, Any], *, until: datetime) -> JourneyVersion:
        """Publish at the start and live on until `until`, stopping at each instant at which something is due."""
        for at in sorted(at for at in self.coming if at < self.start):
            self._happen(at, self.coming.pop(at))
        self._settle()
        # What happens at the moment of publishing still waits to be evaluated then.
        self._happen_now()
        version = make_live_journey(space=self.stage.space, definition=definition)
        self._settle()
        for _ in range(MOST_INSTANTS):
            after = self._next()
            if after is None or after > until:
                break
            self.stage.clock.move_to(after)
            self._happen_now()
            self._settle()
        else:
            raise AssertionError("The lives do not come to an end.")
        self.stage.clock.move_to(until)
        return version

    def _happen_now(self) -> None:
        self._happen(self.stage.now, self.coming.pop(self.stage.now, []))

    def _happen(self, at: datetime, happenings: list[tuple[Profile, Happening]]) -> None:
        for profile, one in happenings:
            if one.traits:
                self._write(profile, one, at)
            else:
                self._track(profile, one, at)

    def _track(self, profile: Profile, one: Happening, at: datetime) -> None:
        factories.make_event(
            profile=profile, name=one.name, properties=dict(one.properties), ts=at - one.late, received_at=at
        )
        self.stage.touch(profile, events=[f"track:{one.name}"], traits=[])

    def _write(self, profile: Profile, one: Happening, at: datetime) -> None:
        profile.traits = {**profile.traits, **one.traits}
        profile.trait_times = {
            **profile.trait_times,
            **dict.fromkeys(one.traits, int(at.timestamp() * 1000)),
        }
        Profile.objects.filter(id=profile.id).update(traits=profile.traits, trait_times=profile.trait_times)
        self.stage.touch(profile, events=[], traits=list(one.traits))

    def _settle(self) -> None:
        """As `Stage.settle`, with workers that are killed."""
        blocks: list[Callable[[], int]] = [
            lambda: compute_block(space=self.stage.space),
            lambda: recheck_block(space=self.stage.space),
            lambda: due_block(space=self.stage.space),
        ]
        for _ in range(200):
            if not sum(self._done(block) for block in blocks):
                return
        raise AssertionError("The work does not come to an end.")

    def _done(self, block: Callable[[], int]) -> int:
        if not self.kills:
            return block()
        try:
            with self._killed_after(self.kills[0]):
                return block()
        except KilledError:
            self.kills.pop(0)
            self.killed += 1
            return 1

    @contextmanager
    def _killed_after(self, queries: int) -> Iterator[None]:
        left = queries

        def count(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise KilledError
            return execute(sql, params, many, context)

        with connection.execute_wrapper(count):
            yield
        self.kills[0] = left

    def _next(self) -> datetime | None:
        with connection.cursor() as cursor:
            cursor.execute(NEXT, {"space": self.stage.space.pk, "now": self.stage.now})
            due = cursor.fetchone()[0]
        instants = [at for at in (due, min(self.coming, default=None)) if at is not None]
        return min(instants, default=None)


def courses(version: JourneyVersion, people: Sequence[Profile]) -> dict[int, Course]:
    """What is stored, by profile id. What was sent is told from the positions."""
    names = dict(JourneyStep.objects.filter(journey_id=version.journey_id).values_list("pk", "step_id"))
    sending = set(
        JourneyStep.objects.filter(journey_id=version.journey_id).exclude(key="").values_list("pk", flat=True)
    )
    found = {}
    for profile in people:
        passes, sends = [], []
        for run in Run.objects.filter(version_id=version.pk, profile_id=profile.id).order_by("id"):
            rows = list(Position.objects.filter(run_id=run.id, profile_id=profile.id))
            passes.append(
                passed(
                    run.entered_at, run.completed_at, run.ended_at, [_stayed(names[row.step_id], row) for row in rows]
                )
            )
            for row in rows:
                if row.step_id in sending and row.joined_at is not None:
                    sends.append((row.joined_at, names[row.step_id], True))
                    if row.removed_at is not None:
                        sends.append((row.removed_at, names[row.step_id], False))
        found[profile.id] = Course(passes=tuple(passes), sends=tuple(sorted(sends)))
    return found


def _stayed(name: str, row: Position) -> Stayed:
    return Stayed(name, row.arrived_at, row.joined_at, row.left_at, row.branch, row.removed_at)


def live_counts(version: JourneyVersion) -> dict[str, Counter[str]]:
    """What the live engine counted, by step id, over all hours and branches."""
    names = dict(JourneyStep.objects.filter(journey_id=version.journey_id).values_list("pk", "step_id"))
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in StepCount.objects.filter(version_id=version.pk):
        for name in ("arrived", "joined", "first_joined", "left", "gave_up"):
            found[names[row.step_id]][name] += getattr(row, name)
    return found


def calls(version: JourneyVersion) -> list[Call]:
    """Everything that was queued for the version's steps."""
    steps = {row.public_id: row.step_id for row in JourneyStep.objects.filter(journey_id=version.journey_id)}
    connections = {
        row.pk: steps[row.computation_id] for row in Connection.objects.filter(computation_id__in=list(steps))
    }
    return [
        Call(
            step=connections[row.connection_id],
            profile_id=row.profile_id,
            at=row.created_at,
            kind=row.kind,
            event=msgspec.json.decode(row.payload).get("event", ""),
        )
        for row in Delivery.objects.filter(connection_id__in=list(connections)).order_by("id")
    ]
