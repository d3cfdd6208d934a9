"""The language of filters: `type in ["track", "page"] and !match(traits.email, "*@acme.com")`, and what filters do.

It is Segment's destination filter language (docs/filters-and-functions.md), richer than that of mapping triggers
(`engine.fql`): any field of the event, precedence, nested parentheses, lists and functions. What both share (errors,
JavaScript's ways with values) is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from engine.filters.compiler import FilterEvaluationError, Matcher, compile_condition
from engine.filters.grammar import Node, read
from engine.fql.errors import FqlError, Problem

__all__ = ["Condition", "FilterEvaluationError", "FqlError", "Problem", "lint", "parse"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition. `matches(event)` raises FilterEvaluationError where a value is not what a function takes."""

    text: str
    tree: Node = field(compare=False, repr=False)
    matches: Matcher = field(compare=False, repr=False)


@lru_cache(maxsize=4096)
def parse(text: str) -> Condition:
    """Parse and compile; the same text gives the same object. Raises FqlError with the first problem."""
    tree, problems = read(text)
    if tree is None or problems:
        raise FqlError(problems[0].message, problems[0].start)
    return Condition(text, tree, compile_condition(tree))


def lint(text: str) -> list[Problem]:
    """All problems of a text, in the order of their places; none when it can be used."""
    _tree, problems = read(text)
    return problems
