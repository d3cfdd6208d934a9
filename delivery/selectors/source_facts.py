"""What a trace of a call tells of the source that it came from directly (settings.COMPUTATION_TRACERS)."""

from __future__ import annotations

from django.urls import reverse

from delivery.selectors.computations import ComputationFacts
from spaces.models import Source, Space


def facts(*, space: Space, computation_id: str, profile_id: int) -> ComputationFacts | None:
    """The source with this id."""
    source = Source.objects.in_space(space).filter(public_id=computation_id).first()
    if source is None:
        return None
    return ComputationFacts(
        kind="source",
        name=source.name,
        url=reverse("delivery:source_destinations", kwargs={"space": space.slug, "source_id": source.public_id}),
        sentence="The source sends its events to this destination directly, as they come.",
    )
