"""From an event to the payload of an action: resolve the mapping, clean, validate and coerce (connectors.md §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine import mapping as mapping_kit
from engine.mapping.fields import Field
from engine.mapping.payload import PayloadError, prepare_payload

# Members that steer the framework and are no part of a payload.
STEERING = frozenset({"enable_batching", "batch_size", "batch_keys", "batch_bytes"})
INTERNAL_PREFIX = "__segment_internal_"


class MappingProblem(Exception):  # noqa: N818 - a problem of a mapping, of its own or with one event
    """A mapping that cannot be used, or that fails for one event. The text lists every problem with its place."""


class Resolver:
    """A compiled field mapping. `payload(event)` gives the validated payload or raises MappingProblem."""

    def __init__(self, mapping: Mapping[str, Any], fields: Sequence[Field]) -> None:
        kept = {
            key: value
            for key, value in mapping.items()
            if key not in STEERING and (not key.startswith(INTERNAL_PREFIX) or key == "__segment_internal_directive")
        }
        try:
            self._compiled = mapping_kit.compile(kept)
        except mapping_kit.MappingError as error:
            places = " ".join(f"{problem.path or '/'}: {problem.message}" for problem in error.problems)
            raise MappingProblem(f"The field mapping is not valid. {places}") from error
        self._fields = tuple(field for field in fields if field.key not in STEERING)

    def payload(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Values of the event are shared with the payload, not copied: treat both as read-only."""
        try:
            resolved = self._compiled.resolve(event)
        except mapping_kit.MappingError as error:
            raise MappingProblem(str(error)) from error
        try:
            return prepare_payload(resolved, self._fields)
        except PayloadError as error:
            raise MappingProblem(str(error)) from error


def compile_mapping(mapping: Mapping[str, Any], fields: Sequence[Field]) -> Resolver:
    return Resolver(mapping, fields)
