"""What the canvas templates draw: boxes at places, the lines between them, the plus points."""

from __future__ import annotations

from dataclasses import dataclass

from journeys.canvas.overlays import StepOverlay
from journeys.steps.kinds import Chip


@dataclass(frozen=True, kw_only=True)
class Box:
    """Something with a place on the plane, in px from its top left corner. `id` is its element's id."""

    id: str
    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    @property
    def bottom(self) -> int:
        return self.y + self.height


@dataclass(frozen=True, kw_only=True)
class Card(Box):
    """A step, a branch of one, a connect or the end of a path.

    `kind`: step, branch, connect or end. `number` of a branch is its place in the evaluation order.
    `parent` and `children` are element ids, for the arrow keys. `place` is "step" or "step:branch" (plus points).
    """

    kind: str
    step: str
    branch: str = ""
    type: str = ""
    family: str = ""
    icon: str = ""
    name: str = ""
    is_unnamed: bool = False
    title: str = ""
    summary: str = ""
    chips: tuple[Chip, ...] = ()
    share: str = ""
    number: int = 0
    href: str = ""
    added: StepOverlay
    lit: bool | None = None
    parent: str = ""
    children: str = ""
    is_selected: bool = False
    is_unreached: bool = False


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A line. `kind`: flow, or connect (dashed, to the step that a connect names)."""

    path: str
    kind: str
    lit: bool | None
    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Plus(Box):
    """Where a step may be added: after `step`, on `branch`."""

    step: str
    branch: str
    label: str

    @property
    def place(self) -> str:
        return f"{self.step}:{self.branch}" if self.branch else self.step


@dataclass(frozen=True, kw_only=True)
class CanvasModel:
    """A whole canvas; `opens` and `panel` say how the cards' links load."""

    width: int
    height: int
    cards: list[Card]
    edges: list[Edge]
    pluses: list[Plus]
    opens: str = ""
    panel: str = "step"
    is_editable: bool = False
    has_path: bool = False
