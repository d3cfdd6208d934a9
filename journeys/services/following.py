"""Where journeys hear of every evaluation (settings.COMPUTATION_FOLLOWER)."""

from __future__ import annotations

from audiences.services.following import Evaluated
from journeys.models import JourneyVersion, VersionState

LIVE_STATES = [VersionState.PUBLISHED, VersionState.PAUSED, VersionState.DRAINING]


def follow(evaluated: Evaluated) -> None:
    """Move the people whom this evaluation concerns, in its transaction and under the space's lock."""
    if not JourneyVersion.objects.filter(journey__space=evaluated.space, state__in=LIVE_STATES).exists():
        return
