"""The journey as a nested list: the same cards in reading order, each with what hangs on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.journeys.places import Place, branch_ids, entry_of, followers, place_of, places_after, steps_of, unreached
from journeys.canvas.overlays import NOTHING, Overlay, StepOverlay
from journeys.steps.kinds import Branch, Chip, StepKind
from journeys.steps.registry import KINDS, kind_of
from journeys.steps.titles import called


@dataclass(kw_only=True)
class Item:
    """A step of a path. `after` is the place behind it (None after a split or a connect); `ways` are its branches."""

    id: str
    type: str
    name: str
    title: str
    icon: str
    family: str
    summary: str
    chips: tuple[Chip, ...]
    href: str
    added: StepOverlay
    after: Place | None
    is_last: bool = False
    is_selected: bool = False
    is_unreached: bool = False
    can_move: bool = True
    ways: list[Way] = field(default_factory=list)


@dataclass(kw_only=True)
class Way:
    """A branch with its path. `start` is the place at its beginning, None where only its condition may stand."""

    id: str
    name: str
    share: str
    number: int
    start: Place | None
    items: list[Item] = field(default_factory=list)


def outline(definition: Mapping[str, Any], overlay: Overlay | None = None) -> list[Item]:
    """The path from the entry on; paths that nothing leads to come last and are marked."""
    return _Outline(definition, overlay or Overlay()).items()


class _Outline:
    def __init__(self, definition: Mapping[str, Any], overlay: Overlay) -> None:
        self.definition, self.overlay = definition, overlay
        self.by_place = followers(definition)
        self.steps = {step["id"]: step for step in steps_of(definition)}
        self.shown: set[str] = set()

    def items(self) -> list[Item]:
        found = self._path([entry_of(self.definition)])
        lost = unreached(self.definition)
        firsts = [step for step in lost if (place := place_of(step)) is None or place.step not in self.steps]
        for step in (*firsts, *lost):
            if step["id"] not in self.shown:
                path = self._path([step])
                path[0].is_unreached = True
                found += path
        return found

    def _path(self, first: list[dict[str, Any]]) -> list[Item]:
        """A step and all that follow it without branching; the ways of a split below it."""
        found: list[Item] = []
        waiting = list(first)
        while waiting:
            step = waiting.pop(0)
            if step["id"] in self.shown:
                continue
            self.shown.add(step["id"])
            item = self._item(step)
            found.append(item)
            kind = kind_of(step.get("type"))
            known = {branch.id: branch for branch in (kind.branches(step) if kind else ())}
            for number, place in enumerate(places_after(step), start=1):
                after = self.by_place.get(place, [])
                if place.branch:
                    branch = known.get(place.branch, Branch(id=place.branch, name=place.branch))
                    item.ways.append(
                        Way(
                            id=branch.id,
                            name=branch.name,
                            share=branch.share,
                            number=number,
                            start=None if step.get("type") == "multi_branch" and after else place,
                            items=self._path(after),
                        )
                    )
                else:
                    item.is_last = not after
                    waiting += after
        return found

    def _item(self, step: Mapping[str, Any]) -> Item:
        kind = kind_of(step.get("type"))
        added = self.overlay.steps.get(step["id"], NOTHING)
        places = places_after(step)
        name, summary = self._name(step, kind), kind.summary(step, self.overlay.names) if kind else ""
        href = added.href if added.href is not None else self.overlay.href(step["id"]) if self.overlay.href else ""
        return Item(
            id=step["id"],
            type=str(step.get("type", "")),
            name=name,
            title=kind.title if kind else "Unknown type of step",
            icon=kind.icon if kind else "circle-question-mark",
            family=kind.family if kind else "flow",
            summary="" if summary == name else summary,
            chips=kind.chips(step, self.overlay.names) if kind else (),
            href=href,
            added=added,
            after=places[0] if places and not branch_ids(step) else None,
            is_selected=step["id"] == self.overlay.selected,
            can_move=step["id"] != "entry",
        )

    def _name(self, step: Mapping[str, Any], kind: StepKind | None) -> str:
        if kind is KINDS["connect"]:
            target = self.steps.get(str(step.get("to")))
            return f"Go on at {called(target)}" if target else "Go on at … (choose a step)"
        return called(step) if kind else str(step.get("name") or step["id"])
