"""From an event to the payload of an action: resolve the mapping, clean, validate and coerce (connectors.md §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from destinations.kit.definition import HOOK_KEYS
from engine import mapping as mapping_kit
from engine.mapping.fields import Condition, Field
from engine.mapping.payload import PayloadError, prepare_payload
from engine.mapping.quick_payload import compile_payload

# Members that steer the framework and are no part of a payload.
STEERING = frozenset({"enable_batching", "batch_size", "batch_keys", "batch_bytes"})
RESERVED = STEERING | set(HOOK_KEYS)
INTERNAL_PREFIX = "__segment_internal_"
ROOT_DIRECTIVE = f"{INTERNAL_PREFIX}directive"


class MappingProblem(Exception):  # noqa: N818 - a problem of a mapping, of its own or with one event
    """A mapping that cannot be used, or that fails for one event. The text lists every problem with its place."""


class Resolver:
    """A compiled field mapping. `payload(event)` gives the validated payload or raises MappingProblem.

    What the mapping says without looking at the event is validated once, here. In a batch an empty text at the top
    level is kept, for one event it is removed.
    """

    def __init__(self, mapping: Mapping[str, Any], fields: Sequence[Field], *, is_batch: bool = False) -> None:
        kept = {
            key: value
            for key, value in mapping.items()
            if key not in RESERVED and (not key.startswith(INTERNAL_PREFIX) or key == ROOT_DIRECTIVE)
        }
        declared = tuple(field for field in fields if field.key not in RESERVED)
        self._fixed, fixed_fields = _fixed_part(kept, declared, is_batch=is_batch)
        rest = {key: value for key, value in kept.items() if key not in self._fixed}
        try:
            mapping_kit.compile(kept)
            self._compiled = mapping_kit.compile(rest)
        except mapping_kit.MappingError as error:
            places = " ".join(f"{problem.path or '/'}: {problem.message}" for problem in error.problems)
            raise MappingProblem(f"The field mapping is not valid. {places}") from error
        self._fields = tuple(field for field in declared if field.key not in fixed_fields)
        self._prepare = compile_payload(self._fields, is_batch=is_batch)
        self._free_objects = _free_objects(rest, self._fields)

    def payload(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Values of the event are shared with the payload, not copied: treat both as read-only."""
        try:
            resolved = self._compiled.resolve(event)
            if self._free_objects and self._free_objects == {
                key for key, value in resolved.items() if type(value) is dict
            }:
                return {**self._fixed, **resolved}
            prepared = self._prepare(resolved)
            return {**self._fixed, **prepared} if self._fixed else prepared
        except (mapping_kit.MappingError, PayloadError) as error:
            raise MappingProblem(str(error)) from error


def compile_mapping(mapping: Mapping[str, Any], fields: Sequence[Field], *, is_batch: bool = False) -> Resolver:
    return Resolver(mapping, fields, is_batch=is_batch)


def _free_objects(mapping: Mapping[str, Any], fields: Sequence[Field]) -> frozenset[str]:
    """The mapping's members when all are objects of any shape: objects need no look into them. Otherwise nothing."""
    declared = {field.key: field for field in fields}
    if ROOT_DIRECTIVE in mapping or any(_is_demanding(field) and field.key not in mapping for field in fields):
        return frozenset()
    return frozenset(mapping) if all(key in declared and _is_free(declared[key]) for key in mapping) else frozenset()


def _is_demanding(field: Field) -> bool:
    """Whether a field has a say although the mapping does not name it."""
    return bool(field.required) or any(isinstance(inner.required, Condition) for inner in field.properties or ())


def _is_free(field: Field) -> bool:
    return (
        field.type == "object"
        and not field.multiple
        and field.properties is None
        and field.choices is None
        and not isinstance(field.required, Condition)
    )


def _fixed_part(
    mapping: Mapping[str, Any], fields: Sequence[Field], *, is_batch: bool
) -> tuple[dict[str, Any], frozenset[str]]:
    """Members that are the same for every event, validated, and their keys; nothing where members depend on others."""
    if ROOT_DIRECTIVE in mapping or any(isinstance(field.required, Condition) for field in fields):
        return {}, frozenset()
    plain = {key: value for key, value in mapping.items() if not isinstance(value, dict | list)}
    declared = tuple(field for field in fields if field.key in plain)
    try:
        fixed = prepare_payload(plain, declared, is_batch=is_batch)
    except PayloadError:
        # Said for each event, with everything else that is wrong.
        return {}, frozenset()
    return fixed, frozenset(fixed)
