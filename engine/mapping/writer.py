"""Writing a mapping as the source of one Python function (spec: mapping kit, sections 3, 4 and 7).

Values, keys and paths enter the source by `repr`, so nothing in a mapping can become code. A node is written in
one of two ways: *clean*, where a missing member is simply left out, or *raw*, where it stays as UNDEFINED because
the directive around it (@merge, @flatten …) can tell a missing member from an absent one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from engine.jstext import UNDEFINED
from engine.mapping.errors import MappingError, pointer
from engine.mapping.paths import walk
from engine.mapping.validate import DEPTH_LIMIT, METADATA

# Python's parser gives up on deeply nested parentheses; deeper nodes go to functions of their own.
_INLINE_LEVELS = 16
_EXACT_INTEGER = 2**63


class Written(NamedTuple):
    """An expression. `is_sure`: it cannot be UNDEFINED; `is_clean`: nothing inside it can be."""

    code: str
    is_sure: bool = False
    is_clean: bool = True


@dataclass
class Body:
    """The function being written; its argument `p` is the event, or with `is_event` false any value at all."""

    name: str
    is_event: bool
    lines: list[str] = field(default_factory=list)
    containers: dict[tuple[str, ...], tuple[str, str]] = field(default_factory=dict)
    level: int = 0


class Walked:
    """Something that is no object, read like one."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __contains__(self, _key: str) -> bool:
        return True

    def get(self, key: str, _missing: Any = UNDEFINED) -> Any:
        return walk(self._value, (key,))


WriteDirective = Callable[["Writer", Any, str, Body, bool], Written]


class Writer:
    """Collects functions and the constants they use; `namespace` is what the source is executed in."""

    def __init__(self, directives: Mapping[str, WriteDirective]) -> None:
        self.directives = directives
        self.functions: list[str] = []
        self.namespace: dict[str, Any] = {"U": UNDEFINED, "EMPTY": {}, "fail": fail, "Walked": Walked}
        self.count = 0
        self.depth = 0

    def function(self, node: Any, at: str, *, raw: bool, is_event: bool) -> str:
        """Write a function of one argument that resolves `node`; answers its name."""
        body = Body(name=self.name("f"), is_event=is_event)
        if isinstance(node, dict) and not is_directive(node) and not raw:
            result = self._object_lines(node, at, body)
        else:
            result = self.expression(node, at, body, raw=raw).code
        head = [f"def {body.name}(p):"]
        if not is_event:
            head.append("    q = p if type(p) is dict else Walked(p)")
        for path, (container, is_there) in body.containers.items():
            holder, is_held = self._holder(path, body)
            # Most containers that a mapping looks into are missing. That of a missing one is not looked for.
            head += [
                f"    if {f'{is_held} and ' if is_held else ''}{path[-1]!r} in {holder}:",
                f"        {container} = {holder}.get({path[-1]!r})",
                f"        if type({container}) is not dict: {container} = Walked({container})",
                f"        {is_there} = not not {container}",
                "    else:",
                f"        {container}, {is_there} = EMPTY, False",
            ]
        self.functions.append("\n".join([*head, *body.lines, f"    return {result}\n"]))
        return body.name

    def name(self, prefix: str) -> str:
        """A name that is not used yet."""
        self.count += 1
        return f"{prefix}{self.count}"

    def constant(self, function: Callable[..., Any]) -> str:
        """The name under which the source finds a function of this package."""
        self.namespace[function.__name__] = function
        return function.__name__

    def bind(self, value: Any) -> str:
        """A new name for a value made for this mapping."""
        name = self.name("k")
        self.namespace[name] = value
        return name

    def failure(self, message: str, at: str) -> Written:
        """An expression that raises when it is reached."""
        return Written(f"fail({message!r}, {at!r})", is_sure=True)

    def expression(self, node: Any, at: str, body: Body, *, raw: bool) -> Written:
        """Write a node of any kind."""
        if not isinstance(node, (dict, list)):
            return Written(self._scalar(node), is_sure=True)
        if self.depth >= DEPTH_LIMIT:
            message = f"The mapping is nested more than {DEPTH_LIMIT} levels deep."
            raise MappingError(message, path=at, phase="validation")
        if body.level >= _INLINE_LEVELS:
            name = self.function(node, at, raw=raw, is_event=body.is_event)
            return Written(f"{name}(p)", is_sure=isinstance(node, list) or not is_directive(node), is_clean=not raw)
        self.depth += 1
        body.level += 1
        if isinstance(node, list):
            written = self._list(node, at, body, raw=raw)
        elif is_directive(node):
            written = self._directive(node, at, body, raw=raw)
        else:
            written = self._object(node, at, body, raw=raw)
        body.level -= 1
        self.depth -= 1
        return written

    def read(self, pieces: tuple[str, ...], body: Body) -> str:
        """The value at a path of the argument. The containers on the way are read once, at the function's start."""
        if not pieces:
            return "p"
        *_, last = pieces
        holder, is_there = self._holder(pieces, body)
        found = f"{holder}.get({last!r}, U)"
        return f"({found} if {is_there} else U)" if is_there else found

    def exists(self, pieces: tuple[str, ...], body: Body, value: str) -> str:
        """A condition: whether something is at a path; then it is in the variable `value`.

        Most paths of a mapping lead nowhere in most events, so what fails does so early.
        """
        *_, last = pieces
        holder, is_there = self._holder(pieces, body)
        guard = f"{is_there} and " if is_there else ""
        found = f"({value} := {holder}.get({last!r})) is not None and {value} is not U"
        return f"{guard}{last!r} in {holder} and {found}"

    def _holder(self, pieces: tuple[str, ...], body: Body) -> tuple[str, str]:
        """The variable that a path is read from, and the one that tells whether anything is in it; "" for surely."""
        for length in range(1, len(pieces)):
            path = pieces[:length]
            if path not in body.containers:
                body.containers[path] = (self.name("c"), self.name("h"))
        if len(pieces) > 1:
            return body.containers[pieces[:-1]]
        return ("p" if body.is_event else "q"), ""

    def _scalar(self, value: Any) -> str:
        if value is None or isinstance(value, (bool, str)):
            return repr(value)
        if isinstance(value, int) and abs(value) < _EXACT_INTEGER:
            return repr(value)
        return self.bind(value)

    def _directive(self, node: dict[str, Any], at: str, body: Body, *, raw: bool) -> Written:
        name = next(key for key in node if key.startswith("@"))
        write = self.directives.get(name)
        if write is None:
            return self.failure(f"{name} is no directive.", at)
        return write(self, node[name], pointer(at, name), body, raw)

    def _list(self, items: list[Any], at: str, body: Body, *, raw: bool) -> Written:
        parts, is_clean = [], True
        for index, item in enumerate(items):
            written = self.expression(item, pointer(at, index), body, raw=raw)
            is_clean = is_clean and written.is_clean and (written.is_sure or not raw)
            if raw or written.is_sure:
                parts.append(written.code)
            else:
                value = self.name("v")
                parts.append(f"(None if ({value} := {written.code}) is U else {value})")
        return Written(f"[{', '.join(parts)}]", is_sure=True, is_clean=is_clean)

    def _object(self, node: dict[str, Any], at: str, body: Body, *, raw: bool) -> Written:
        if not raw:
            return Written(f"{self.function(node, at, raw=False, is_event=body.is_event)}(p)", is_sure=True)
        parts, is_clean = [], True
        for key, value in node.items():
            written = self.expression(value, pointer(at, key), body, raw=True)
            is_clean = is_clean and written.is_clean and written.is_sure
            parts.append(f"{key!r}: {written.code}")
        return Written("{" + ", ".join(parts) + "}", is_sure=True, is_clean=is_clean)

    def _object_lines(self, node: dict[str, Any], at: str, body: Body) -> str:
        """Write an object member by member; answers the variable that holds it."""
        result = self.name("o")
        body.lines.append(f"    {result} = {{}}")
        for key, value in node.items():
            place = pointer(at, key)
            if isinstance(value, dict) and not is_directive(value) and self.depth < _INLINE_LEVELS:
                self.depth += 1
                body.lines.append(f"    {result}[{key!r}] = {self._object_lines(value, place, body)}")
                self.depth -= 1
                continue
            written = self.expression(value, place, body, raw=False)
            if written.is_sure:
                body.lines.append(f"    {result}[{key!r}] = {written.code}")
            else:
                body.lines.append(f"    if (v := {written.code}) is not U: {result}[{key!r}] = v")
        return result


def is_directive(node: Mapping[str, Any]) -> bool:
    """Whether an object is resolved as a directive; one with other keys beside it stays as it is (in lists only)."""
    has_directive = False
    for key in node:
        if key.startswith("@"):
            has_directive = True
        elif key != METADATA:
            return False
    return has_directive


def fail(message: str, at: str) -> NoReturn:
    """Raise from inside an expression."""
    raise MappingError(message, path=at)
