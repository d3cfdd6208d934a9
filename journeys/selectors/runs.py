"""Runs of a journey: lists of them, and the timeline of one (ux.md §8.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from common.keyset import keyset_page
from journeys.models import EndReason, Journey, JourneyVersion, Position, Run
from journeys.selectors.analytics import DateRange
from journeys.selectors.people import Person, people_of
from journeys.selectors.steps import StepFacts, rows_by_id, steps_of
from profiles.models import Profile
from profiles.selectors.search import search_profiles
from spaces.models import Space

PAGE_SIZE = 50
MOST_FOUND = 200
IN_PROGRESS, COMPLETED = "in_progress", "completed"
# What a list of runs shows: its label, the condition, and the instant that a range of days is about.
SHOWS: Mapping[str, tuple[str, Q, str]] = {
    "open": ("In the journey", Q(ended_at=None), ""),
    "entered": ("Entered", Q(), "entered_at"),
    "in_progress": ("In progress", Q(ended_at=None, completed_at=None), ""),
    "completed": ("Completed", Q(completed_at__isnull=False), "completed_at"),
    "exited": ("Exited", Q(end_reason=EndReason.EXITED, completed_at=None), "ended_at"),
}


@dataclass(frozen=True, kw_only=True)
class Here:
    """A step at which a run is, or for which it waits."""

    facts: StepFacts
    since: datetime
    is_waiting: bool
    wake_at: datetime | None
    branch: str = ""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run in a list. `person` is None when the profile was deleted."""

    run: Run
    version: JourneyVersion
    person: Person | None
    here: tuple[Here, ...]

    @property
    def status(self) -> str:
        return run_status(self.run)

    @property
    def status_label(self) -> str:
        return status_label(self.run)


@dataclass(frozen=True, kw_only=True)
class RunPage:
    rows: list[RunRow]
    after: str | None
    before: str | None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`show` is a key of SHOWS; a range applies where it has an instant; `query` is an identifier of the person."""

    version: JourneyVersion
    show: str = "open"
    span: DateRange | None = None
    query: str = ""


def run_status(run: Run) -> str:
    """in_progress, completed, or why the run ended: a value of EndReason."""
    if run.ended_at is not None and (run.completed_at is None or run.end_reason != EndReason.EXITED):
        return run.end_reason
    return COMPLETED if run.completed_at is not None else IN_PROGRESS


def status_label(run: Run) -> str:
    status = run_status(run)
    return {IN_PROGRESS: "In progress", COMPLETED: "Completed"}.get(status) or EndReason(status).label


def run_page(wanted: Wanted, *, shows_pii: bool, after: str = "", before: str = "") -> RunPage:
    """A page of runs, latest entry first."""
    page = keyset_page(run_list(wanted), after=after, before=before, size=PAGE_SIZE)
    rows = run_rows(wanted.version.journey, page.rows, shows_pii=shows_pii)
    return RunPage(rows=rows, after=page.after, before=page.before)


def run_list(wanted: Wanted) -> QuerySet[Run]:
    space = wanted.version.journey.space
    _label, condition, instant = SHOWS[wanted.show]
    rows = Run.objects.in_space(space).filter(condition, version_id=wanted.version.pk)
    if wanted.span is not None and instant:
        rows = rows.filter(**{f"{instant}__gte": wanted.span.start, f"{instant}__lt": wanted.span.end})
    if wanted.query:
        found = search_profiles(space, text=wanted.query, size=MOST_FOUND)
        rows = rows.filter(profile_id__in=[match.profile.id for match in found.matches])
    return rows


def run_rows(journey: Journey, runs: Iterable[Run], *, shows_pii: bool) -> list[RunRow]:
    runs = list(runs)
    versions = {version.pk: version for version in journey.versions.all()}
    people = people_of(journey.space, [run.profile_id for run in runs], shows_pii=shows_pii)
    places = open_places(journey, runs)
    return [
        RunRow(
            run=run,
            version=versions[run.version_id],
            person=people.get(run.profile_id),
            here=tuple(places.get(run.id, ())),
        )
        for run in runs
        if run.version_id in versions
    ]


def open_places(journey: Journey, runs: Iterable[Run]) -> dict[int, list[Here]]:
    """Where each open run is, in the order of the steps."""
    open_runs = {run.id: run for run in runs if run.ended_at is None}
    if not open_runs:
        return {}
    positions = Position.objects.filter(
        space_id=journey.space_id,
        profile_id__in={run.profile_id for run in open_runs.values()},
        run_id__in=open_runs,
        left_at=None,
    )
    rows = rows_by_id(journey)
    facts = {
        version.pk: {one.step_id: (order, one) for order, one in enumerate(steps_of(version))}
        for version in journey.versions.filter(pk__in={run.version_id for run in open_runs.values()})
    }
    found: dict[int, list[tuple[int, Here]]] = {}
    for position in positions:
        row = rows.get(position.step_id)
        placed = facts[position.version_id].get(row.step_id) if row and position.version_id in facts else None
        if placed is None:
            continue
        here = Here(
            facts=placed[1],
            since=position.joined_at or position.arrived_at,
            is_waiting=position.joined_at is None,
            wake_at=position.wake_at,
            branch=position.branch,
        )
        found.setdefault(position.run_id, []).append((placed[0], here))
    return {
        run_id: [here for _order, here in sorted(places, key=lambda item: item[0])] for run_id, places in found.items()
    }


def runs_of(*, space: Space, journey: Journey, profile: Profile) -> list[RunRow]:
    """Every run of a profile in a journey, in all versions, latest first."""
    runs = Run.objects.in_space(space).filter(journey_id=journey.pk, profile_id=profile.id).order_by("-id")
    return run_rows(journey, runs, shows_pii=True)


def get_run(journey: Journey, run_id: int) -> Run | None:
    found: Run | None = Run.objects.in_space(journey.space).filter(journey_id=journey.pk, id=run_id).first()
    return found


def time_left(until: datetime, now: datetime | None = None) -> float:
    """Seconds until then, 0 when it has passed."""
    return max(0.0, (until - (now or timezone.now())).total_seconds())
