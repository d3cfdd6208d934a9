"""From tokens to the condition tree (spec: FQL, sections 3 and 4).

The tree is JSON, the shape a visual builder stores:

    {"type": "group", "operator": "and"|"or", "children": [...]}
    {"type": ..., "operator": ..., "name"?: path, "value"?: text | number | boolean}

A number that cannot be read (a lone sign) is the value None; it compares as NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from engine.fql.errors import FqlError
from engine.fql.tokens import Token, join_paths, tokenize
from engine.jstext import number_text, text_to_number

Tree = dict[str, Any]

FIELD_TYPES = {"type": "event-type", "event": "event", "name": "name", "userId": "userId"}
CONTAINER_TYPES = {"properties": "event-property", "traits": "event-trait", "context": "event-context"}
_EXISTENCE = {("=", "null"): "not_exists", ("!=", "null"): "exists"}
_TRUTH = {("=", "true"): "is_true", ("=", "false"): "is_false"}
FUNCTIONS = ("contains", "match")


def parse_tree(text: str) -> Tree:
    """The tree of `text`; its root is always a group. Raises FqlError when the text is no trigger."""
    tokens = join_paths(tokenize(text))
    node = _Level(tokens).parse()
    if node is None:
        raise FqlError('Say what to match, for example: type = "track".', 0)
    return node if node["type"] == "group" else {"type": "group", "operator": "and", "children": [node]}


class _Level:
    """One level of the text: the whole of it, or what stands between two parentheses."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.nodes: list[Tree | None] = []
        self.operator = "and"

    def parse(self) -> Tree | None:
        while self.index < len(self.tokens):
            token = self.tokens[self.index]
            self.index += 1
            if token.kind == "eos":
                break
            if token.kind == "ident":
                self._clause_or_call(token)
            elif token.kind == "operator" and token.value == "!":
                self._negated_call()
            elif token.kind == "open":
                self._group(token)
            elif token.kind == "conditional":
                # The last connective of a level rules all of it: there is no precedence.
                self.operator = token.value
        if len(self.nodes) > 1:
            return {"type": "group", "operator": self.operator, "children": self.nodes}
        return self.nodes[0] if self.nodes else None

    def _take(self, what: str, behind: Token) -> Token:
        if self.index >= len(self.tokens):
            raise FqlError(f"{what} is missing behind {behind.value!r}.", behind.end)
        self.index += 1
        return self.tokens[self.index - 1]

    def _clause_or_call(self, token: Token) -> None:
        first = token.value.split(".", 1)[0]
        if first in FIELD_TYPES or first in CONTAINER_TYPES:
            operator = self._take("The operator", token)
            value = self._take("The value", operator)
            self.nodes.append(_clause(token.value, first, operator.value, value))
        elif token.value in FUNCTIONS:
            self._call(token, negated=False)

    def _negated_call(self) -> None:
        if self.index < len(self.tokens):
            token = self.tokens[self.index]
            if token.kind == "ident" and token.value in FUNCTIONS:
                self.index += 1
                self._call(token, negated=True)

    def _call(self, function: Token, *, negated: bool) -> None:
        """Takes parenthesis, path, comma, value, parenthesis without looking at the punctuation."""
        self.index += 1
        path = self._take("The first argument", function)
        self.index += 1
        value = self._take("The second argument", function)
        self.index += 1
        subject = _call_subject(path.value)
        if subject is None:
            return
        plain = _as_text(_value_of(value))
        if function.value == "contains":
            operator, expected = "contains", plain
        elif value.value.endswith('*"'):
            operator, expected = "starts_with", plain[:-1]
        else:
            operator, expected = "ends_with", plain[1:]
        self.nodes.append({**subject, "operator": f"not_{operator}" if negated else operator, "value": expected})

    def _group(self, opening: Token) -> None:
        # Ends at the first ")", also when that one closes a function call.
        closing = next((i for i in range(self.index, len(self.tokens)) if self.tokens[i].kind == "close"), None)
        if closing is None:
            raise FqlError('The "(" has no ")".', opening.start)
        end = self.tokens[closing].start
        inner = [*self.tokens[self.index : closing], Token("eos", "eos", end, end)]
        self.index = closing + 1
        self.nodes.append(_Level(inner).parse())


def _clause(path: str, first: str, operator: str, token: Token) -> Tree:
    value = _value_of(token)
    if first in ("type", "event"):
        return {"type": FIELD_TYPES[first], "operator": operator, "value": _as_text(value)}
    tests = _EXISTENCE if first == "name" else {**_EXISTENCE, **_TRUTH}
    test = tests.get((operator, token.value))
    if first in FIELD_TYPES:
        node: Tree = {"type": FIELD_TYPES[first]}
        return {**node, "operator": test} if test else {**node, "operator": operator, "value": _as_text(value)}
    node = {"type": CONTAINER_TYPES[first], "name": path.removeprefix(f"{first}.")}
    if test:
        return {**node, "operator": test}
    if token.kind == "number" and operator in ("=", "!="):
        operator = "number_equals" if operator == "=" else "number_not_equals"
    return {**node, "operator": operator, "value": None if _is_nan(value) else value}


def _call_subject(path: str) -> Tree | None:
    if path in ("event", "name", "userId"):
        return {"type": path}
    for container, node_type in CONTAINER_TYPES.items():
        if path.startswith(container):
            return {"type": node_type, "name": path.removeprefix(f"{container}.")}
    return None


def _value_of(token: Token) -> str | float | bool:
    if token.kind == "string":
        return token.value.removeprefix('"').removesuffix('"')
    if token.kind == "number":
        return text_to_number(token.value)
    if token.kind == "ident" and token.value in ("true", "false"):
        return token.value == "true"
    return token.value


def _as_text(value: str | float | bool) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value)


def _is_nan(value: str | float | bool) -> bool:
    return isinstance(value, float) and math.isnan(value)
