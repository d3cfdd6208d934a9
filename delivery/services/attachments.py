"""A destination is on sources or on the space, never on both (engage-domain.md §4 rule 6): what is in the way."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from delivery.models import SOURCE, Connection
from destinations import catalog
from destinations.models import Destination

EITHER = "one destination is either on a source or on the space"


def fed_by_sources() -> QuerySet[Connection]:
    """Connections of sources that are there; for `Destination` queries by `destination_id`."""
    rows: QuerySet[Connection] = Connection.objects.filter(computation_class=SOURCE, removed_at=None)
    return rows


def space_refusals(destinations: Collection[Destination]) -> dict[int, str]:
    """By primary key: why nothing that the space computes can go there. Those that can be connected are missing."""
    found = _names(fed_by_sources(), destinations)
    return {
        one.pk: f"{one.name} gets the events of {found[one.pk].removeprefix('Source: ')} directly, and {EITHER}. Add "
        f"another {_kind(one)} destination for what the space computes, or disconnect this one from the source first."
        for one in destinations
        if one.pk in found
    }


def source_refusals(destinations: Collection[Destination]) -> dict[int, str]:
    """By primary key: why a source cannot feed it. Those that can be connected are missing."""
    found = _names(Connection.objects.filter(removed_at=None).exclude(computation_class=SOURCE), destinations)
    return {
        one.pk: f"{one.name} gets what this space computes ({found[one.pk]}), and {EITHER}. Add another {_kind(one)} "
        "destination for the source."
        for one in destinations
        if one.pk in found
    }


def _names(rows: QuerySet[Connection], destinations: Collection[Destination]) -> dict[int, str]:
    """The oldest connection of each destination, by what it is called."""
    names: dict[int, str] = {}
    of_these = rows.filter(destination__in=[one.pk for one in destinations]).order_by("pk")
    for pk, name in of_these.values_list("destination_id", "computation_name"):
        names.setdefault(pk, name)
    return names


def _kind(destination: Destination) -> str:
    definition = catalog.definition(destination.connector)
    return definition.name if definition is not None else destination.connector
