"""Triggers (FQL) for people: in words, as condition rows, why an event does not match, and where a text is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.fql import FqlError, Problem, compile_tree, generate, lint, parse
from engine.fql.compiler import walk
from engine.jstext import text

_FIELDS = {
    "event-type": "Event type",
    "event": "Event name",
    "name": "Name",
    "userId": "User ID",
    "event-property": "properties.",
    "event-trait": "traits.",
    "event-context": "context.",
}
_OPERATORS = {
    "=": "is",
    "!=": "is not",
    "number_equals": "is",
    "number_not_equals": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "starts with",
    "not_starts_with": "does not start with",
    "ends_with": "ends with",
    "not_ends_with": "does not end with",
    "exists": "exists",
    "not_exists": "does not exist",
    "is_true": "is true",
    "is_false": "is false",
}
_NO_VALUE = frozenset({"exists", "not_exists", "is_true", "is_false"})
_CALLS = frozenset({"contains", "starts_with", "ends_with", "not_contains", "not_starts_with", "not_ends_with"})
_TOP_LEVEL = {"event-type": "type", "event": "event", "name": "name", "userId": "userId"}
_CONTAINERS = {"event-property": "properties", "event-trait": "traits", "event-context": "context"}
_LONGEST = 60


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One condition, judged: `found` says what the event has at its place, "" when it holds."""

    words: str
    ok: bool
    found: str = ""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Whether an event satisfies a trigger, and which of its top-level conditions hold (`operator`: all or any)."""

    matches: bool
    operator: str
    verdicts: tuple[Verdict, ...]

    @property
    def summary(self) -> str:
        if self.matches:
            return "The sample event triggers this mapping."
        if self.operator == "or":
            return "None of the conditions holds for the sample event."
        failed, total = sum(not verdict.ok for verdict in self.verdicts), len(self.verdicts)
        verb = "does" if failed == 1 else "do"
        return f"{failed} of {total} condition{'' if total == 1 else 's'} {verb} not hold."


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a trigger's text. `message` is set where it is wrong."""

    text: str
    message: str = ""


def trigger_words(trigger: str) -> list[str]:
    """The conditions of a trigger, one sentence each, led by AND or OR; empty for a text that does not parse."""
    try:
        tree = parse(trigger).tree
    except FqlError:
        return []
    return _group_words(tree)


def trigger_rows(trigger: str) -> dict[str, Any] | None:
    """A trigger for the row editor: `{"operator", "items": [row | {"operator", "rows": [row]}]}`.

    A row is `{"type", "name", "operator", "value"}`. None for what rows cannot show and write again: deeper groups,
    functions inside of groups, a text that does not parse, conditions that would be lost.
    """
    try:
        tree = parse(trigger).tree
        if parse(generate(tree)).tree != tree:
            return None
    except (FqlError, KeyError):
        return None
    items = [_item(child) for child in tree.get("children") or ()]
    if not items or None in items:
        return None
    return {"operator": tree.get("operator", "and"), "items": items}


def explain(trigger: str, event: Mapping[str, Any]) -> Explanation | None:
    """Why an event matches a trigger, or why not; None for a text that does not parse."""
    try:
        found = parse(trigger)
        verdicts = [_verdict(child, event) for child in found.tree.get("children") or () if isinstance(child, dict)]
        return Explanation(
            matches=bool(found.matches(dict(event))),
            operator=str(found.tree.get("operator", "and")),
            verdicts=tuple(verdicts),
        )
    except (FqlError, TypeError):
        # TypeError: the trigger holds an empty "()".
        return None


def marked(trigger: str, problems: Sequence[Problem] | None = None) -> list[Piece]:
    """The text cut at its problems, for showing where it is wrong; empty when nothing is.

    A problem at the end of the text marks a blank behind it. Problems that overlap are told by the first.
    """
    found = lint(trigger) if problems is None else problems
    pieces: list[Piece] = []
    at = 0
    for problem in found:
        start, end = max(problem.start, at), max(problem.end, problem.start + 1)
        if start >= end:
            continue
        if start > at:
            pieces.append(Piece(text=trigger[at:start]))
        pieces.append(Piece(text=trigger[start:end] or " ", message=problem.message))
        at = end
    if pieces and at < len(trigger):
        pieces.append(Piece(text=trigger[at:]))
    return pieces


def event_names(trigger: str) -> list[str]:
    """The event names that a trigger asks for by `=`."""
    try:
        tree = parse(trigger).tree
    except FqlError:
        return []
    found: list[str] = []

    def collect(node: Any) -> None:
        for child in node.get("children") or ():
            if isinstance(child, dict) and child.get("type") == "group":
                collect(child)
            elif isinstance(child, dict) and child.get("type") in ("event", "name") and child.get("operator") == "=":
                found.append(text(child.get("value")))

    collect(tree)
    return found


def _item(child: Any) -> dict[str, Any] | None:
    if not isinstance(child, dict):
        return None
    if child.get("type") != "group":
        return _row(child)
    rows = [_row(inner) if isinstance(inner, dict) else None for inner in child.get("children") or ()]
    if not rows or None in rows or any(row is not None and row["operator"] in _CALLS for row in rows):
        return None
    return {"operator": child.get("operator", "and"), "rows": rows}


def _row(child: Mapping[str, Any]) -> dict[str, Any] | None:
    operator = str(child.get("operator"))
    if child.get("type") not in _FIELDS or operator not in _OPERATORS:
        return None
    return {
        "type": child["type"],
        "name": child.get("name", ""),
        "operator": {"number_equals": "=", "number_not_equals": "!="}.get(operator, operator),
        "value": "" if operator in _NO_VALUE else text(child.get("value")),
    }


def _verdict(child: Mapping[str, Any], event: Mapping[str, Any]) -> Verdict:
    holds = bool(compile_tree({"type": "group", "operator": "and", "children": [child]})(dict(event)))
    if child.get("type") == "group":
        return Verdict(words=f"({' '.join(_group_words(child))})", ok=holds)
    return Verdict(words=_condition_words(child), ok=holds, found="" if holds else _found(child, event))


def _found(condition: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """ "it is …" of the place that a condition looks at."""
    kind = str(condition.get("type"))
    if kind in _TOP_LEVEL:
        value: Any = event.get(_TOP_LEVEL[kind])
    else:
        pieces = str(condition.get("name", "")).replace("[", ".").replace("]", ".").split(".")
        value = walk(event.get(_CONTAINERS.get(kind, "")), tuple(piece for piece in pieces if piece))
    if value is None:
        return "it is missing"
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"it is {shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + '…'}"


def _group_words(group: Mapping[str, Any]) -> list[str]:
    joiner = "and" if group.get("operator") == "and" else "or"
    words = []
    for number, child in enumerate(group.get("children") or ()):
        if not isinstance(child, dict):
            continue
        said = f"({' '.join(_group_words(child))})" if child.get("type") == "group" else _condition_words(child)
        words.append(f"{joiner} {said}" if number else said)
    return words


def _condition_words(condition: Mapping[str, Any]) -> str:
    kind, operator = str(condition.get("type")), str(condition.get("operator"))
    subject = _FIELDS.get(kind, kind)
    if subject.endswith("."):
        subject += str(condition.get("name", ""))
    verb = _OPERATORS.get(operator, operator)
    return f"{subject} {verb}" if operator in _NO_VALUE else f"{subject} {verb} {condition.get('value')}"
