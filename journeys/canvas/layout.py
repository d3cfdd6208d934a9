"""Lays a journey out top to bottom: every subtree has columns of its own, branch cards stand under their split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.journeys.places import Place, entry_of, followers, places_after, steps_of, unreached
from journeys.canvas import paths
from journeys.canvas.model import CanvasModel, Card, Edge, Plus
from journeys.canvas.overlays import NOTHING, Overlay, StepOverlay
from journeys.steps.kinds import StepKind
from journeys.steps.registry import KINDS, kind_of
from journeys.steps.titles import called

MARGIN = 28
GAP_X = 28
GAP_Y = 56
SPLIT_GAP = 40
STEP = (264, 72)
CHIPS = 26
STRIP = 32
NOTE = 24
BRANCH = (184, 34)
CONNECT = (220, 34)
END = (112, 28)
PLUS = 24


@dataclass(kw_only=True)
class _Node:
    """A card on its way to its place. `key` is (step, branch, kind)."""

    id: str
    kind: str
    step: Mapping[str, Any]
    size: tuple[int, int]
    branch: str = ""
    number: int = 0
    parent: _Node | None = None
    children: list[_Node] = field(default_factory=list)
    added: StepOverlay = NOTHING
    lit: bool | None = None
    span: int = 0
    x: int = 0
    y: int = 0
    is_unreached: bool = False

    @property
    def middle(self) -> int:
        return self.x + self.size[0] // 2


def layout(definition: Mapping[str, Any], overlay: Overlay | None = None) -> CanvasModel:
    """The canvas of a definition's JSON, complete or not. Steps that nothing leads to stand apart on the right."""
    return _Layout(definition, overlay or Overlay()).model()


def card_id(step: str, branch: str = "") -> str:
    """The id of a card's element."""
    return f"card-{step}--{branch}" if branch else f"card-{step}"


class _Layout:
    def __init__(self, definition: Mapping[str, Any], overlay: Overlay) -> None:
        self.definition, self.overlay = definition, overlay
        self.by_place = followers(definition)
        self.steps = {step["id"]: step for step in steps_of(definition)}

    def model(self) -> CanvasModel:
        roots = [self._tree(entry_of(self.definition), is_unreached=False)]
        seen = {node.step["id"] for node in _walk(roots[0])}
        for step in unreached(self.definition):
            if step["id"] not in seen and not self._follows_unreached(step, seen):
                roots.append(self._tree(step, is_unreached=True, seen=seen))
                seen |= {node.step["id"] for node in _walk(roots[-1])}
        for step in unreached(self.definition):  # rings: any of their steps will do as the first
            if step["id"] not in seen:
                roots.append(self._tree(step, is_unreached=True, seen=seen))
                seen |= {node.step["id"] for node in _walk(roots[-1])}
        left = MARGIN
        for root in roots:
            _measure(root)
            _place(root, left)
            left += root.span + GAP_X * 2
        nodes = [node for root in roots for node in _walk(root)]
        _light(nodes)
        cards = [self._card(node) for node in nodes]
        return CanvasModel(
            width=max((card.x + card.width for card in cards), default=0) + MARGIN,
            height=max((card.bottom for card in cards), default=0) + MARGIN * 2,
            cards=cards,
            edges=self._edges(nodes),
            pluses=self._pluses(nodes) if self.overlay.is_editable else [],
            opens=self.overlay.opens,
            panel=self.overlay.panel,
            is_editable=self.overlay.is_editable,
            has_path=any(node.lit is not None for node in nodes),
        )

    def _follows_unreached(self, step: Mapping[str, Any], seen: set[str]) -> bool:
        """Whether the step hangs on another step that exists, so that it comes with that one."""
        return any(
            step in followers_here and place.step in self.steps and place in places_after(self.steps[place.step])
            for place, followers_here in self.by_place.items()
        )

    def _tree(self, step: Mapping[str, Any], *, is_unreached: bool, seen: set[str] | None = None) -> _Node:
        taken = set(seen or ())
        root = self._step_node(step, is_unreached)
        waiting = [root]
        taken.add(step["id"])
        while waiting:
            node = waiting.pop()
            for number, place in enumerate(places_after(node.step), start=1):
                under = node
                if place.branch:
                    under = self._branch_node(node, place, number)
                    node.children.append(under)
                after = [each for each in self.by_place.get(place, ()) if each["id"] not in taken]
                for each in after:
                    taken.add(each["id"])
                    child = self._step_node(each, is_unreached, parent=under)
                    under.children.append(child)
                    waiting.append(child)
                if not after and not is_unreached:
                    under.children.append(
                        _Node(id=f"end-{place.step}--{place.branch}", kind="end", step=node.step, size=END,
                              branch=place.branch, parent=under)
                    )  # fmt: skip
        return root

    def _step_node(self, step: Mapping[str, Any], is_unreached: bool, parent: _Node | None = None) -> _Node:
        added = self.overlay.steps.get(step["id"], NOTHING)
        is_connect = step.get("type") == "connect"
        size = CONNECT if is_connect else (STEP[0], STEP[1] + sum(self._more(step, added)))
        kind = "connect" if is_connect else "step"
        return _Node(
            id=card_id(step["id"]),
            kind=kind,
            step=step,
            size=size,
            parent=parent,
            added=added,
            is_unreached=is_unreached,
        )

    def _more(self, step: Mapping[str, Any], added: StepOverlay) -> tuple[int, int, int]:
        """How much higher the card is for its chips, its numbers and its note."""
        kind = kind_of(step.get("type"))
        has_chips = bool(added.badges or (kind and kind.chips(step, self.overlay.names)))
        return CHIPS * has_chips, STRIP * bool(added.figures), NOTE * bool(added.note)

    def _branch_node(self, node: _Node, place: Place, number: int) -> _Node:
        return _Node(
            id=card_id(place.step, place.branch), kind="branch", step=node.step, size=BRANCH, branch=place.branch,
            number=number, parent=node, added=self.overlay.branches.get((place.step, place.branch), NOTHING),
            is_unreached=node.is_unreached,
        )  # fmt: skip

    def _card(self, node: _Node) -> Card:
        kind = kind_of(node.step.get("type"))
        base: dict[str, Any] = {
            "id": node.id, "x": node.x, "y": node.y, "width": node.size[0], "height": node.size[1],
            "kind": node.kind, "step": node.step["id"], "branch": node.branch, "added": node.added,
            "type": str(node.step.get("type", "")), "lit": node.lit, "is_unreached": node.is_unreached,
            "parent": node.parent.id if node.parent else "",
            "children": " ".join(child.id for child in node.children if child.kind != "end"),
            "is_selected": node.step["id"] == self.overlay.selected and node.kind in {"step", "connect"},
        }  # fmt: skip
        if node.kind == "end":
            return Card(**base, name="Completed")
        href = node.added.href if node.added.href is not None else self._href(node.step["id"])
        if node.kind == "branch":
            branch = next((each for each in (kind.branches(node.step) if kind else ()) if each.id == node.branch), None)
            name, share = (branch.name, branch.share) if branch else (node.branch, "")
            return Card(
                **base, name=name, share=share, number=node.number, family=kind.family if kind else "", href=href
            )
        return Card(**base, href=href, **self._texts(node.step, kind))

    def _texts(self, step: Mapping[str, Any], kind: StepKind | None) -> dict[str, Any]:
        if kind is None:
            name = str(step.get("name") or step.get("type") or step["id"])
            return {"name": name, "title": "Unknown type of step", "icon": "circle-question-mark", "family": "flow"}
        texts: dict[str, Any] = {
            "title": kind.title,
            "icon": kind.icon,
            "family": kind.family,
            "name": called(step),
        }
        if kind is KINDS["connect"]:
            target = self.steps.get(str(step.get("to")))
            return texts | {"name": called(target) if target else "Choose a step"}
        return texts | {
            "is_unnamed": not str(step.get("name") or "").strip(),
            "summary": _besides(texts["name"], kind.summary(step, self.overlay.names), kind.title),
            "chips": kind.chips(step, self.overlay.names),
        }

    def _href(self, step: str) -> str:
        return self.overlay.href(step) if self.overlay.href else ""

    def _edges(self, nodes: list[_Node]) -> list[Edge]:
        by_id = {node.id: node for node in nodes}
        found = []
        for node in nodes:
            for child in node.children:
                ends = (node.middle, node.y + node.size[1], child.middle, child.y)
                turn = SPLIT_GAP // 2 if len(node.children) > 1 else GAP_Y // 2
                found.append(
                    Edge(
                        path=paths.down(*ends, turn=turn),
                        kind="flow",
                        lit=_lit(node, child),
                        source=node.id,
                        target=child.id,
                    )
                )
            if node.kind == "connect" and (target := by_id.get(card_id(str(node.step.get("to"))))) is not None:
                path = paths.across((node.x, node.y, *node.size), (target.x, target.y, *target.size), lane=GAP_X // 2)
                lit = _lit(node, target)
                found.append(Edge(path=path, kind="connect", lit=lit, source=node.id, target=target.id))
        return found

    def _pluses(self, nodes: list[_Node]) -> list[Plus]:
        found = []
        for node in nodes:
            if node.kind not in {"step", "branch"} or node.is_unreached:
                continue
            place = Place(node.step["id"], node.branch)
            if place not in places_after(node.step) or self._is_taken_by_rule(node, place):
                continue
            bottom = node.y + node.size[1]
            below = min((child.y for child in node.children), default=bottom + GAP_Y)
            found.append(
                Plus(
                    id=f"plus-{place.step}--{place.branch}",
                    step=place.step,
                    branch=place.branch,
                    label=f"Add a step after {self._name(node)}",
                    x=node.middle - PLUS // 2,
                    y=(bottom + below) // 2 - PLUS // 2,
                    width=PLUS,
                    height=PLUS,
                )
            )
        return found

    def _is_taken_by_rule(self, node: _Node, place: Place) -> bool:
        """Branches of a multi-branch split begin with their condition: nothing goes before it."""
        return node.step.get("type") == "multi_branch" and place in self.by_place

    def _name(self, node: _Node) -> str:
        kind = kind_of(node.step.get("type"))
        name = called(node.step) if kind else str(node.step["id"])
        if node.kind == "branch" and kind:
            return f"{name}, {next((e.name for e in kind.branches(node.step) if e.id == node.branch), node.branch)}"
        return name


def _besides(name: str, summary: str, title: str) -> str:
    """The second line of a card: what the step does, unless its name says that already."""
    return title if summary == name else summary


def _light(nodes: list[_Node]) -> None:
    """Steps are lit as the page says; branches, connects and ends, where it does not say, as what is around them."""
    for node in nodes:
        node.lit = node.added.lit
    if all(node.lit is None for node in nodes):
        return
    by_id = {node.id: node for node in nodes}
    for node in nodes:
        if node.lit is not None or node.parent is None:
            continue
        if node.kind == "branch":
            node.lit = bool(node.parent.lit) and any(child.added.lit for child in node.children)
        elif node.kind == "connect":
            target = by_id.get(card_id(str(node.step.get("to"))))
            node.lit = bool(node.parent.lit) and target is not None and bool(target.added.lit)
        elif node.kind == "end":
            node.lit = bool(node.parent.lit)


def _lit(one: _Node, other: _Node) -> bool | None:
    """A line is lit where both its ends are."""
    return None if one.lit is None and other.lit is None else bool(one.lit) and bool(other.lit)


def _walk(root: _Node) -> list[_Node]:
    """The nodes, each before what is below it, branch after branch: the order of the outline."""
    waiting, found = [root], []
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += reversed(node.children)
    return found


def _measure(root: _Node) -> None:
    """The width that each subtree needs."""
    for node in reversed(_walk(root)):
        inside = sum(child.span for child in node.children) + GAP_X * max(0, len(node.children) - 1)
        node.span = max(node.size[0], inside)


def _place(root: _Node, left: int) -> None:
    lefts = {root.id: left}
    root.y = MARGIN
    for node in _walk(root):
        start = lefts[node.id]
        node.x = start + (node.span - node.size[0]) // 2
        inside = sum(child.span for child in node.children) + GAP_X * max(0, len(node.children) - 1)
        at = start + (node.span - inside) // 2
        gap = SPLIT_GAP if node.children and node.children[0].kind == "branch" else GAP_Y
        for child in node.children:
            lefts[child.id] = at
            child.y = node.y + node.size[1] + gap
            at += child.span + GAP_X
