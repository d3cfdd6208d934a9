"""What uses an audience: other audiences, and computations of apps above this one.

`settings.COMPUTATION_CONSUMERS` names the functions that look for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from audiences.models import Audience
from audiences.services.definitions import compiled
from spaces.models import Space


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """One user of an audience. `kind` is a word for people: "audience", "journey"."""

    kind: str
    name: str
    url: str


def consumers(*, space: Space, audience: Audience) -> list[Consumer]:
    """Everything whose definition names the audience, by its key or its id."""
    names = frozenset({audience.key, audience.public_id})
    return [consumer for find in _finders() for consumer in find(space=space, names=names)]


def audiences_using(*, space: Space, names: frozenset[str]) -> list[Consumer]:
    """Audiences whose definition names one of these."""
    return [
        Consumer(
            kind="audience",
            name=other.audience.name,
            url=reverse("audiences:overview", kwargs={"space": space.slug, "audience_id": other.audience.public_id}),
        )
        for other in compiled(Audience.objects.in_space(space).live().order_by("name"))
        if names & other.mentions.audiences
    ]


@cache
def _finders() -> list[Callable[..., list[Consumer]]]:
    return [import_string(path) for path in settings.COMPUTATION_CONSUMERS]
