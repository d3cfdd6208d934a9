"""What a profile's page and API show of journeys: where the person is, and the values of the journey keys (F012)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from journeys.models import EndReason, Journey, JourneyStep, JourneyVersion, Position, Run
from journeys.selectors.runs import Here, open_places, run_status, status_label
from profiles.models import Profile
from spaces.models import Space


@dataclass(frozen=True, kw_only=True)
class ProfileJourney:
    """A journey that the profile has entered, by its latest run. `entries` counts its runs in all versions."""

    journey: Journey
    version: JourneyVersion
    run: Run
    entries: int
    here: tuple[Here, ...]

    @property
    def status(self) -> str:
        return run_status(self.run)

    @property
    def status_label(self) -> str:
        return status_label(self.run)


@dataclass(frozen=True, kw_only=True)
class JourneyValue:
    """The value of a sending step's key: true once sent, false after an exit or an ad's removal.

    It stays as it was last when the journey is archived or deleted (journeys.md §5).
    """

    key: str
    value: bool
    changed_at: datetime
    step: JourneyStep
    journey: Journey


def journeys_of_profile(*, space: Space, profile: Profile) -> list[ProfileJourney]:
    """Journeys that are not deleted, those in which the person is first, then by latest entry."""
    runs = list(Run.objects.in_space(space).filter(profile_id=profile.id).order_by("-entered_at", "-id"))
    journeys = (
        Journey.objects.in_space(space)
        .filter(pk__in={run.journey_id for run in runs}, deleted_at=None)
        .select_related("space")
        .in_bulk()
    )
    versions = JourneyVersion.objects.filter(journey__in=journeys).defer("definition").in_bulk()
    found = []
    for journey in journeys.values():
        own = [run for run in runs if run.journey_id == journey.pk and run.version_id in versions]
        if not own:
            continue
        latest = min(own, key=lambda run: (run.ended_at is not None, -run.entered_at.timestamp(), -run.id))
        found.append(
            ProfileJourney(
                journey=journey,
                version=versions[latest.version_id],
                run=latest,
                entries=len(own),
                here=tuple(open_places(journey, [latest]).get(latest.id, ())),
            )
        )
    return sorted(found, key=lambda item: (item.run.ended_at is not None, -item.run.entered_at.timestamp()))


def journey_values(*, space: Space, profile: Profile) -> list[JourneyValue]:
    """Every journey key that was ever sent for the profile, with its value now, by key."""
    runs = {run.id: run for run in Run.objects.in_space(space).filter(profile_id=profile.id)}
    if not runs:
        return []
    steps = (
        JourneyStep.objects.in_space(space)
        .filter(journey_id__in={run.journey_id for run in runs.values()})
        .exclude(key="")
        .select_related("journey")
        .in_bulk()
    )
    positions = Position.objects.in_space(space).filter(
        profile_id=profile.id, step_id__in=steps, joined_at__isnull=False
    )
    by_step: dict[int, list[tuple[bool, datetime]]] = {}
    for position in positions:
        if position.run_id in runs:
            by_step.setdefault(position.step_id, []).append(_state(position, runs[position.run_id]))
    found = []
    for step_id, states in by_step.items():
        is_true = any(value for value, _at in states)
        found.append(
            JourneyValue(
                key=steps[step_id].key,
                value=is_true,
                changed_at=max(at for value, at in states if value is is_true),
                step=steps[step_id],
                journey=steps[step_id].journey,
            )
        )
    return sorted(found, key=lambda item: item.key)


def _state(position: Position, run: Run) -> tuple[bool, datetime]:
    """Whether this stay left the key true, and since when."""
    joined_at = position.joined_at or position.arrived_at
    if position.removed_at is not None:
        return False, position.removed_at
    if run.ended_at is not None and run.end_reason == EndReason.EXITED:
        return False, run.ended_at
    return True, joined_at
