"""What differs between two definitions: in sentences, and as changes of single values by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from destinations.models import Destination
from engine.journeys import describing
from engine.journeys.places import steps_of
from journeys.services.definitions import read
from spaces.models import Space

MISSING = object()


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """`op` is "add", "remove" or "replace". In `path` the steps and branches of lists go by their ids."""

    op: str
    path: str
    before: Any = None
    after: Any = None

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"op": self.op, "path": self.path}
        if self.op != "add":
            found["before"] = self.before
        if self.op != "remove":
            found["after"] = self.after
        return found


@dataclass(frozen=True, kw_only=True)
class ChangedSteps:
    """Ids of steps, in the order of the definition they are in."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    altered: tuple[str, ...]


def sentences(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, space: Space | None = None) -> list[str]:
    """What changed, a sentence a change; of a first version, what it does. With `space`, destinations by name."""
    names = dict(Destination.objects.in_space(space).values_list("public_id", "name")) if space is not None else {}
    if before is None:
        return [describing.named(sentence, names) for sentence in describing.describe_journey(read(after))]
    return describing.describe_changes(read(before), read(after), names)


def value_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[ValueChange]:
    """Every value that was added, removed or replaced. Steps that only stand elsewhere in the list do not count."""
    return list(_changes(before, after, ""))


def changed_steps(before: Mapping[str, Any], after: Mapping[str, Any]) -> ChangedSteps:
    """Which steps came, went, or do something else with the people at them (a name or a destination does not)."""
    old = [step["id"] for step in steps_of(before)]
    new = [step["id"] for step in steps_of(after)]
    altering = {one.step for one in describing.differences(read(before), read(after)) if one.alters_people}
    return ChangedSteps(
        added=tuple(step_id for step_id in new if step_id not in old),
        removed=tuple(step_id for step_id in old if step_id not in new),
        altered=tuple(step_id for step_id in old if step_id in new and step_id in altering),
    )


def _changes(before: Any, after: Any, path: str) -> Iterator[ValueChange]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _members(before, after, path)
    elif _have_ids(before) and _have_ids(after):
        yield from _members(_by_id(before), _by_id(after), path)
    elif before != after:
        yield ValueChange(op="replace", path=path, before=before, after=after)


def _members(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[ValueChange]:
    for key in dict.fromkeys([*before, *after]):
        place = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        old, new = before.get(key, MISSING), after.get(key, MISSING)
        if old is MISSING:
            yield ValueChange(op="add", path=place, after=new)
        elif new is MISSING:
            yield ValueChange(op="remove", path=place, before=old)
        else:
            yield from _changes(old, new, place)


def _have_ids(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, Mapping) and _id_of(item) for item in items)


def _id_of(item: Mapping[str, Any]) -> str:
    return str(item.get("id") or item.get("destination") or "")


def _by_id(items: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {_id_of(item): item for item in items}
