"""Definition JSON to trait; collects every problem before it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.conditions.errors import Problem
from engine.conditions.nodes import Path
from engine.conditions.parsing import COLLECTIONS, read_event
from engine.conditions.parsing_values import LONGEST_PATH, ValueReader
from engine.traits.definition import AGGREGATES, LOWEST_MINIMUM, VERSION, EventTrait
from engine.traits.errors import TraitError
from engine.traits.kinds import KINDS, Kind

HIGHEST_MINIMUM = 1_000_000


def parse(definition: Any) -> Any:
    """The trait of `{"version": 1, "collection": …, "kind": KIND, "event": {…}, "property": …}` (definitions.md §2).

    An EventTrait, or what the kind itself reads where its values come from elsewhere. Raises TraitError with all
    problems.
    """
    reader = _Reader([])
    found = reader.trait(definition)
    if reader.problems or found is None:
        raise TraitError(reader.problems)
    return found


class _Reader(ValueReader):
    def trait(self, definition: Any) -> Any:
        if not isinstance(definition, Mapping):
            self.problem("", "wrong_type", 'A definition is an object such as {"version": 1, "kind": "first", …}.')
            return None
        version, collection = definition.get("version"), definition.get("collection")
        if type(version) is not int or version != VERSION:
            self.problem("/version", "unknown_version", f"Set the version to {VERSION}; no other exists.")
        if collection not in COLLECTIONS:
            self.problem("/collection", "unknown_collection", 'The collection is "users" or "accounts".')
        kind = KINDS.get(name) if isinstance(name := definition.get("kind"), str) else None
        if kind is None:
            self.problem("/kind", "unknown_kind", f"The kind is one of: {', '.join(KINDS)}.")
            return None
        if kind.read is not None:
            return kind.read(definition, self.problems)
        return self._event_trait(definition, kind, str(collection))

    def _event_trait(self, raw: Mapping[str, Any], kind: Kind, collection: str) -> EventTrait | None:
        names = ("property", "user_trait") if kind.reads_property else ()
        self.known_keys(raw, "", ("version", "collection", "kind", *kind.keys, *names))
        event = self._event(raw)
        path, is_user_trait = self._value_path(raw, collection) if kind.reads_property else (None, False)
        aggregate = self._aggregate(raw) if "aggregate" in kind.keys else ""
        minimum = self._minimum(raw) if "minimum" in kind.keys else LOWEST_MINIMUM
        if event is None or self.problems:
            return None
        return EventTrait(
            version=VERSION,
            collection=collection,
            kind=kind.name,
            event=event,
            path=path,
            is_user_trait=is_user_trait,
            aggregate=aggregate,
            minimum=minimum,
        )

    def _event(self, raw: Mapping[str, Any]) -> Any:
        node = raw.get("event")
        if not isinstance(node, Mapping):
            code = "wrong_type" if "event" in raw else "required"
            self.problem("/event", code, 'Name the event, such as {"event": "Order Completed"}.')
            return None
        if "count" in node:
            self.problem("/event/count", "unknown_key", "Remove this: every matching event is looked at.")
            node = {key: value for key, value in node.items() if key != "count"}
        if "event" not in node:
            self.problem("/event/event", "required", "Give an event name.")
            return None
        found: list[Problem] = []
        event = read_event(node, "/event", found)
        self.problems += found
        return event

    def _value_path(self, raw: Mapping[str, Any], collection: str) -> tuple[Path | None, bool]:
        given = [key for key in ("property", "user_trait") if key in raw]
        if len(given) == 2:
            self.problem("/user_trait", "ambiguous_value", "Keep either property or user_trait.")
            return None, False
        key = given[0] if given else "property"
        is_user_trait = key == "user_trait"
        if is_user_trait and collection != "accounts":
            self.problem("/user_trait", "misplaced_reference", "Traits of users are for traits of accounts only.")
            return None, True
        meaning = "the key of a trait of the users" if is_user_trait else "the property whose values are looked at"
        name = self.text(raw, "", key, meaning)
        if name is None:
            return None, is_user_trait
        parts = tuple(name.split("."))
        if len(parts) > LONGEST_PATH or not all(parts) or "$" in parts:
            detail = f"Write keys joined by single dots, at most {LONGEST_PATH}, such as product.category."
            self.problem(f"/{key}", "invalid_path", detail)
            return None, is_user_trait
        return parts, is_user_trait

    def _aggregate(self, raw: Mapping[str, Any]) -> str:
        aggregate = raw.get("aggregate")
        if aggregate in AGGREGATES:
            return str(aggregate)
        code = "unknown_aggregate" if "aggregate" in raw else "required"
        self.problem("/aggregate", code, f"The aggregate is one of: {', '.join(AGGREGATES)}.")
        return ""

    def _minimum(self, raw: Mapping[str, Any]) -> int:
        minimum = raw.get("minimum", LOWEST_MINIMUM)
        if type(minimum) is int and 1 <= minimum <= HIGHEST_MINIMUM:
            return minimum
        self.problem("/minimum", "invalid_minimum", f"Use a whole number from 1 to {HIGHEST_MINIMUM:,}.")
        return LOWEST_MINIMUM
