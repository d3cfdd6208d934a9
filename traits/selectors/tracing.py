"""What a trace of a call tells of its computed trait (settings.COMPUTATION_TRACERS)."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from delivery.selectors.computations import ComputationFacts
from profiles.models import Profile
from spaces.models import Space
from traits.selectors.traits import describe, get_trait


def facts(*, space: Space, computation_id: str, profile_id: int) -> ComputationFacts | None:
    """The trait with this id, and what it is computed from; its Explain page shows how the value came about."""
    trait = get_trait(space, computation_id)
    if trait is None:
        return None
    segment_id = Profile.objects.in_space(space).filter(id=profile_id).values_list("segment_id", flat=True).first()
    where = {"space": space.slug, "trait_id": trait.public_id}
    return ComputationFacts(
        kind="computed trait",
        name=trait.name,
        url=reverse("traits:overview", kwargs=where),
        sentence=describe(trait),
        explain_url=f"{reverse('traits:explain', kwargs=where)}?{urlencode({'profile': segment_id})}"
        if segment_id
        else "",
    )
