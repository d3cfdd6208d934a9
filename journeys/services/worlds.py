"""What exists around a journey: the audiences and destinations of its space, for problems, tests and dry runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from audiences.models import Audience, AudiencePurpose
from audiences.services.definitions import Compiled, compiled
from delivery.services.activation import enrichment_refusal
from destinations import catalog
from destinations.models import Destination
from engine.conditions import Condition, Options
from engine.journeys.world import DestinationFacts, World
from profiles.models import USERS
from spaces.models import Space


def world_of(space: Space) -> World:
    """Everything of the space that a definition may name: what is deleted is not in it."""
    audiences = Audience.objects.in_space(space).live().filter(collection=USERS)
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
            is_advertising=definition.kind == "list",
        )
    return found


@dataclass(frozen=True, kw_only=True)
class ReferencedAudience:
    """An audience that conditions name. `condition` None: it was deleted, so its last members stay what they were."""

    id: int
    names: tuple[str, ...]
    condition: Condition | None
    options: Options
    mentions: frozenset[str] = frozenset()


def referenced_audiences(*, space: Space, names: Iterable[str]) -> list[ReferencedAudience]:
    """The audiences of these names and those that they reference in turn, each after the ones that it needs."""
    rows = Audience.objects.in_space(space).filter(purpose=AudiencePurpose.AUDIENCE, collection=USERS).order_by("id")
    by_name: dict[str, Compiled] = {}
    for item in compiled(rows):
        by_name[item.audience.key] = by_name[item.audience.public_id] = item
    ordered: dict[int, ReferencedAudience] = {}

    def visit(name: str) -> None:
        item = by_name.get(name)
        if item is None or item.audience.pk in ordered:
            return
        for other in sorted(item.mentions.audiences):
            visit(other)
        ordered[item.audience.pk] = _reference(item)

    for name in sorted(set(names)):
        visit(name)
    return list(ordered.values())


def _reference(item: Compiled) -> ReferencedAudience:
    audience = item.audience
    is_computed = audience.deleted_at is None and audience.is_enabled
    return ReferencedAudience(
        id=audience.pk,
        names=(audience.key, audience.public_id),
        condition=item.condition if is_computed else None,
        options=Options(include_anonymous=audience.include_anonymous, historical_from=audience.historical_from),
        mentions=item.mentions.audiences,
    )


def destinations_of(space: Space) -> Mapping[str, Destination]:
    """The destinations of the space by public id, not deleted, with what all their connections carry."""
    rows = Destination.objects.in_space(space).filter(deleted_at=None).select_related("always_sent")
    return {destination.public_id: destination for destination in rows}
