"""What every type of step says about itself to the builder. The behaviour is in `engine/journeys/steps/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

StepJson = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names of what steps refer to, by public id or key; what is missing here was deleted."""

    destinations: Mapping[str, str] = field(default_factory=dict)
    audiences: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Chip:
    """A fact on a card. `tone`: "" or red for what is missing."""

    text: str
    icon: str = ""
    tone: str = ""


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A way out of a step that branches; `share` is shown beside the name."""

    id: str
    name: str
    share: str = ""


def no_branches(step: StepJson) -> tuple[Branch, ...]:
    return ()


def no_data() -> dict[str, Any]:
    return {}


def no_fields(step: StepJson, definition: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def keeps_all(step: StepJson, posted: QueryDict) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """One type of step.

    `title` names it, `text` says in a sentence what it does, `family` colours it (entry, flow, data, action).
    `summary(step, names)` and `chips(step, names)` are what a card says; `branches(step)` its ways out.
    `blank()` is the data of a new one, `read(step, posted)` the data that its sheet's form gives, and
    `fields(step, definition)` what the form shows beside the step itself. The sheet is `journeys/steps/_<type>.html`.
    """

    type: str
    title: str
    text: str
    icon: str
    family: str
    group: str
    summary: Callable[[StepJson, Names], str]
    words: str = ""
    chips: Callable[[StepJson, Names], tuple[Chip, ...]] = lambda step, names: ()
    branches: Callable[[StepJson], tuple[Branch, ...]] = no_branches
    blank: Callable[[], dict[str, Any]] = no_data
    read: Callable[[StepJson, QueryDict], dict[str, Any]] = keeps_all
    fields: Callable[[StepJson, Mapping[str, Any]], dict[str, Any]] = no_fields
    has_condition: bool = False
    is_addable: bool = True

    @property
    def sheet(self) -> str:
        return f"journeys/steps/_{self.type}.html"

    def name_of(self, step: StepJson) -> str:
        """The step's own name, else what its type is called."""
        name = step.get("name")
        return name.strip() if isinstance(name, str) and name.strip() else self.title
