"""The publish review: what would change, for whom, and the token that says it was read (ux.md §8.7)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection as database
from django.utils import timezone

from delivery.models import Connection, ListSync
from destinations import catalog
from engine.journeys.errors import ERROR, WARNING, JourneyProblem
from engine.journeys.places import step_of, steps_of
from engine.journeys.problems import errors_of
from journeys.models import JourneyStep, JourneyVersion, Run, StepCount, VersionState
from journeys.selectors.journeys import current_of
from journeys.services.differing import ChangedSteps, changed_steps, sentences
from journeys.services.keys import SENDING, published_types, step_rows
from journeys.services.problems import problems_of
from journeys.steps.titles import called

PAUSE, ARCHIVE = "pause", "archive"
FINISH, EXIT, MOVE = "finish", "exit", "move:"
# Creating the list at the destination may take so long after the first person arrived (journeys.md §5.2).
LIST_CREATION = timedelta(hours=10)

# The rows of the table in journeys.md §5.2, for the person who chooses.
OUTCOMES = {
    (PAUSE, True): (
        "People inside continue in version {number} until they exit; then they may enter the new version when they "
        "qualify. If version {number} is archived before, they can never enter it."
    ),
    (ARCHIVE, True): (
        "People inside stop, nothing more is sent to them from version {number}; they may enter the new version when "
        "they qualify."
    ),
    (PAUSE, False): (
        "People inside continue in version {number}, and may also enter the new version at once when they qualify."
    ),
    (ARCHIVE, False): (
        "People inside stop, nothing more is sent to them from version {number}; they may enter the new version at "
        "once when they qualify."
    ),
}
EXCLUDED = "With version exclusion, people of earlier versions never enter the new one."


@dataclass(frozen=True, kw_only=True)
class Group:
    """People of the version before who are at, or wait for, a step that is removed or altered.

    `targets` are the (step id, name) of the new version to which they can be moved.
    """

    step_id: str
    name: str
    type: str
    change: str  # "removed" or "altered"
    people: int
    targets: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class KeyUse:
    """The key that a step sends under; `is_new`: no version sent under it before."""

    step_id: str
    name: str
    key: str
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class PublishReview:
    """`token` changes with everything shown here, and with the samples' source; publish wants it back."""

    token: str
    version: JourneyVersion
    previous: JourneyVersion | None
    problems: tuple[JourneyProblem, ...]
    changes: tuple[str, ...]
    steps: ChangedSteps
    groups: tuple[Group, ...]
    inside: int
    draining: int
    keys: tuple[KeyUse, ...]
    outcomes: Mapping[str, str]

    @property
    def errors(self) -> list[JourneyProblem]:
        return errors_of(list(self.problems))

    @property
    def warnings(self) -> list[JourneyProblem]:
        return [problem for problem in self.problems if problem.severity == WARNING]

    @property
    def is_publishable(self) -> bool:
        return not self.errors


def review(version: JourneyVersion, *, now: datetime | None = None) -> PublishReview:
    """What publishing this draft would do as things are now."""
    journey = version.journey
    previous = current_of(journey)
    rows = step_rows(journey)
    before = previous.definition if previous else None
    steps = changed_steps(before, version.definition) if before else _all_new(version)
    problems = [*problems_of(version), *_list_problems(previous, rows, now or timezone.now())]
    groups = _groups(version, previous, steps, rows)
    found = PublishReview(
        token="",
        version=version,
        previous=previous,
        problems=tuple(problems),
        changes=tuple(sentences(before, version.definition, space=journey.space)),
        steps=steps,
        groups=groups,
        inside=people_inside(previous) if previous else 0,
        draining=journey.versions.filter(state=VersionState.DRAINING).count(),
        keys=_keys(version, rows),
        outcomes=_outcomes(previous),
    )
    return _with_token(found, rows)


def people_inside(version: JourneyVersion) -> int:
    """Open runs of a version."""
    return Run.objects.filter(space_id=version.journey.space_id, version_id=version.pk, ended_at=None).count()


def _all_new(version: JourneyVersion) -> ChangedSteps:
    return ChangedSteps(added=tuple(step["id"] for step in steps_of(version.definition)), removed=(), altered=())


def _groups(
    version: JourneyVersion,
    previous: JourneyVersion | None,
    steps: ChangedSteps,
    rows: Mapping[str, JourneyStep],
) -> tuple[Group, ...]:
    if previous is None:
        return ()
    concerned = [step_id for step_id in (*steps.removed, *steps.altered) if step_id in rows]
    counts = _people_at(previous, [rows[step_id].pk for step_id in concerned])
    targets = tuple((step["id"], called(step)) for step in steps_of(version.definition) if step["type"] != "connect")
    found = []
    for step_id in concerned:
        people = counts.get(rows[step_id].pk, 0)
        step = step_of(previous.definition, step_id) or {}
        if people:
            found.append(
                Group(
                    step_id=step_id,
                    name=called(step),
                    type=str(step.get("type", "")),
                    change="removed" if step_id in steps.removed else "altered",
                    people=people,
                    targets=targets,
                )
            )
    return tuple(found)


def _people_at(version: JourneyVersion, step_pks: Sequence[int]) -> dict[int, int]:
    if not step_pks:
        return {}
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT step_id, count(DISTINCT profile_id) FROM journey_position WHERE space_id = %s AND version_id = %s "
            "AND step_id = ANY(%s) AND left_at IS NULL GROUP BY step_id",
            [version.journey.space_id, version.pk, list(step_pks)],
        )
        return dict(cursor.fetchall())


def _keys(version: JourneyVersion, rows: Mapping[str, JourneyStep]) -> tuple[KeyUse, ...]:
    published = published_types(version.journey)
    return tuple(
        KeyUse(
            step_id=step["id"],
            name=called(step),
            key=rows[step["id"]].key if step["id"] in rows else "",
            is_new=step["id"] not in published,
        )
        for step in steps_of(version.definition)
        if step["type"] in SENDING
    )


def _outcomes(previous: JourneyVersion | None) -> dict[str, str]:
    if previous is None:
        return {}
    has_exit = previous.definition["settings"]["exit_after"] is not None
    return {action: OUTCOMES[action, has_exit].format(number=previous.number) for action in (PAUSE, ARCHIVE)}


def _list_problems(
    previous: JourneyVersion | None, rows: Mapping[str, JourneyStep], now: datetime
) -> list[JourneyProblem]:
    """A newer version waits while the destination's list is being made for people who have arrived (§5.2)."""
    if previous is None:
        return []
    found = []
    for step in steps_of(previous.definition):
        row = rows.get(step["id"])
        if step["type"] not in SENDING or row is None:
            continue
        for one in _lists_in_creation(row, now):
            detail = (
                f"The list of {called(step)} is being created in {one.destination.name} since the "
                "first people arrived. Publish once that is done; it takes at most 10 hours."
            )
            found.append(
                JourneyProblem(severity=ERROR, step=step["id"], path="", code="list_in_creation", detail=detail)
            )
    return found


def _lists_in_creation(row: JourneyStep, now: datetime) -> list[Connection]:
    slugs = [slug for slug, definition in catalog.definitions().items() if definition.kind == "list"]
    lists = list(
        Connection.objects.filter(
            space_id=row.space_id,
            computation_id=row.public_id,
            removed_at=None,
            is_enabled=True,
            external_audience_id="",
            destination__connector__in=slugs,
            destination__is_enabled=True,
        ).select_related("destination")
    )
    if not lists:
        return []
    first = (
        StepCount.objects.filter(space_id=row.space_id, step_id=row.pk, joined__gt=0)
        .order_by("hour")
        .values_list("hour", flat=True)
        .first()
    )
    if first is None or first + LIST_CREATION <= now:
        return []
    return [one for one in lists if _is_first_run_open(one)]


def _is_first_run_open(connection: Connection) -> bool:
    """Until the first run over the list is over, the destination may still be making it."""
    return not connection.list_syncs.exclude(state=ListSync.State.RUNNING).exists()


def _with_token(found: PublishReview, rows: Mapping[str, JourneyStep]) -> PublishReview:
    """Hash what the review rests on: definitions, states, connections, counts by group."""
    computations = {row.public_id for row in rows.values() if row.key}
    connections = Connection.objects.filter(computation_id__in=computations, removed_at=None).order_by("id")
    basis: dict[str, Any] = {
        "version": [found.version.pk, found.version.revision, found.version.definition],
        "previous": None
        if found.previous is None
        else [found.previous.pk, found.previous.state, found.previous.is_resuming, found.previous.definition],
        "connections": [[one.pk, one.is_enabled, one.updated_at.isoformat()] for one in connections],
        "groups": [[group.step_id, group.change, group.people] for group in found.groups],
        "problems": [[one.severity, one.step, one.path, one.code] for one in found.problems],
    }
    digest = hashlib.sha256(msgspec.json.encode(basis, order="sorted")).hexdigest()
    return replace(found, token=digest)
