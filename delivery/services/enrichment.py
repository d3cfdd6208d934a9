"""Enriched traits of a block of calls: which a connection sends, and their values, read in one query.

Four lists are put together: those of the connection (Customized Setup, F027), those of the destination (F094), those
that its enabled mappings ask for, and those that the connector needs to find a person (`required_traits`, F093). Of two
with one name the first counts.
A profile that lacks a trait is sent without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection as database

from delivery.models import Connection
from delivery.services.activation import enrichment_refusal
from delivery.services.copying import bigint_array
from destinations.kit.definition import DestinationDefinition
from engine.payloads import overlaps

Path = tuple[str, ...]
# Per profile, the JSON texts of the traits at the loaded paths; None for a trait it lacks.
Values = dict[int, dict[Path, str]]
Extra = dict[str, str]

# Text written from jsonb: numbers keep their digits.
COLUMN = "(p.traits {arrows})::text"


@dataclass(frozen=True, slots=True)
class Enriched:
    """A trait to be sent: where it is on the profile, and its (dotted) name in the call."""

    path: Path
    name: str


def enriched_by(connection: Connection, definition: DestinationDefinition) -> list[Enriched]:
    """What calls of this connection carry. `connection.destination.always_sent` should be selected with it."""
    rows: list[dict[str, str]] = []
    if connection.setup == Connection.Setup.CUSTOMIZED and not enrichment_refusal(definition):
        rows += connection.trait_mappings
    always = getattr(connection.destination, "always_sent", None)
    if always is not None:
        rows += always.traits
    rows += [{"segment": key, "destination": key} for key in connection.destination.mapping_traits]
    rows += [{"segment": key, "destination": key} for key in definition.required_traits]
    found: dict[str, Enriched] = {}
    for row in rows:
        name = row["destination"]
        if name == connection.computation_key:
            continue
        if not any(overlaps(name, other) for other in found):
            found[name] = Enriched(path=tuple(row["segment"].split(".")), name=name)
    return list(found.values())


def load_values(*, space_id: int, profile_ids: Iterable[int], paths: Sequence[Path]) -> Values:
    """The values at these paths, missing and null ones left out. One query; none without paths."""
    if not paths:
        return {}
    columns = ", ".join(COLUMN.format(arrows=" ".join(["-> %s"] * len(path))) for path in paths)
    params = [key for path in paths for key in path]
    found: Values = {}
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT p.id, {columns} FROM profile p WHERE p.space_id = %s AND p.id = ANY(%s::bigint[])",  # noqa: S608
            [*params, space_id, bigint_array(profile_ids)],
        )
        for profile_id, *texts in cursor.fetchall():
            found[profile_id] = {
                path: text for path, text in zip(paths, texts, strict=True) if text is not None and text != "null"
            }
    return found


def extra_of(enriched: Sequence[Enriched], values: dict[Path, str]) -> Extra:
    """Names in the call, and JSON texts."""
    return {one.name: values[one.path] for one in enriched if one.path in values}
