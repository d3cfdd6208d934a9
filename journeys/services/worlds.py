"""What exists around a journey: the audiences and destinations of its space, for problems, tests and dry runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from audiences.models import Audience, AudiencePurpose
from audiences.services.definitions import Compiled, compiled
from delivery.services.activation import enrichment_refusal
from destinations import catalog
from destinations.models import Destination
from engine.conditions import Options
from engine.journeys.person import AudienceFacts
from engine.journeys.world import DestinationFacts, World
from profiles.models import USERS
from spaces.models import Space


def world_of(space: Space) -> World:
    """Everything of the space that a definition may name: what is deleted is not in it."""
    audiences = Audience.objects.in_space(space).live()
    names = {}
    for key, public_id, name in audiences.values_list("key", "public_id", "name"):
        names[key] = names[public_id] = name
    return World(audiences=names, destinations=_destinations(space))


def _destinations(space: Space) -> dict[str, DestinationFacts]:
    found = {}
    for destination in Destination.objects.in_space(space).filter(deleted_at=None):
        definition = catalog.definition(destination.connector)
        if definition is None:
            found[destination.public_id] = DestinationFacts(name=destination.name, is_enabled=False, takes_traits=False)
            continue
        found[destination.public_id] = DestinationFacts(
            name=destination.name,
            kind=definition.kind,
            is_enabled=destination.is_enabled,
            takes_traits=not enrichment_refusal(definition),
        )
    return found


@dataclass(frozen=True, kw_only=True)
class ReferencedAudiences:
    """The audiences that conditions name, directly or through others.

    `facts` are judged in memory; those of `stored` (names by row id) are deleted or disabled, so that their last
    members stay what they were.
    """

    facts: tuple[AudienceFacts, ...]
    stored: Mapping[int, frozenset[str]]


def referenced_audiences(*, space: Space, names: Iterable[str]) -> ReferencedAudiences:
    rows = Audience.objects.in_space(space).filter(purpose=AudiencePurpose.AUDIENCE).order_by("id")
    by_name: dict[str, Compiled] = {}
    for item in compiled(rows) if names else ():
        by_name[item.audience.key] = by_name[item.audience.public_id] = item
    found: dict[int, Compiled] = {}
    open_names = sorted(set(names))
    while open_names:
        named = by_name.get(open_names.pop())
        if named is not None and named.audience.pk not in found:
            found[named.audience.pk] = named
            open_names += sorted(named.mentions.audiences) if _is_computed(named) else []
    return ReferencedAudiences(
        facts=tuple(_facts(item) for item in found.values() if _is_computed(item)),
        stored={pk: _names(item) for pk, item in found.items() if not _is_computed(item)},
    )


def _is_computed(item: Compiled) -> bool:
    """Not of accounts or of steps of journeys, whose past is not replayed: their members are those of now."""
    if item.audience.collection != USERS or item.mentions.journey_steps:
        return False
    return item.audience.deleted_at is None and item.audience.is_enabled


def _names(item: Compiled) -> frozenset[str]:
    return frozenset({item.audience.key, item.audience.public_id})


def _facts(item: Compiled) -> AudienceFacts:
    audience = item.audience
    options = Options(include_anonymous=audience.include_anonymous, historical_from=audience.historical_from)
    return AudienceFacts(names=_names(item), condition=item.condition, options=options)
