"""From the tree of a condition to a Python function, compiled once: a closure a node."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from engine.filters.functions import FUNCTIONS, FilterEvaluationError, type_name
from engine.filters.grammar import Node
from engine.filters.tokens import path_text

__all__ = ["FilterEvaluationError", "Matcher", "compile_condition", "value_at"]

Event = Mapping[str, Any]
Matcher = Callable[[Event], bool]
_Value = Callable[[Event], Any]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_condition(tree: Node) -> Matcher:
    """Whether an event satisfies the condition. A field that is missing is null, and null is not true."""
    return _truth(tree)


def value_at(event: Event, pieces: tuple[str, ...]) -> Any:
    """The value at a path; None when it, or something on the way, is missing. A number picks from a list."""
    value: Any = event
    for piece in pieces:
        # Asking for the type is many times faster than for the abstract class, and true for nearly all.
        if type(value) is dict or isinstance(value, Mapping):
            value = value.get(piece)
        elif isinstance(value, list) and piece.isdecimal() and int(piece) < len(value):
            value = value[int(piece)]
        else:
            return None
    return value


def _value(node: Node) -> _Value:
    if node.kind == "value":
        constant = node.value
        return lambda _event: constant
    if node.kind == "path":
        return _path(node.value)
    if node.kind == "list":
        items = [_value(child) for child in node.children]
        if all(child.kind == "value" for child in node.children):
            constants = [child.value for child in node.children]
            return lambda _event: constants
        return lambda event: [item(event) for item in items]
    if node.kind == "call":
        return _call(node)
    return _truth(node)


def _path(pieces: tuple[str, ...]) -> _Value:
    if len(pieces) == 1:
        only = pieces[0]
        return lambda event: event.get(only)
    return lambda event: value_at(event, pieces)


def _call(node: Node) -> _Value:
    run = FUNCTIONS[node.value].run
    arguments = [_value(child) for child in node.children]
    where = next((_where(child) for child in node.children if child.kind == "path"), "a value")
    if len(arguments) == 1:
        [only] = arguments

        def called(event: Event) -> Any:
            try:
                return run(only(event))
            except FilterEvaluationError as error:
                raise _located(error, where) from None

        return called
    first, second = arguments

    def called_with_two(event: Event) -> Any:
        try:
            return run(first(event), second(event))
        except FilterEvaluationError as error:
            raise _located(error, where) from None

    return called_with_two


def _truth(node: Node) -> Matcher:
    if node.kind == "and":
        return _all([_truth(child) for child in node.children])
    if node.kind == "or":
        return _any([_truth(child) for child in node.children])
    if node.kind == "not":
        inner = _truth(node.children[0])
        return lambda event: not inner(event)
    if node.kind == "compare":
        return _comparison(node)
    if node.kind == "in":
        return _membership(node)
    found = _value(node)
    where = _where(node)

    def truth(event: Event) -> bool:
        value = found(event)
        if value is None or isinstance(value, bool):
            return value is True
        raise FilterEvaluationError(f"{where} is a {type_name(value)}, not true or false.")

    return truth


def _all(parts: list[Matcher]) -> Matcher:
    if len(parts) == 2:
        first, second = parts
        return lambda event: first(event) and second(event)
    return lambda event: all(part(event) for part in parts)


def _any(parts: list[Matcher]) -> Matcher:
    if len(parts) == 2:
        first, second = parts
        return lambda event: first(event) or second(event)
    return lambda event: any(part(event) for part in parts)


def _comparison(node: Node) -> Matcher:
    left, right = (_value(child) for child in node.children)
    if node.value == "=":
        return lambda event: equal(left(event), right(event))
    if node.value == "!=":
        return lambda event: not equal(left(event), right(event))
    compare, sign = _ORDER[node.value], node.value
    names = [_where(child) for child in node.children]

    def ordered(event: Event) -> bool:
        values = (left(event), right(event))
        for value, name in zip(values, names, strict=True):
            if value is None:
                return False
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise FilterEvaluationError(f'"{sign}" compares numbers, and {name} is a {type_name(value)}.')
        return compare(*values)

    return ordered


def _membership(node: Node) -> Matcher:
    item, items = (_value(child) for child in node.children)
    where = _where(node.children[1])
    listed = node.children[1]
    if listed.kind == "list" and all(one.kind == "value" and isinstance(one.value, str) for one in listed.children):
        texts = frozenset(one.value for one in listed.children)

        def among(event: Event) -> bool:
            wanted = item(event)
            return type(wanted) is str and wanted in texts

        return among

    def contained(event: Event) -> bool:
        there = items(event)
        if there is None:
            return False
        if not isinstance(there, (list, tuple)):
            raise FilterEvaluationError(f"{where} is a {type_name(there)}, not a list.")
        wanted = item(event)
        return any(equal(wanted, one) for one in there)

    return contained


def equal(left: Any, right: Any) -> bool:
    """The same type and the same value: 7 is 7.0, but neither "7" nor true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(equal(one, other) for one, other in zip(left, right, strict=True))
    return bool(left == right)


def _where(node: Node) -> str:
    return path_text(node.value) if node.kind == "path" else "a value"


def _located(error: FilterEvaluationError, where: str) -> FilterEvaluationError:
    return error if where == "a value" else FilterEvaluationError(f"{where}: {error}")
