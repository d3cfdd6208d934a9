"""What a page adds to the cards of a canvas: numbers, badges, the lit path, problems, links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from common.templatetags._formats import format_compact, format_number
from journeys.steps.kinds import Names

SHORTENED_FROM = 100_000


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number in the strip of a card. `value` is text as shown; `href` is the list that it counts."""

    label: str
    value: str
    href: str = ""
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Why a card stands out. `kind`: error, warning, added, changed, removed; `text` is the tooltip."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class StepOverlay:
    """What is added to one card or branch; see the package's docstring."""

    figures: tuple[Figure, ...] = ()
    badges: tuple[tuple[str, str], ...] = ()
    note: str = ""
    note_url: str = ""
    lit: bool | None = None
    mark: Mark | None = None
    href: str | None = None


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """What a page adds to a canvas. `opens` is the htmx target that a card's link loads into, "" for a plain link."""

    steps: Mapping[str, StepOverlay] = field(default_factory=dict)
    branches: Mapping[tuple[str, str], StepOverlay] = field(default_factory=dict)
    href: Callable[[str], str] | None = None
    opens: str = ""
    panel: str = "step"
    names: Names = field(default_factory=Names)
    is_editable: bool = False
    selected: str = ""


NOTHING = StepOverlay()


def counted(number: int) -> str:
    """A number as the strip of a card has room for it: 99,999, then 100k and 1.3M."""
    return format_number(number) if number < SHORTENED_FROM else format_compact(number)
