"""Under which keys a trait shows its values: its own, or one for each column of a SQL trait."""

from __future__ import annotations

from engine.traits.sql import SQL
from traits.models import Trait


def columns_of(trait: Trait) -> list[str]:
    """The columns of a SQL trait in the order of its query; none of any other trait."""
    return [column["name"] for column in trait.definition.get("columns", [])] if trait.kind == SQL else []


def keys_of(trait: Trait) -> list[str]:
    """The keys among the traits of profiles that the trait writes."""
    return columns_of(trait) or [trait.key]
