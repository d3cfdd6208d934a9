"""Where the traits that calls can carry come from (F022): custom traits here, others from the apps that make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from profiles.selectors.observed import observed_traits
from spaces.models import Space

Option = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TraitSource:
    """One group of the picker. `find(space, text, shows_pii)` answers `[{"value", "label", "hint", …}]`."""

    kind: str
    label: str
    find: Callable[[Space, str, bool], list[Option]]


def _custom(space: Space, text: str, shows_pii: bool) -> list[Option]:
    return observed_traits(space, text=text, shows_pii=shows_pii)


_sources: dict[str, TraitSource] = {}


def add_source(source: TraitSource) -> None:
    """Offer the traits of an app above (computed, SQL, predictive): called once, when that app is ready."""
    _sources[source.kind] = source


def trait_options(space: Space, *, text: str, shows_pii: bool) -> list[Option]:
    """All traits that match, each with its `kind` and `group`, in the order in which the sources were added.

    A trait that a computation writes is also seen on profiles; it is offered under what computes it.
    """
    found = {source.kind: source.find(space, text, shows_pii) for source in _sources.values()}
    computed = {option["value"] for kind, options in found.items() if kind != CUSTOM.kind for option in options}
    return [
        {**option, "kind": kind, "group": _sources[kind].label}
        for kind, options in found.items()
        for option in options
        if kind != CUSTOM.kind or option["value"] not in computed
    ]


def trait_kinds() -> list[tuple[str, str]]:
    """(kind, label of one such trait) of the sources beside custom traits: ("computed", "computed trait")."""
    found = [(kind, source.label) for kind, source in _sources.items() if kind != CUSTOM.kind]
    return [
        (kind, label[:1].lower() + label[1:].removesuffix("s") if label[1:2].islower() else label.removesuffix("s"))
        for kind, label in found
    ]


def kinds_of_traits(space: Space) -> dict[str, str]:
    """The kind of each trait that a source beside custom traits makes, by its key."""
    return {
        option["value"]: kind
        for kind, source in _sources.items()
        if kind != CUSTOM.kind
        for option in source.find(space, "", False)
    }


CUSTOM = TraitSource(kind="custom", label="Custom traits", find=_custom)
add_source(CUSTOM)
