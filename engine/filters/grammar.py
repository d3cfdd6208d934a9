"""From tokens to the tree of a condition, with every problem on the way.

or := and ("or" and)*      and := not ("and" not)*      not := "!" not | comparison
comparison := value (("=" | "!=" | "<" | "<=" | ">" | ">=" | "in") value)?
value := text | number | true | false | null | "[" values "]" | field | function "(" values ")" | "(" or ")"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.filters.functions import FUNCTIONS, glob
from engine.filters.tokens import Token, path_text, tokenize
from engine.fql.errors import FqlError, Problem

NodeKind = Literal["or", "and", "not", "compare", "in", "call", "path", "value", "list"]
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
DEPTH_LIMIT = 40

# What a node gives when it is known before there is an event: "bool", "string", "number", "list", "null"; else "".
_TYPE_NAMES = {"bool": "true or false", "string": "a text", "number": "a number", "list": "a list"}


@dataclass(frozen=True, slots=True)
class Node:
    """`value` is the path's pieces, the constant, the comparison or the function's name; `children` its operands."""

    kind: NodeKind
    value: Any = None
    children: tuple[Node, ...] = ()
    start: int = 0
    end: int = 0

    @property
    def type(self) -> str:
        if self.kind in ("or", "and", "not", "compare", "in"):
            return "bool"
        if self.kind == "list":
            return "list"
        if self.kind == "call":
            return FUNCTIONS[self.value].gives if self.value in FUNCTIONS else ""
        return _constant_type(self.value) if self.kind == "value" else ""


def read(text: str) -> tuple[Node | None, list[Problem]]:
    """The tree and the problems of `text`; without problems the tree can be compiled."""
    try:
        tokens = tokenize(text)
        reader = _Reader(tokens)
        tree = reader.condition()
    except FqlError as error:
        return None, [_problem("syntax", error.message, error.position, error.position + 1)]
    return tree, sorted(reader.problems, key=lambda problem: problem.start)


class _UnreadableError(Exception):
    """What follows cannot be read; the problem is noted."""


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.depth = 0
        self.problems: list[Problem] = []

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def condition(self) -> Node | None:
        try:
            if self.token.kind == "end":
                self._stop('Say what to match, for example: type = "track".')
            tree = self._either()
            if self.token.kind == "close":
                self._stop('This ")" has no "(".')
            if self.token.kind != "end":
                self._stop('"and" or "or" is missing before this.')
        except _UnreadableError:
            return None
        self._need_truth(tree)
        return tree

    def _stop(self, message: str) -> None:
        self._note("syntax", message, self.token.start, self.token.end)
        raise _UnreadableError

    def _note(self, code: str, message: str, start: int, end: int) -> None:
        self.problems.append(_problem(code, message, start, end))

    def _is(self, kind: str, value: Any = None) -> bool:
        return self.token.kind == kind and (value is None or self.token.value == value)

    def _take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def _either(self) -> Node:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            self._stop(f"Parentheses can be nested {DEPTH_LIMIT} levels deep at most.")
        node = self._joined("or", lambda: self._joined("and", self._negation))
        self.depth -= 1
        return node

    def _joined(self, word: Literal["or", "and"], part: Any) -> Node:
        parts: list[Node] = [part()]
        while self._is("word", word):
            self._take()
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        for one in parts:
            self._need_truth(one)
        return Node(word, None, tuple(parts), parts[0].start, parts[-1].end)

    def _negation(self) -> Node:
        signs: list[Token] = []
        while self._is("operator", "!"):
            signs.append(self._take())
        node = self._comparison()
        for sign in reversed(signs):
            self._need_truth(node)
            node = Node("not", None, (node,), sign.start, node.end)
        return node

    def _comparison(self) -> Node:
        left = self._value()
        sign = self.token
        if sign.kind == "operator" and sign.value in COMPARISONS:
            self._take()
            right = self._value()
            if sign.value not in ("=", "!="):
                for side in (left, right):
                    self._need(side, ("number",), f'"{sign.value}" compares numbers')
            return Node("compare", sign.value, (left, right), left.start, right.end)
        if self._is("word", "in"):
            self._take()
            right = self._value()
            self._need(right, ("list",), 'A list has to follow "in", such as ["track", "page"] or a field')
            return Node("in", None, (left, right), left.start, right.end)
        return left

    def _value(self) -> Node:
        token = self._take()
        if token.kind in ("text", "number"):
            return Node("value", token.value, (), token.start, token.end)
        if token.kind == "word" and token.value in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[token.value]
            return Node("value", constant, (), token.start, token.end)
        if token.kind == "open":
            node = self._either()
            if not self._is("close"):
                self.index = min(self.index, len(self.tokens) - 1)
                self._note("syntax", 'The "(" has no ")".', token.start, token.end)
                raise _UnreadableError
            self._take()
            return node
        if token.kind == "bracket" and token.value == "[":
            items, end = self._items("]", token)
            return Node("list", None, items, token.start, end)
        if token.kind == "path":
            return self._call(token) if self._is("open") else Node("path", token.value, (), token.start, token.end)
        self.index -= 1
        self._stop("A field, a value or a function is missing here." if token.kind == "end" else _unexpected(token))
        raise AssertionError("unreachable")

    def _call(self, name: Token) -> Node:
        opening = self._take()
        items, end = self._items(")", opening)
        key = path_text(name.value)
        function = FUNCTIONS.get(key)
        if function is None:
            known = ", ".join(sorted(FUNCTIONS))
            self._note("unknown_function", f"There is no function {key!r}. There are: {known}.", name.start, name.end)
        elif len(items) != len(function.takes):
            many = "1 value" if len(function.takes) == 1 else f"{len(function.takes)} values"
            self._note("arguments", f"{key}() takes {many}, not {len(items)}.", name.start, end)
        else:
            for item, types in zip(items, function.takes, strict=True):
                self._need(item, types, f"{key}() takes {' or '.join(_TYPE_NAMES[one] for one in types)}")
            self._check_pattern(key, items)
        return Node("call", key, items, name.start, end)

    def _check_pattern(self, key: str, items: tuple[Node, ...]) -> None:
        if key == "match" and items[1].kind == "value" and isinstance(items[1].value, str):
            try:
                glob(items[1].value)
            except FqlError as error:
                self._note("pattern", error.message, items[1].start, items[1].end)

    def _items(self, closing: str, opening: Token) -> tuple[tuple[Node, ...], int]:
        """The values up to the closing sign, and where that ends."""
        kind = "close" if closing == ")" else "bracket"
        items: list[Node] = []
        if self._is(kind, closing):
            return (), self._take().end
        while True:
            items.append(self._either())
            if self._is("comma"):
                self._take()
            elif self._is(kind, closing):
                return tuple(items), self._take().end
            else:
                self._note("syntax", f'The "{opening.value}" has no "{closing}".', opening.start, opening.end)
                raise _UnreadableError

    def _need(self, node: Node, types: tuple[str, ...], wanted: str) -> None:
        """A problem when the node is known to give something else; null is taken everywhere."""
        if types and node.type and node.type != "null" and node.type not in types:
            self._note("type", f"{wanted}, and this is {_TYPE_NAMES[node.type]}.", node.start, node.end)

    def _need_truth(self, node: Node) -> None:
        self._need(node, ("bool",), "A condition is true or false")


def _constant_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "number"


def _unexpected(token: Token) -> str:
    shown = path_text(token.value) if token.kind == "path" else token.value
    return f"{shown!r} is not expected here: a field, a value or a function is missing before it."


def _problem(code: str, message: str, start: int, end: int) -> Problem:
    return Problem(code=code, message=message, start=start, end=max(end, start + 1))
