"""From the JSON of a journey to the form in which it is kept, compared and exported."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from audiences.services.definitions import DefinitionError
from common.errors import FieldError
from engine.journeys import definition as journeys
from engine.journeys.definition import JourneyDefinition
from engine.journeys.errors import DefinitionError as MalformedError


def blank(name: str) -> dict[str, Any]:
    """The definition that a new journey begins with."""
    return canonical({"version": journeys.VERSION, "name": name})


def canonical(definition: Any) -> dict[str, Any]:
    """The definition as it is kept, its keys in the order of definitions.md §3; read-only keys are left out.

    Raises DefinitionError (400) with all problems for JSON that is no journey, not even an incomplete one.
    """
    try:
        return journeys.canonical(journeys.read(definition))
    except MalformedError as error:
        count = len(error.problems)
        raise DefinitionError(
            "The definition has 1 problem." if count == 1 else f"The definition has {count} problems.",
            [FieldError(path=one.path, code=one.code, detail=one.detail) for one in error.problems],
        ) from error


def read(definition: Mapping[str, Any]) -> JourneyDefinition:
    """A stored definition as the engine reads it (cached by content)."""
    return _read(msgspec.json.encode(definition))


@lru_cache(maxsize=256)
def _read(definition: bytes) -> JourneyDefinition:
    return journeys.read(msgspec.json.decode(definition))
