"""The versions of a space whose people move: their plans, the rows of their steps, and what their conditions read."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

import msgspec
from django.utils import timezone

from audiences.compiler import References
from audiences.services.compute import Touched
from audiences.services.definitions import references_of
from engine.journeys import plan as plans
from engine.journeys.definition import read
from engine.journeys.plan import Plan
from engine.journeys.steps.random import RandomStep
from journeys.models import JourneyStep, JourneyVersion, Run, VersionState
from journeys.services.judging import Asked, Question
from spaces.models import Space

logger = logging.getLogger(__name__)

LONGEST_PROBLEM = 500
UNREADABLE = "The definition cannot be read"
LIVE_STATES = [VersionState.PUBLISHED, VersionState.PAUSED, VersionState.DRAINING]


@lru_cache(maxsize=512)
def plan_of(definition: bytes) -> Plan:
    """The plan of a stored definition, once for all its uses. Raises DefinitionError."""
    return plans.compile(read(msgspec.json.decode(definition)))


@dataclass(frozen=True, kw_only=True)
class LiveVersion:
    """A version with people in it. `rows` are the rows of its steps by step id."""

    row: JourneyVersion
    rows: Mapping[str, JourneyStep]
    plan: Plan

    @property
    def pk(self) -> int:
        return self.row.pk

    @property
    def is_published(self) -> bool:
        return self.row.state == VersionState.PUBLISHED

    @property
    def exit_after(self) -> timedelta | None:
        return self.plan.exit_after

    @property
    def reentry_after(self) -> timedelta | None:
        return self.plan.reentry_after

    @cached_property
    def draws(self) -> bool:
        """Whether chance decides somewhere."""
        return any(isinstance(planned.step, RandomStep) for planned in self.plan.steps.values())

    def rests(self, now: datetime) -> bool:
        """Whether it failed lately and is not tried yet."""
        return self.row.retry_at is not None and self.row.retry_at > now

    def concerned(self, touched: Touched) -> set[str]:
        """Steps whose conditions look at something that was touched."""
        return {step_id for step_id, mentions in self.plan.mentions.items() if touched.reaches(mentions)}

    def referring(self, names: set[str]) -> set[str]:
        """Steps whose conditions read the membership of one of these audiences, by key or id."""
        return {step_id for step_id, mentions in self.plan.mentions.items() if mentions.audiences & names}


@dataclass(frozen=True, kw_only=True)
class Live:
    """Everything of one space that an advance needs."""

    space: Space
    versions: Mapping[int, LiveVersion]

    @cached_property
    def step_ids(self) -> dict[int, str]:
        return {row.pk: step_id for version in self.versions.values() for step_id, row in version.rows.items()}

    @cached_property
    def questions(self) -> dict[Asked, Question]:
        return {
            (version.pk, step_id): Question(condition=condition, since=version.row.published_at)
            for version in self.versions.values()
            for step_id, condition in version.plan.conditions.items()
        }

    @cached_property
    def references(self) -> References:
        mentioned = [one for version in self.versions.values() for one in version.plan.mentions.values()]
        return references_of(self.space, mentioned, live_only=False)

    @cached_property
    def refers(self) -> bool:
        """Whether the condition of a step reads the membership of an audience."""
        return any(
            mentions.audiences for version in self.versions.values() for mentions in version.plan.mentions.values()
        )

    @property
    def reads_memberships(self) -> bool:
        """Whether a step looks at audiences, or a re-entry at the entry's."""
        return self.refers or any(version.reentry_after is not None for version in self.versions.values())

    def published_of(self, journey_id: int) -> LiveVersion | None:
        found = [one for one in self.versions.values() if one.row.journey_id == journey_id and one.is_published]
        return found[0] if found else None


def live_of(space: Space) -> Live:
    """The versions whose people move. One whose definition cannot be read is passed over and says so (`problem`)."""
    rows = list(
        JourneyVersion.objects.filter(
            journey__space=space, journey__deleted_at=None, state__in=LIVE_STATES, published_at__isnull=False
        )
        .select_related("journey", "entry_audience")
        .order_by("journey_id", "number")
    )
    steps: dict[int, dict[str, JourneyStep]] = defaultdict(dict)
    if rows:
        for step in JourneyStep.objects.filter(journey_id__in={row.journey_id for row in rows}):
            steps[step.journey_id][step.step_id] = step
    versions: dict[int, LiveVersion] = {}
    for row in rows:
        try:
            versions[row.pk] = live_version(row, steps[row.journey_id])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one version is no matter of the others
            # It was read when it was published, so this is a mistake of ours, and no reason to stop the others.
            logger.error("version %s of a journey cannot be read: %s", row.pk, error)
            problem = f"{UNREADABLE}: {error}"[:LONGEST_PROBLEM]
            if row.problem != problem:
                JourneyVersion.objects.filter(pk=row.pk).update(problem=problem)
            continue
        if row.problem.startswith(UNREADABLE):
            _catch_up(row)
    return Live(space=space, versions=versions)


def _catch_up(row: JourneyVersion) -> None:
    """The definition can be read again: what its people wait for is judged at the next poll, whatever was missed."""
    Run.objects.filter(space_id=row.journey.space_id, version_id=row.pk, ended_at=None).update(retry_at=timezone.now())
    row.problem = ""
    row.save(update_fields=["problem"])


def live_version(row: JourneyVersion, steps: Mapping[str, JourneyStep]) -> LiveVersion:
    """Raises ValueError for what cannot be run."""
    plan = plan_of(msgspec.json.encode(row.definition))
    missing = plan.steps.keys() - steps.keys()
    if missing:
        raise ValueError(f"no rows are stored for the steps {', '.join(sorted(missing))}")
    return LiveVersion(row=row, rows=steps, plan=plan)
