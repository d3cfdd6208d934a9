"""From a condition tree to a Python function (spec: FQL, section 5).

The whole tree becomes one expression: two dict lookups and a comparison a condition, no call in between.
Operators are written out here, fields and values enter the source by `repr`, so no text of a trigger can become code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from engine.fql.errors import FqlError
from engine.jstext import member, text, to_number

Matcher = Callable[..., bool]

# "No event at all" matches nothing; a null event is refused (spec: FQL, section 5, outside inputs).
ABSENT: Any = object()

DEPTH_LIMIT = 50
_PIECES_INLINE = 6
_PIECE = re.compile(r"[^\[.\]]+")
_TOP_LEVEL = {"event-type": "type", "event": "event", "name": "name", "userId": "userId"}
_CONTAINERS = {"event-property": "properties", "event-trait": "traits", "event-context": "context"}

_TEXT_TESTS = {
    "contains": "{expected} in {value}",
    "starts_with": "{value}.startswith({expected})",
    "ends_with": "{value}.endswith({expected})",
}
_CONSTANT_TESTS = {
    "exists": "{value} is not None",
    "not_exists": "{value} is None",
    "is_true": "{value} is True",
    "is_false": "{value} is False",
}
_TEXT_COMPARISONS = {"=": "==", "!=": "!="}
_NUMBER_TESTS = {
    "number_equals": "==",
    "number_not_equals": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}

# Subscripts are faster than .get() where the key is there; where one is not, the second function takes over.
_SOURCE = """
def matches(event=ABSENT):
    if type(event) is not dict:
        if event is ABSENT:
            return False
        event = as_event(event)
    try:
        return {fast}
    except KeyError:
        return matches_incomplete(event)

def matches_incomplete(event):
    return {safe}
"""


def compile_tree(tree: dict[str, Any]) -> Matcher:
    """A function `matches(event) -> bool` for a tree of `grammar.parse_tree` or of a visual builder.

    An event that is no object has no fields; None raises TypeError. A tree of another shape raises FqlError.
    """
    if tree.get("type") != "group":
        raise FqlError("The root of a condition tree has to be a group.", 0)
    source = _SOURCE.format(fast=_Writer(subscripts=True).group(tree, 0), safe=_Writer(subscripts=False).group(tree, 0))
    namespace: dict[str, Any] = {
        "ABSENT": ABSENT,
        "as_event": _as_event,
        "empty_child": _empty_child,
        "inf": math.inf,
        "nan": math.nan,
        "walk": walk,
    }
    exec(source, namespace)  # noqa: S102 - see the module's docstring
    matcher: Matcher = namespace["matches"]
    return matcher


class _Writer:
    """Writes the expression. A value read once is kept in a variable for the conditions evaluated after it."""

    def __init__(self, *, subscripts: bool) -> None:
        self.subscripts = subscripts
        self.count = 0
        self.known: dict[tuple[str, ...], str] = {}

    def group(self, node: dict[str, Any], depth: int) -> str:
        if depth > DEPTH_LIMIT:
            raise FqlError(f"Groups can be nested {DEPTH_LIMIT} levels deep at most.", 0)
        operator = node.get("operator")
        if operator not in ("and", "or"):
            return "False"
        known = dict(self.known)
        children = [self._node(child, depth + 1) for child in node.get("children", ())]
        # What was read inside the group may have been skipped: nothing behind the group may count on it.
        self.known = known
        if not children:
            return "True" if operator == "and" else "False"
        return "(" + f" {operator} ".join(children) + ")"

    def _node(self, node: dict[str, Any] | None, depth: int) -> str:
        if node is None:
            return "empty_child()"
        node_type = node.get("type")
        if node_type == "group":
            return self.group(node, depth)
        if node_type in _TOP_LEVEL:
            return self._test((_TOP_LEVEL[node_type],), node)
        if node_type in _CONTAINERS:
            pieces = _PIECE.findall(str(node.get("name", "")))
            return self._test((_CONTAINERS[node_type], *pieces) if pieces else (), node)
        return "False"

    def _test(self, path: tuple[str, ...], node: dict[str, Any]) -> str:
        operator, expected = str(node.get("operator")), node.get("value")
        if operator in _CONSTANT_TESTS:
            # A question about existence expects the key to be missing at times.
            may_miss = operator in ("exists", "not_exists")
            return _CONSTANT_TESTS[operator].format(value=self._read(path, may_miss=may_miss))
        if operator in _TEXT_COMPARISONS:
            return f"{self._read(path)} {_TEXT_COMPARISONS[operator]} {text(expected)!r}"
        if operator in _NUMBER_TESTS:
            number = math.nan if expected is None else to_number(expected)
            kind = self._variable()
            value = self._read(path)
            name = self.known.get(path, "None")
            is_number = f"(({kind} := type({value})) is int or {kind} is float)"
            return f"({is_number} and {name} {_NUMBER_TESTS[operator]} {number!r})"
        positive = operator.removeprefix("not_")
        if positive not in _TEXT_TESTS:
            return "False"
        value = self._read(path)
        test = _TEXT_TESTS[positive].format(value=self.known.get(path, "None"), expected=repr(text(expected)))
        return f"(type({value}) is str and {'' if positive == operator else 'not '}{test})"

    def _variable(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def _read(self, path: tuple[str, ...], *, may_miss: bool = False) -> str:
        """The expression of the value at `path`; from then on `known` names the variable that holds it."""
        if not path:
            return "None"
        if path in self.known:
            return self.known[path]
        expression = self._follow("event", path, (), may_miss=may_miss)
        variable = self.known[path] = self._variable()
        return f"({variable} := {expression})"

    def _follow(self, holder: str, path: tuple[str, ...], parent: tuple[str, ...], *, may_miss: bool) -> str:
        key, rest = path[0], path[1:]
        step = f"{holder}[{key!r}]" if self.subscripts and not may_miss else f"{holder}.get({key!r})"
        if not rest:
            return step
        if len(path) > _PIECES_INLINE:
            return f"walk({holder}, {path!r})"
        here = (*parent, key)
        inner = self.known.get(here)
        if inner is None:
            inner = self._variable()
            step = f"({inner} := {step})"
            if not parent:
                # Deeper steps are not always reached; the first one is.
                self.known[here] = inner
        else:
            step = inner
        found = self._follow(inner, rest, here, may_miss=may_miss)
        return f"({found} if type({step}) is dict else walk({inner}, {rest!r}))"


def walk(value: Any, pieces: tuple[str, ...]) -> Any:
    """Follow a path the slow way: through lists and texts, and stopping at a falsy value, which is then the result.

    A missing step gives None, which every operator treats as missing.
    """
    for piece in pieces:
        if isinstance(value, dict):
            value = value.get(piece)
        elif isinstance(value, list) or (isinstance(value, str) and value):
            value = member(value, piece, None)
        else:
            # A falsy value on the way is the result: `properties.zero.sub = 0` holds for zero = 0.
            return None if value else value
    return value


def _as_event(event: Any) -> dict[str, Any]:
    if event is None:
        raise TypeError("An event has to be an object, not null.")
    return event if isinstance(event, dict) else {}


def _empty_child() -> bool:
    raise TypeError('The trigger holds an empty "()", which cannot be evaluated.')
