"""Journeys that use an audience (settings.COMPUTATION_CONSUMERS): it must not be deleted under them."""

from __future__ import annotations

from collections.abc import Callable

from django.urls import reverse

from audiences.services.consumers import Consumer
from journeys.models import JourneyVersion, VersionState
from journeys.selectors.step_references import audiences_named, traits_named
from spaces.models import Space


def journeys_using(*, space: Space, names: frozenset[str]) -> list[Consumer]:
    """Journeys one of whose versions that is not archived names one of these audiences in a condition."""
    return _journeys(space, lambda version: bool(names & audiences_named(version)))


def journeys_reading(*, space: Space, key: str) -> list[Consumer]:
    """Journeys one of whose versions that is not archived reads the trait (settings.TRAIT_CONSUMERS)."""
    return _journeys(space, lambda version: key in traits_named(version))


def _journeys(space: Space, uses: Callable[[JourneyVersion], bool]) -> list[Consumer]:
    versions = (
        JourneyVersion.objects.filter(journey__space=space, journey__deleted_at=None)
        .exclude(state=VersionState.ARCHIVED)
        .select_related("journey")
        .order_by("journey__name", "number")
    )
    found = {
        version.journey.public_id: Consumer(
            kind="journey",
            name=version.journey.name,
            url=reverse("journeys:overview", kwargs={"space": space.slug, "journey_id": version.journey.public_id}),
        )
        for version in versions
        if uses(version)
    }
    return list(found.values())
