"""What a trace of a call tells of its computed trait (settings.COMPUTATION_TRACERS)."""

from __future__ import annotations

from django.urls import reverse

from delivery.selectors.computations import ComputationFacts
from spaces.models import Space
from traits.selectors.traits import describe, get_trait


def facts(*, space: Space, computation_id: str, profile_id: int) -> ComputationFacts | None:
    """The trait with this id, and what it is computed from; the profile's page shows its value."""
    trait = get_trait(space, computation_id)
    if trait is None:
        return None
    return ComputationFacts(
        kind="computed trait",
        name=trait.name,
        url=reverse("traits:overview", kwargs={"space": space.slug, "trait_id": trait.public_id}),
        sentence=describe(trait),
    )
