"""Journeys and their versions, as lists, pages and the API want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Prefetch, QuerySet

from journeys.models import Journey, JourneyVersion, VersionState
from spaces.models import Space

CURRENT = (VersionState.PUBLISHED, VersionState.PAUSED)
ACTIVE = (*CURRENT, VersionState.DRAINING)


def journey_list(space: Space, search: str = "") -> QuerySet[Journey]:
    """The journeys of a space with their versions (without definitions), newest first."""
    found = Journey.objects.in_space(space).filter(deleted_at=None)
    if search.strip():
        found = found.filter(name__icontains=search.strip().replace("\0", ""))
    versions = (
        JourneyVersion.objects.defer("definition")
        .select_related("entry_audience", "created_by", "published_by")
        .order_by("-number")
    )
    return found.prefetch_related(Prefetch("versions", queryset=versions)).order_by("-id")


def get_journey(space: Space, public_id: str) -> Journey | None:
    return (
        Journey.objects.in_space(space)
        .select_related("space", "space__workspace", "created_by")
        .filter(public_id=public_id, deleted_at=None)
        .first()
    )


def versions_of(journey: Journey) -> list[JourneyVersion]:
    """All versions, newest first."""
    return list(_versions(journey).order_by("-number"))


def get_version(journey: Journey, number: int) -> JourneyVersion | None:
    return _versions(journey).filter(number=number).first()


def draft_of(journey: Journey) -> JourneyVersion | None:
    return _versions(journey).filter(state=VersionState.DRAFT).first()


def current_of(journey: Journey) -> JourneyVersion | None:
    """The version that takes people: published, or with its entry paused."""
    return _versions(journey).filter(state__in=CURRENT).first()


def shown_of(journey: Journey) -> JourneyVersion:
    """The version that a page or the API shows when none is named: the current one, else the draft, else the last."""
    found = current_of(journey) or draft_of(journey) or _versions(journey).order_by("-number").first()
    assert found is not None, "a journey has a version from the moment it is created"
    return found


def _versions(journey: Journey) -> QuerySet[JourneyVersion]:
    return JourneyVersion.objects.filter(journey=journey).select_related(
        "journey", "journey__space", "journey__space__workspace", "entry_audience", "created_by", "published_by"
    )


def fixed_settings(journey: Journey) -> Mapping[str, Any] | None:
    """The entry and exit settings that every version has to have; None before the first publication."""
    published = journey.versions.filter(published_at__isnull=False).order_by("-number").first()
    return None if published is None else published.definition.get("settings") or {}
