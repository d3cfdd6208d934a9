"""Checking a mapping before any event is seen (spec: mapping kit, section 2): all problems, each with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from engine.jstext import utf16_length
from engine.mapping.errors import MappingProblem, pointer

ROOT_DIRECTIVE = "__segment_internal_directive"
METADATA = "_metadata"
DEPTH_LIMIT = 100
PATTERN_LIMIT = 10

Check = Callable[[Any, str, "_Findings"], None]


def validate(mapping: Any) -> list[MappingProblem]:
    """All problems of a mapping; an empty list when it can be compiled.

    Lists are not looked into, as in the reference: a broken directive inside one fails when it is resolved.
    """
    if not isinstance(mapping, dict):
        return [MappingProblem(path="", message=f"A mapping has to be an object, not {describe(mapping)}.")]
    findings = _Findings()
    if ROOT_DIRECTIVE in mapping:
        message = root_directive_problem(mapping[ROOT_DIRECTIVE])
        if message:
            return [MappingProblem(path=f"/{ROOT_DIRECTIVE}", message=message)]
        mapping = unwrap_root(mapping)
    findings.value(mapping, "")
    return findings.problems


def root_directive_problem(wrapper: Any) -> str | None:
    """Why the value of `__segment_internal_directive` cannot take the other fields in; None when it can."""
    if not isinstance(wrapper, dict) or len(wrapper) != 1:
        return "The root directive has to be one directive object, such as @transform."
    (content,) = wrapper.values()
    if not isinstance(content, (dict, list)):
        return "The content of the root directive has to be an object."
    return None


def unwrap_root(mapping: dict[str, Any]) -> dict[str, Any]:
    """Put the fields beside `__segment_internal_directive` under `mapping` of that directive (section 5)."""
    ((name, content),) = mapping[ROOT_DIRECTIVE].items()
    fields = {key: value for key, value in mapping.items() if key != ROOT_DIRECTIVE}
    return {name: {**content, "mapping": fields} if isinstance(content, dict) else content}


def describe(value: Any) -> str:
    """The JSON type of a value with its article."""
    if value is None:
        return "null"
    names = {bool: "a boolean", str: "a text", dict: "an object", list: "a list", int: "a number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")


def has_directive_key(value: Any) -> bool:
    """Whether an object is meant as a directive."""
    return isinstance(value, dict) and any(key.startswith("@") for key in value)


class _Findings:
    """Collects problems while going down a mapping."""

    def __init__(self) -> None:
        self.problems: list[MappingProblem] = []
        self.depth = 0

    def add(self, path: str, message: str) -> None:
        self.problems.append(MappingProblem(path=path, message=message))

    def value(self, value: Any, path: str) -> None:
        if self.depth >= DEPTH_LIMIT:
            self.add(path, f"The mapping is nested more than {DEPTH_LIMIT} levels deep.")
            return
        self.depth += 1
        if has_directive_key(value):
            self._directive(value, path)
        elif isinstance(value, dict):
            for key, member in value.items():
                self.value(member, pointer(path, key))
        self.depth -= 1

    def _directive(self, value: dict[str, Any], path: str) -> None:
        names = [key for key in value if key.startswith("@")]
        others = [key for key in value if not key.startswith("@") and key != METADATA]
        if len(names) > 1:
            self.add(path, f"Only one directive fits here, but there are {len(names)}: {', '.join(names)}.")
        elif others:
            self.add(path, f"A directive stands alone: move {', '.join(map(json.dumps, others))} out of {names[0]}.")
        elif names[0] not in _DIRECTIVES:
            self.add(path, f"{names[0]} is no directive. Known are {', '.join(_DIRECTIVES)}.")
        else:
            _DIRECTIVES[names[0]](value[names[0]], pointer(path, names[0]), self)

    def options(self, options: Any, path: str, checks: dict[str, tuple[bool, Check]]) -> bool:
        """Check an options object: name -> (required?, check). Answers whether it is an object at all."""
        if not isinstance(options, dict) or has_directive_key(options):
            what = "a directive" if isinstance(options, dict) else describe(options)
            self.add(path, f"Expected an object of options, not {what}.")
            return False
        for key, member in options.items():
            self.value(member, pointer(path, key))
        for key, (is_required, check) in checks.items():
            if key in options:
                check(options[key], pointer(path, key), self)
            elif is_required:
                self.add(path, f'The option "{key}" is missing.')
        return True


def _anything(value: Any, path: str, findings: _Findings) -> None:
    """Directives are looked at, plain objects are not."""
    if has_directive_key(value):
        findings.value(value, path)


def _nested(value: Any, path: str, findings: _Findings) -> None:
    """Members of an options object were looked at already."""


def _text(value: Any, path: str, findings: _Findings) -> None:
    if not isinstance(value, str):
        findings.add(path, f"Expected a text, not {describe(value)}.")


def _text_or_directive(value: Any, path: str, findings: _Findings) -> None:
    if has_directive_key(value):
        findings.value(value, path)
    elif not isinstance(value, str):
        findings.add(path, f"Expected a text or a directive, not {describe(value)}.")


def _text_option(value: Any, path: str, findings: _Findings) -> None:
    if not isinstance(value, str) and not has_directive_key(value):
        findings.add(path, f"Expected a text or a directive, not {describe(value)}.")


def _object_option(value: Any, path: str, findings: _Findings) -> None:
    if not isinstance(value, dict):
        findings.add(path, f"Expected an object or a directive, not {describe(value)}.")


def _boolean(value: Any, path: str, findings: _Findings) -> None:
    if not isinstance(value, bool):
        findings.add(path, f"Expected true or false, not {describe(value)}.")


def _list(value: Any, path: str, findings: _Findings) -> None:
    if not isinstance(value, list):
        findings.add(path, f"Expected a list, not {describe(value)}.")


def _length(minimum: int) -> Check:
    def check(value: Any, path: str, findings: _Findings) -> None:
        _text(value, path, findings)
        if isinstance(value, str) and not minimum <= utf16_length(value) <= PATTERN_LIMIT:
            findings.add(path, f"The text has to have {minimum} to {PATTERN_LIMIT} characters.")

    return check


def _one_of(*allowed: str) -> Check:
    def check(value: Any, path: str, findings: _Findings) -> None:
        if not isinstance(value, str) or value.lower() not in allowed:
            findings.add(path, f"Expected one of {', '.join(allowed)}.")

    return check


def _options(checks: dict[str, tuple[bool, Check]]) -> Check:
    def check(value: Any, path: str, findings: _Findings) -> None:
        findings.options(value, path, checks)

    return check


def _array_path(value: Any, path: str, findings: _Findings) -> None:
    if not isinstance(value, list):
        findings.add(path, f"Expected a list of a path and a shape, not {describe(value)}.")
        return
    if not value:
        findings.add(path, "The path is missing.")
        return
    _text_or_directive(value[0], pointer(path, 0), findings)
    if len(value) > 1:
        findings.value(value[1], pointer(path, 1))


def _merge(value: Any, path: str, findings: _Findings) -> None:
    checks: dict[str, tuple[bool, Check]] = {
        "direction": (False, _one_of("left", "right")),
        "objects": (True, _list),
    }
    if not findings.options(value, path, checks) or not isinstance(value.get("objects"), list):
        return
    for index, operand in enumerate(value["objects"]):
        place = pointer(pointer(path, "objects"), index)
        if isinstance(operand, dict):
            findings.value(operand, place)
        else:
            findings.add(place, f"Expected an object or a directive, not {describe(operand)}.")


_DIRECTIVES: dict[str, Check] = {
    "@path": _text_or_directive,
    "@template": _text_or_directive,
    "@literal": _anything,
    "@if": _options({"exists": (False, _nested), "then": (False, _nested), "else": (False, _nested)}),
    "@case": _options({"operator": (False, _text), "value": (False, _text_option)}),
    "@replace": _options(
        {
            "pattern": (True, _length(1)),
            "replacement": (False, _length(0)),
            "value": (True, _text_option),
            "ignorecase": (False, _boolean),
            "global": (False, _boolean),
        }
    ),
    "@arrayPath": _array_path,
    "@json": _options({"value": (True, _nested), "mode": (True, _one_of("encode", "decode"))}),
    "@flatten": _options({"separator": (False, _text), "value": (True, _nested)}),
    "@merge": _merge,
    "@transform": _options({"apply": (True, _object_option), "mapping": (True, _object_option)}),
    "@excludeWhenNull": _anything,
    "@liquid": _text,
}
