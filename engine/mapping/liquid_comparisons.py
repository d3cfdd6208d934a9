"""How `@liquid` compares: as JavaScript does, where python-liquid would refuse values of different types."""

from __future__ import annotations

import math
from typing import Any

from liquid import BoundTemplate, Expression, Node, RenderContext
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank
from liquid.undefined import Undefined

from engine.jstext import text, to_number


class _JsLess(LtExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        left, right = _pair(self.left.evaluate(context), self.right.evaluate(context))
        return bool(left < right)


class _JsLessOrEqual(LeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        left, right = _pair(self.left.evaluate(context), self.right.evaluate(context))
        return bool(left <= right)


class _JsGreater(GtExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        left, right = _pair(self.left.evaluate(context), self.right.evaluate(context))
        return bool(left > right)


class _JsGreaterOrEqual(GeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        left, right = _pair(self.left.evaluate(context), self.right.evaluate(context))
        return bool(left >= right)


class _JsEqual(EqExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        sides = (self.left.evaluate(context), self.right.evaluate(context))
        return (
            _is_missing_and_blank(*sides) or _is_missing_and_blank(*reversed(sides)) or bool(super().evaluate(context))
        )


class _JsNotEqual(NeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        sides = (self.left.evaluate(context), self.right.evaluate(context))
        if _is_missing_and_blank(*sides) or _is_missing_and_blank(*reversed(sides)):
            return False
        return bool(super().evaluate(context))


class _JsContains(ContainsExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        left, right = self.left.evaluate(context), self.right.evaluate(context)
        if isinstance(left, str):
            return not isinstance(right, Undefined) and text(right) in left
        return isinstance(left, list) and any(type(item) is type(right) and item == right for item in left)


_REPLACED: dict[type, type] = {
    LtExpression: _JsLess,
    LeExpression: _JsLessOrEqual,
    GtExpression: _JsGreater,
    GeExpression: _JsGreaterOrEqual,
    ContainsExpression: _JsContains,
    EqExpression: _JsEqual,
    NeExpression: _JsNotEqual,
}


def compare_as_javascript(template: BoundTemplate) -> None:
    """Give the comparisons of a parsed template JavaScript's rules."""
    context = RenderContext(template)
    for node in template.nodes:
        _visit_node(node, context)


def _visit_node(node: Node, context: RenderContext) -> None:
    for expression in node.expressions():
        _visit_expression(expression)
    for child in node.children(context):
        _visit_node(child, context)


def _visit_expression(expression: Expression) -> None:
    replacement = _REPLACED.get(type(expression))
    if replacement is not None:
        expression.__class__ = replacement
    for child in expression.children():
        _visit_expression(child)


def _is_missing_and_blank(value: Any, other: Any) -> bool:
    return isinstance(value, Undefined) and isinstance(other, Blank)


def _pair(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as texts when both are, else both as numbers."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    return _as_number(left), _as_number(right)


def _primitive(value: Any) -> Any:
    return text(value) if isinstance(value, (list, dict)) else value


def _as_number(value: Any) -> float:
    if value is None or isinstance(value, (str, bool, int, float)):
        return to_number(value)
    return math.nan
