"""Random journeys and random lives of people, dense enough that most waits end and most splits split.

A journey is the JSON of definitions.md §3. A life is a list of `Happening`s at offsets from the publication; offsets
are made of few, round spans, so that events, timers and windows often meet at the very same instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

NAMES = ["A", "B", "C"]
PLANS = ["free", "pro"]
AUDIENCE = "vip"
AUDIENCE_DEFINITION = {
    "version": 1,
    "collection": "users",
    "where": {"event": "C", "count": {"gte": 2}, "window": {"within": {"days": 2}}},
}
MOST_STEPS = 9
SPANS = [timedelta(minutes=30), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=2)]
durations = st.sampled_from([{"minutes": 30}, {"hours": 1}, {"hours": 6}, {"days": 1}, {"days": 2}])
days = st.sampled_from([{"days": 1}, {"days": 2}, {"days": 4}])


@dataclass(frozen=True)
class Happening:
    """An event (`name`), or traits that are written. `offset` is from the publication, `late` until it is received."""

    offset: timedelta
    name: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    late: timedelta = timedelta()


@dataclass(frozen=True)
class Life:
    """One person: `is_known` has a user id, else an anonymous id alone."""

    is_known: bool
    happenings: tuple[Happening, ...]


@st.composite
def event_nodes(draw: st.DrawFn) -> dict[str, Any]:
    node: dict[str, Any] = {"event": draw(st.sampled_from(NAMES))}
    if draw(st.booleans()):
        node["count"] = draw(st.sampled_from([{"gte": 1}, {"gte": 2}, {"eq": 0}, {"lt": 2}, {"eq": 1}]))
    kind = draw(st.sampled_from(["", "", "within", "between"]))
    if kind == "within":
        node["window"] = {"within": draw(durations)}
    if kind == "between":
        node["window"] = {
            "between": {"from": {"days": 2}, "to": draw(st.sampled_from([{"minutes": 30}, {"hours": 6}]))}
        }
    if not draw(st.integers(0, 2)):
        node["properties"] = [{"property": "n", "greater_or_equal": draw(st.sampled_from([1, 2]))}]
    if not draw(st.integers(0, 4)):
        node["then"] = {"event": draw(st.sampled_from(NAMES)), "performed": draw(st.booleans()), "within": {"hours": 6}}
    return node


nodes = st.recursive(
    st.one_of(
        event_nodes(),
        event_nodes(),
        event_nodes(),
        st.sampled_from(PLANS).map(lambda plan: {"trait": "plan", "equals": plan}),
        st.booleans().map(lambda wanted: {"audience": AUDIENCE, "member": wanted}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=2).map(lambda items: {"all": items}),
        st.lists(inner, min_size=2, max_size=2).map(lambda items: {"any": items}),
        inner.map(lambda item: {"not": item}),
    ),
    max_leaves=3,
)
conditions = nodes.map(lambda where: {"version": 1, "collection": "users", "where": where})


class _Growing:
    """A journey under construction: steps in their order, and which step is reached from which."""

    def __init__(self, draw: st.DrawFn, destinations: list[str]) -> None:
        self.draw = draw
        self.destinations = destinations
        self.steps: list[dict[str, Any]] = []
        self.following: dict[str, set[str]] = {"entry": set()}

    def add(self, kind: str, after: Any, **members: Any) -> str:
        step_id = f"s{len(self.steps) + 1}"
        self.steps.append({"id": step_id, "type": kind, "after": after, **members})
        self.following[_step_of(after)].add(step_id)
        self.following[step_id] = set()
        return step_id

    def grow(self, after: Any, depth: int) -> None:
        """Something, or nothing, after a step or branch; then on from there."""
        kinds = ["condition", "delay", "send_to_destinations", "true_false", "random", "multi_branch", "show_ad"]
        kind = self.draw(st.sampled_from([*kinds, "condition", "delay", "send_to_destinations", "end", "connect"]))
        if kind == "end" or len(self.steps) >= MOST_STEPS or depth > 4:
            return
        getattr(self, f"_{kind}")(after, depth)

    def _condition(self, after: Any, depth: int) -> None:
        self.grow(self.add("condition", after, name=self._name(), condition=self.draw(conditions)), depth + 1)

    def _delay(self, after: Any, depth: int) -> None:
        self.grow(self.add("delay", after, duration=self.draw(durations)), depth + 1)

    def _send_to_destinations(self, after: Any, depth: int) -> None:
        members = {"name": self._name(), "connections": self._connections()}
        self.grow(self.add("send_to_destinations", after, **members), depth + 1)

    def _show_ad(self, after: Any, depth: int) -> None:
        members = {"name": self._name(), "connections": self._connections()}
        members["remove_after"] = self.draw(st.one_of(st.none(), durations))
        self.grow(self.add("show_ad", after, **members), depth + 1)

    def _true_false(self, after: Any, depth: int) -> None:
        members = {"name": self._name(), "condition": self.draw(conditions), "true_name": "Yes", "false_name": "No"}
        step = self.add("true_false", after, **members)
        for branch in ("true", "false"):
            self.grow({"step": step, "branch": branch}, depth + 1)

    def _random(self, after: Any, depth: int) -> None:
        percents = self.draw(st.sampled_from([(50, 50), (20, 80), (25, 25, 50), (99, 1), (0, 100)]))
        branches = [{"id": f"b{n}", "name": f"Branch {n}", "percent": p} for n, p in enumerate(percents)]
        step = self.add("random", after, name=self._name(), branches=branches)
        for branch in branches:
            self.grow({"step": step, "branch": branch["id"]}, depth + 1)

    def _multi_branch(self, after: Any, depth: int) -> None:
        branches = [{"id": f"b{n}", "name": f"Branch {n}"} for n in range(self.draw(st.integers(2, 3)))]
        step = self.add("multi_branch", after, name=self._name(), branches=branches)
        for branch in branches:
            self._condition({"step": step, "branch": branch["id"]}, depth + 1)

    def _connect(self, after: Any, depth: int) -> None:
        """To a step that does not lead back here; only the end of a branch may be connected."""
        here = _step_of(after)
        if not self._is_branched(here, after):
            return
        known = [step for step in self.steps if step["type"] != "connect" and not self._leads(step["id"], here)]
        known = [step for step in known if not self._leads(here, step["id"]) and not _opens_branch(step)]
        if known:
            target = self.draw(st.sampled_from(known))["id"]
            self.add("connect", after, to=target)
            self.following[here].add(target)

    def _is_branched(self, here: str, after: Any) -> bool:
        by_id = {step["id"]: step for step in self.steps}
        while not isinstance(after, dict):
            if here == "entry":
                return False
            after = by_id[here]["after"]
            here = _step_of(after)
        return True

    def _leads(self, start: str, end: str) -> bool:
        seen, open_ = {start}, [start]
        while open_:
            more = self.following[open_.pop()] - seen
            seen |= more
            open_ += more
        return end in seen

    def _connections(self) -> list[dict[str, Any]]:
        chosen = self.draw(st.sampled_from(self.destinations))
        return [{"destination": chosen, "send_identify": self.draw(st.booleans()), "send_track": True}]

    def _name(self) -> str:
        return f"Step {len(self.steps) + 1}"


@st.composite
def definitions(draw: st.DrawFn, destinations: list[str]) -> dict[str, Any]:
    """A complete journey that sends to some of these destinations (public ids)."""
    growing = _Growing(draw, destinations)
    growing.grow("entry", 0)
    exit_after = draw(st.one_of(st.none(), days))
    return {
        "version": 1,
        "name": "Random",
        "settings": {
            "exit_after": exit_after,
            "reentry_after": draw(st.one_of(st.none(), durations)) if exit_after else None,
        },
        "entry": {"name": "Entry", "condition": draw(conditions), "use_historical": draw(st.booleans())},
        "steps": growing.steps,
    }


@st.composite
def happenings(draw: st.DrawFn) -> Happening:
    count = draw(st.integers(0, 8))
    span = draw(st.sampled_from(SPANS))
    offset = span * (count - 2)
    if not draw(st.integers(0, 5)):
        return Happening(offset=offset, traits={"plan": draw(st.sampled_from(PLANS))})
    return Happening(
        offset=offset, name=draw(st.sampled_from(NAMES)), properties={"n": draw(st.sampled_from([0, 1, 2]))}
    )


def _one_write(items: list[Happening]) -> tuple[Happening, ...]:
    """A stored profile knows the last write of a trait alone, so a life has but one."""
    writes = [item for item in items if item.traits]
    return tuple(sorted([*[item for item in items if not item.traits], *writes[:1]], key=lambda item: item.offset))


lives = st.builds(
    Life,
    is_known=st.sampled_from([True, True, True, True, True, False]),
    happenings=st.lists(happenings(), max_size=8).map(_one_write),
)


def _step_of(after: Any) -> str:
    return str(after["step"] if isinstance(after, dict) else after)


def _opens_branch(step: Mapping[str, Any]) -> bool:
    """The first step of a multi-branch split's branch is its condition."""
    return isinstance(step["after"], dict) and step["type"] == "condition"
