"""Events and traits that make somebody meet a condition: what a test is filled in with. A proposal, not a proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from journeys.services.testing_requests import TestEvent

MOST = 20


@dataclass(kw_only=True)
class Proposal:
    events: list[TestEvent] = field(default_factory=list)
    traits: dict[str, Any] = field(default_factory=dict)


def proposal(condition: Mapping[str, Any] | None) -> Proposal:
    """From the JSON of a condition (definitions.md §1), which may be missing or unfinished."""
    found = Proposal()
    where = (condition or {}).get("where")
    if isinstance(where, Mapping):
        _meet(where, found)
    del found.events[MOST:]
    return found


def _meet(node: Mapping[str, Any], found: Proposal) -> None:
    if "all" in node:
        for child in _nodes(node["all"]):
            _meet(child, found)
    elif "any" in node:
        for child in _nodes(node["any"])[:1]:
            _meet(child, found)
    elif "event" in node:
        _happen(node, found)
    elif "trait" in node:
        _write(found.traits, str(node["trait"]), _value(node))


def _nodes(items: Any) -> list[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _happen(node: Mapping[str, Any], found: Proposal) -> None:
    times = _times(node.get("count"))
    for _ in range(min(times, MOST)):
        found.events.append(_event(node, timedelta()))
    then = node.get("then")
    if times and isinstance(then, Mapping) and then.get("performed"):
        found.events.append(_event(then, timedelta(minutes=1)))


def _event(node: Mapping[str, Any], offset: timedelta) -> TestEvent:
    properties: dict[str, Any] = {}
    for test in _nodes(node.get("properties")):
        _write(properties, str(test.get("property", "")), _value(test))
    return TestEvent(offset=offset, type=node.get("type", "track"), name=node.get("event") or "", properties=properties)


def _times(count: Any) -> int:
    """How many events are enough."""
    if not isinstance(count, Mapping):
        return 1
    wanted = {"gte": 0, "gt": 1, "eq": 0}
    return next((int(number) + wanted[key] for key, number in count.items() if key in wanted), 0)


def _value(test: Mapping[str, Any]) -> Any:
    """A value that passes the test, None when the value does not matter or has to be missing."""
    for name, more in (("greater_than", 1), ("less_than", -1)):
        if isinstance(test.get(name), int | float):
            return test[name] + more
    plain = ("equals", "greater_or_equal", "less_or_equal", "contains", "starts_with", "ends_with")
    found = next((test[name] for name in plain if name in test), None)
    if found is None:
        lists = (test.get(name) for name in ("any_of", "contains_any_of"))
        found = next((items[0] for items in lists if isinstance(items, list) and items), None)
    if found is None and test.get("exists") is True:
        return "any"
    return None if isinstance(found, Mapping) else found


def _write(document: dict[str, Any], path: str, value: Any) -> None:
    if value is None or not path:
        return
    *outer, last = path.split(".")
    for part in outer:
        inner = document.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[last] = value
