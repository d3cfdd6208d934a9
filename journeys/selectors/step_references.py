"""Steps of journeys for conditions of audiences (settings.COMPUTATION_STEPS, audiences/services/steps.py)."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from audiences.services.steps import Step
from engine.conditions import Mentions, mentions
from engine.journeys.plan import compile as compile_plan
from journeys.models import ENTRY, JourneyStep, JourneyVersion, VersionState
from journeys.services.definitions import read
from spaces.models import Space

MEMBERS = """
SELECT p.profile_id, p.step_id FROM journey_position p
JOIN journey_run r ON r.space_id = p.space_id AND r.profile_id = p.profile_id AND r.id = p.run_id
WHERE p.space_id = {space} AND p.step_id = ANY ({steps}) AND p.joined_at IS NOT NULL AND r.ended_at IS NULL {scope}
"""


class JourneySteps:
    """The side of the journeys of `audiences.services.steps.StepSource`."""

    members = MEMBERS

    def steps(self, *, space: Space, names: Collection[str] | None = None) -> list[Step]:
        rows = JourneyStep.objects.in_space(space).filter(journey__deleted_at=None).select_related("journey")
        if names is not None:
            rows = rows.filter(Q(key__in=[name for name in names if name]) | Q(public_id__in=names))
        return [
            Step(row_id=row.pk, names=names_of(row), label=f"{row.journey.name}: {_title(row)}")
            for row in rows.order_by("journey__name", "pk")
        ]

    def audiences_behind(self, *, space: Space, names: Collection[str]) -> frozenset[str]:
        journeys = (
            JourneyStep.objects.in_space(space)
            .filter(Q(key__in=[name for name in names if name]) | Q(public_id__in=names))
            .values_list("journey_id", flat=True)
        )
        versions = JourneyVersion.objects.filter(journey_id__in=set(journeys), journey__deleted_at=None)
        versions = versions.exclude(state=VersionState.ARCHIVED)
        return frozenset(name for version in versions for name in audiences_named(version))


def audiences_named(version: JourneyVersion) -> frozenset[str]:
    """The audiences, by key or id, that the conditions of a version look at."""
    return frozenset(name for mentioned in _mentioned(version) for name in mentioned.audiences)


def traits_named(version: JourneyVersion) -> frozenset[str]:
    """The keys of the traits that the conditions of a version look at."""
    return frozenset(name.split(".", 1)[0] for mentioned in _mentioned(version) for name in mentioned.traits)


def _mentioned(version: JourneyVersion) -> list[Mentions]:
    definition = read(version.definition)
    found = list(compile_plan(definition).mentions.values())
    entry = definition.entry.condition
    return found if entry is None else [*found, mentions(entry)]


def names_of(row: JourneyStep) -> frozenset[str]:
    """What a condition may call the step."""
    return frozenset({row.public_id, row.key} - {""})


def _title(row: JourneyStep) -> str:
    return row.name or ("Entry" if row.step_id == ENTRY else row.type.replace("_", " ").capitalize())


SOURCE = JourneySteps()
