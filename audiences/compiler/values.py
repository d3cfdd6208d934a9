"""SQL of the operators on jsonb values: the exact twin of `engine/conditions/operators.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from audiences.compiler.statement import NEVER, Statement
from engine.conditions.instants import ISO_INSTANT
from engine.conditions.nodes import (
    ELEMENTS,
    Constant,
    ConstantList,
    Duration,
    Instant,
    ParentProperty,
    Path,
    Presence,
    Test,
    TraitValue,
)
from engine.conditions.operators import OPPOSITES, ORDER

COMPARISONS = {"less_than": "<", "greater_than": ">", "less_or_equal": "<=", "greater_or_equal": ">="}
PRESENT = Presence(wanted=True)
SCALARS = "('string', 'number', 'boolean')"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """When a relative date test holds: `first` <= now < `end`, SQL of timestamptz or null where there is no instant."""

    first: str | None
    end: str | None


def walk(document: str, path: Path, statement: Statement) -> str:
    """jsonb at a path, objects only (`->` with a text key answers null on lists)."""
    return "(" + " -> ".join([document, *(statement.param(key, "text") for key in path)]) + ")"


@dataclass(frozen=True, kw_only=True)
class Place:
    """jsonb at a path. With `elements`, a FROM list, there is one value a row of it (paths with `$`)."""

    value: str
    elements: str = ""


def place(document: str, path: Path, statement: Statement) -> Place:
    """Where a path leads."""
    sources: list[str] = []
    value, rest = document, path
    while ELEMENTS in rest:
        split = rest.index(ELEMENTS)
        value, rest = walk(value, rest[:split], statement) if split else value, rest[split + 1 :]
        items = f"CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} ELSE '[]' END"
        sources.append(f"LATERAL jsonb_array_elements({items}) AS el{len(sources)} (v)")
        value = f"el{len(sources) - 1}.v"
    return Place(value=walk(value, rest, statement) if rest else value, elements=", ".join(sources))


def holds(
    test: Test, found: Place, statement: Statement, *, traits: str, parent: Callable[[Path], str] | None = None
) -> str:
    """A boolean that is never null. `traits` is the profile's jsonb; `parent` reads a funnel's parent."""
    if not found.elements:
        return _holds(test, found.value, statement, traits=traits, parent=parent)
    positive, is_opposite = test, test.operator in OPPOSITES
    if is_opposite:
        positive = Test(path=test.path, operator=OPPOSITES[test.operator], operand=test.operand)
    elif isinstance(test.operand, Presence):
        positive, is_opposite = Test(path=test.path, operator="exists", operand=PRESENT), not test.operand.wanted
    one = _holds(positive, found.value, statement, traits=traits, parent=parent)
    return f"({'NOT ' if is_opposite else ''}EXISTS (SELECT FROM {found.elements} WHERE {one}))"


def _holds(test: Test, value: str, statement: Statement, *, traits: str, parent: Callable[[Path], str] | None) -> str:
    operand = test.operand
    if isinstance(operand, Presence):
        present = f"(coalesce(jsonb_typeof({value}), 'null') <> 'null')"
        return present if operand.wanted else f"(NOT {present})"
    if isinstance(operand, Duration):
        interval = relative_interval(test, value, statement)
        bounds = [f"{interval.first} <= {statement.moment}"] if interval.first else []
        bounds += [f"{statement.moment} < {interval.end}"] if interval.end else []
        return f"coalesce({' AND '.join(bounds)}, false)"
    operator = OPPOSITES.get(test.operator, test.operator)
    if isinstance(operand, TraitValue):
        found = _by_reference(operator, value, walk(traits, operand.path, statement), statement)
    elif isinstance(operand, ParentProperty):
        if parent is None:
            raise TypeError("A parent property outside a funnel child passed the parser.")
        found = _by_reference(operator, value, parent(operand.path), statement)
    else:
        found = _by_constant(operator, value, operand, statement)
    return f"(NOT coalesce({found}, false))" if operator != test.operator else f"coalesce({found}, false)"


def relative_interval(test: Test, value: str, statement: Statement) -> Interval:
    """The interval of within_last, within_next, before_last, after_next."""
    if not isinstance(test.operand, Duration):
        raise TypeError(f"{test.operator} needs a duration.")
    moment = timestamp(value, statement)
    span, tick = statement.span(test.operand.micros), statement.span(1)
    match test.operator:
        case "within_last":
            return Interval(first=moment, end=f"({moment} + {span} + {tick})")
        case "within_next":
            return Interval(first=f"({moment} - {span})", end=f"({moment} + {tick})")
        case "before_last":
            return Interval(first=f"({moment} + {span} + {tick})", end=None)
        case _:
            return Interval(first=None, end=f"({moment} - {span})")


def flips_at(interval: Interval, statement: Statement) -> str:
    """The next instant at which a relative test changes; never null."""
    cases = [f"WHEN {statement.moment} < {interval.first} THEN {interval.first}"] if interval.first else []
    cases += [f"WHEN {statement.moment} < {interval.end} THEN {interval.end}"] if interval.end else []
    return f"(CASE {' '.join(cases)} ELSE {NEVER} END)"


def timestamp(value: str, statement: Statement) -> str:
    """timestamptz of a JSON string that is an ISO 8601 instant with zone; null for all else, never an error."""
    text = f"({value} #>> '{{}}')"
    # PostgreSQL rounds what exceeds microseconds; the engine cuts it off.
    cut = f"regexp_replace({text}, '(\\.[0-9]{{6}})[0-9]+', '\\1')"
    guard = f"jsonb_typeof({value}) = 'string' AND {text} ~ {statement.param(ISO_INSTANT, 'text')}"
    valid = f"CASE WHEN {guard} THEN pg_input_is_valid({cut}, 'timestamptz') ELSE false END"
    return f"(CASE WHEN {valid} THEN {cut}::timestamptz END)"


def _by_constant(  # noqa: PLR0911 - one a kind of operator
    operator: str, value: str, operand: Constant | ConstantList | Instant, statement: Statement
) -> str:
    if isinstance(operand, Instant):
        comparison = "<" if operator == "before_date" else ">"
        return f"{timestamp(value, statement)} {comparison} {statement.instant(operand.micros)}"
    if isinstance(operand, ConstantList):
        if operator == "any_of":
            return f"{value} = ANY ({statement.param([_json(item) for item in operand.items], 'text[]')}::jsonb[])"
        return "(" + " OR ".join(_contains_constant(value, item, statement) for item in operand.items) + ")"
    document = statement.param(_json(operand), "jsonb")
    if operator == "equals":
        return f"{value} = {document}"
    if operator in ORDER:
        # Numbers are compared first: that leaves few to be looked at again.
        return f"({value} {COMPARISONS[operator]} {document} AND jsonb_typeof({value}) = 'number')"
    if operator == "contains":
        return _contains_constant(value, operand, statement)
    text = statement.param(str(operand.value), "text")
    return f"(jsonb_typeof({value}) = 'string' AND {_edge(operator, value, text)})"


def _by_reference(  # noqa: PLR0911 - one a kind of operator
    operator: str, value: str, other: str, statement: Statement
) -> str:
    both = f"jsonb_typeof({value}) = jsonb_typeof({other})"
    text = f"({other} #>> '{{}}')"
    if operator == "equals":
        return f"(jsonb_typeof({value}) IN {SCALARS} AND {value} = {other})"
    if operator in ORDER:
        return f"({both} AND jsonb_typeof({value}) = 'number' AND {value} {COMPARISONS[operator]} {other})"
    if operator == "contains":
        return _contains_reference(value, other)
    if operator in {"starts_with", "ends_with"}:
        return f"({both} AND jsonb_typeof({value}) = 'string' AND {_edge(operator, value, text)})"
    if operator == "any_of":
        return f"(jsonb_typeof({other}) = 'array' AND jsonb_typeof({value}) IN {SCALARS} AND {other} @> {value})"
    if operator == "contains_any_of":
        items = f"jsonb_array_elements(CASE WHEN jsonb_typeof({other}) = 'array' THEN {other} ELSE '[]' END)"
        return f"EXISTS (SELECT FROM {items} item (element) WHERE {_contains_reference(value, 'item.element')})"
    comparison = "<" if operator == "before_date" else ">"
    return f"{timestamp(value, statement)} {comparison} {timestamp(other, statement)}"


def _contains_constant(value: str, operand: Constant, statement: Statement) -> str:
    member = f"{value} @> {statement.param(_json(operand), 'jsonb')}"
    if not isinstance(operand.value, str):
        return f"(jsonb_typeof({value}) = 'array' AND {member})"
    found = f"strpos({value} #>> '{{}}', {statement.param(operand.value, 'text')}) > 0"
    return f"(CASE jsonb_typeof({value}) WHEN 'string' THEN {found} WHEN 'array' THEN {member} ELSE false END)"


def _contains_reference(value: str, other: str) -> str:
    found = f"jsonb_typeof({other}) = 'string' AND strpos({value} #>> '{{}}', {other} #>> '{{}}') > 0"
    member = f"jsonb_typeof({other}) IN {SCALARS} AND {value} @> {other}"
    return f"(CASE jsonb_typeof({value}) WHEN 'string' THEN {found} WHEN 'array' THEN {member} ELSE false END)"


def _edge(operator: str, value: str, text: str) -> str:
    if operator == "starts_with":
        return f"starts_with({value} #>> '{{}}', {text})"
    return f"right({value} #>> '{{}}', char_length({text})) = {text}"


def _json(constant: Constant) -> str:
    return (
        str(constant.value) if isinstance(constant.value, Decimal) else json.dumps(constant.value, ensure_ascii=False)
    )
