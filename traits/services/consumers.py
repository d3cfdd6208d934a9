"""What reads a trait: audiences and other traits, and what apps above have (settings.TRAIT_CONSUMERS)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from audiences.models import Audience
from audiences.services.consumers import Consumer
from audiences.services.definitions import compiled as compiled_audiences
from delivery.models import Connection
from spaces.models import Space
from traits.models import Trait
from traits.services.definitions import compiled
from traits.services.sql_columns import keys_of


def consumers(*, space: Space, trait: Trait) -> list[Consumer]:
    """Everything whose definition names the trait's key, and connections that send it along."""
    return [
        *_audiences(space, trait),
        *_traits(space, trait),
        *_connections(space, trait),
        *dict.fromkeys(one for find in _finders() for key in keys_of(trait) for one in find(space=space, key=key)),
    ]


def _audiences(space: Space, trait: Trait) -> list[Consumer]:
    return [
        Consumer(
            kind="audience",
            name=item.audience.name,
            url=reverse("audiences:overview", kwargs={"space": space.slug, "audience_id": item.audience.public_id}),
        )
        for item in compiled_audiences(Audience.objects.in_space(space).live().order_by("name"))
        if not {key.split(".", 1)[0] for key in item.mentions.traits}.isdisjoint(keys_of(trait))
    ]


def _traits(space: Space, trait: Trait) -> list[Consumer]:
    return [
        Consumer(
            kind="trait",
            name=item.trait.name,
            url=reverse("traits:overview", kwargs={"space": space.slug, "trait_id": item.trait.public_id}),
        )
        for item in compiled(Trait.objects.in_space(space).live().exclude(pk=trait.pk).order_by("name"))
        if not item.mentions.traits.isdisjoint(keys_of(trait))
    ]


def _connections(space: Space, trait: Trait) -> list[Consumer]:
    """Connections that carry the trait as enrichment."""
    rows = Connection.objects.in_space(space).filter(removed_at=None).select_related("destination").order_by("id")
    return [
        Consumer(
            kind="connection",
            name=str(row),
            url=reverse(
                "destinations:detail", kwargs={"space": space.slug, "destination_id": row.destination.public_id}
            ),
        )
        for row in rows
        if any(str(mapping.get("segment", "")).split(".", 1)[0] in keys_of(trait) for mapping in row.trait_mappings)
    ]


@cache
def _finders() -> list[Callable[..., list[Consumer]]]:
    return [import_string(path) for path in settings.TRAIT_CONSUMERS]
