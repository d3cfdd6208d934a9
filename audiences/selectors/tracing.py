"""What a trace of a call tells of its audience (settings.COMPUTATION_TRACERS)."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from audiences.models import Audience, Membership
from audiences.services.definitions import compiled
from delivery.selectors.computations import ComputationFacts
from engine import conditions
from profiles.models import Profile
from spaces.models import Space


def facts(*, space: Space, computation_id: str, profile_id: int) -> ComputationFacts | None:
    """The audience with this id: what it asks for, and whether the profile is in it now."""
    audience = Audience.objects.in_space(space).live().filter(public_id=computation_id).first()
    if audience is None:
        return None
    stored = Membership.objects.filter(space_id=space.pk, audience_id=audience.pk, profile_id=profile_id).first()
    segment_id = Profile.objects.in_space(space).filter(id=profile_id).values_list("segment_id", flat=True).first()
    definition = compiled([audience])[0]
    where = {"space": space.slug, "audience_id": audience.public_id}
    return ComputationFacts(
        kind="audience",
        name=audience.name,
        url=reverse("audiences:overview", kwargs=where),
        sentence=conditions.describe(definition.condition),
        value=stored.is_member if stored is not None else None,
        changed_at=stored.changed_at if stored is not None else None,
        events=definition.mentions.events,
        explain_url=f"{reverse('audiences:explain', kwargs=where)}?{urlencode({'profile': segment_id})}"
        if segment_id
        else "",
    )
