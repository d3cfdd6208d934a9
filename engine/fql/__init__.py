"""FQL, the language of mapping triggers: `type = "track" and event = "Audience Entered"` (spec: FQL; docs/fql.md).

`parse` follows Segment's reference to the letter, oddities included, so that a copied trigger means the same here.
`lint` tells a person saving a trigger what will not do what it seems to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from engine.fql.compiler import ABSENT, Matcher, compile_tree
from engine.fql.errors import FqlError, Problem
from engine.fql.generate import generate
from engine.fql.grammar import Tree, parse_tree
from engine.fql.lint import lint

__all__ = ["FqlError", "Problem", "Trigger", "compile_tree", "generate", "lint", "parse", "validate"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A parsed trigger. `matches(event)` tells whether an event satisfies it; `tree` is shared: do not change it."""

    text: str
    tree: Tree = field(compare=False, repr=False)
    matches: Matcher = field(compare=False, repr=False)


@lru_cache(maxsize=4096)
def parse(text: str) -> Trigger:
    """Parse and compile; the same text gives the same object. Raises FqlError."""
    tree = parse_tree(text)
    return Trigger(text, tree, compile_tree(tree))


def validate(text: str, event: Any = ABSENT) -> bool:
    """Whether `event` satisfies `text`. A text that does not parse, or no event at all, is no match."""
    try:
        trigger = parse(text)
    except FqlError:
        return False
    return trigger.matches(event)
