"""What the rows of the builder can refer to in a space, and which kinds of rows can be added where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Choices = list[tuple[str, str]]
Addable = list[tuple[str, str, str]]
EVENTS = (
    ("event", "Performed an event", "zap"), ("page", "Viewed a page", "file-text"),
    ("screen", "Viewed a screen", "smartphone"),
)  # fmt: skip
TRAIT_ICONS = {"computed": "calculator", "sql": "database", "prediction": "sparkles"}
ACCOUNT_KINDS: Addable = [
    ("users", "Any, all or none of its users", "users"),
    ("trait", "The account has a trait", "building-2"),
    ("audience", "Part of an account audience", "circle-dot"),
    ("identifier", "Has an identifier", "id-card"),
    ("group", "Group of conditions", "group"),
]


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What the rows can refer to in a space.

    `names` are those of audiences by key and by id; `audiences` and `steps` choices of (key, name), audiences by
    collection. `trait_kinds` are (kind, label) of traits beside custom ones, `kind_of` the kind of such a trait by key.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    audiences: Mapping[str, Choices] = field(default_factory=dict)
    steps: Sequence[tuple[str, str]] = ()
    trait_kinds: Sequence[tuple[str, str]] = ()
    kind_of: Mapping[str, str] = field(default_factory=dict)

    def addable(self, collection: str) -> Addable:
        """The kinds of rows, as (kind, label, icon), that can be added where profiles of the collection are asked."""
        if collection == "accounts":
            return ACCOUNT_KINDS
        traits = [
            (f"trait.{kind}", f"Has a {label}", TRAIT_ICONS.get(kind, "calculator")) for kind, label in self.trait_kinds
        ]
        return [
            *EVENTS,
            ("trait", "Has a custom trait" if traits else "Has a trait", "user"),
            *traits,
            ("audience", "Part of an audience", "users"),
            *([("step", "In a journey step", "route")] if self.steps else []),
            ("identifier", "Has an identifier", "id-card"),
            ("group", "Group of conditions", "group"),
        ]
