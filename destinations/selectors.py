"""Reading destinations for pages, the API and the apps above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from destinations.catalog import definition as find_definition
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from engine.fql import FqlError, parse
from spaces.models import Space


@dataclass(frozen=True, kw_only=True)
class MatchingMappings:
    """F151, F152. `mappings` are the rows that match. A classic or list destination is not applicable."""

    is_applicable: bool
    total: int = 0
    enabled: int = 0
    disabled: int = 0
    mappings: tuple[MappingRow, ...] = ()

    @property
    def label(self) -> str:
        if not self.is_applicable:
            return "Not applicable"
        parts = [f"{self.enabled} enabled"]
        if self.disabled:
            parts.append(f"{self.disabled} disabled")
        return ", ".join(parts)


def matching_mappings(destination: Destination, sample_calls: Sequence[Mapping[str, Any]]) -> MatchingMappings:
    """The mappings whose trigger accepts at least one of the calls that a connection emits (§9).

    Make `sample_calls` with `engine.payloads.audience_call`, one per call type and event name. Prefetch `mappings` for
    a table of destinations.
    """
    definition = find_definition(destination.connector)
    if definition is not None and (definition.framework == "classic" or not definition.actions):
        return MatchingMappings(is_applicable=False)
    matching = [row for row in destination.mappings.all() if accepts(row.trigger, sample_calls)]
    enabled = sum(row.is_enabled for row in matching)
    return MatchingMappings(
        is_applicable=True,
        total=len(matching),
        enabled=enabled,
        disabled=len(matching) - enabled,
        mappings=tuple(matching),
    )


def accepts(trigger: str, calls: Sequence[Mapping[str, Any]]) -> bool:
    try:
        matches = parse(trigger).matches
    except FqlError:
        return False
    return any(matches(call) for call in calls)


def destinations_of(space: Space) -> QuerySet[Destination]:
    """The destinations of a space with `connection_count`, by name."""
    connected = Count("connections", filter=Q(connections__removed_at=None), distinct=True)
    rows: QuerySet[Destination] = Destination.objects.in_space(space).filter(deleted_at=None)
    return rows.annotate(connection_count=connected, mapping_count=Count("mappings", distinct=True)).order_by(
        "name", "pk"
    )


def mappings_of(destination: Destination) -> QuerySet[MappingRow]:
    """In the order in which they are applied."""
    return destination.mappings.order_by("position", "pk")


def find_destination(space: Space, public_id: str) -> Destination | None:
    rows = Destination.objects.in_space(space).select_related("space__workspace")
    return rows.filter(public_id=public_id, deleted_at=None).first()
