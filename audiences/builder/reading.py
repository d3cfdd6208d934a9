"""Definition to rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiences.builder.rows import (
    QUANTIFIERS,
    AudienceRow,
    EventRow,
    Group,
    IdentifierRow,
    RawRow,
    Row,
    StepRow,
    ThenFields,
    TraitRow,
    WindowFields,
)
from audiences.builder.values import NotExpressibleError, duration_of, is_plain, name_of, value_test

COUNTS = ("gte", "eq", "lte", "gt", "lt")
EVENT_TYPES = ("track", "page", "screen")


def rows_of(definition: Any) -> Group:
    """The rows of a definition; nothing is lost: what cannot be said in a row becomes a RawRow.

    What `writing` makes of rows that are not filled in (names "", numbers None) reads back as those rows.
    """
    where = definition.get("where") if isinstance(definition, Mapping) else None
    if where is None:
        return Group()
    row = row_of(where)
    is_outermost = isinstance(row, Group) and not row.negated and not row.users
    group = row if isinstance(row, Group) and is_outermost else Group(is_implied=True, children=[row])
    if "look_back" in definition:
        group.look_back, group.look_back_unit = duration_of(definition["look_back"])
    return group


def row_of(node: Any) -> Row:
    """One condition or group as a row."""
    try:
        return _row_of(node, is_negated=False)
    except NotExpressibleError:
        return RawRow(node=node)


def _row_of(node: Any, *, is_negated: bool) -> Row:  # noqa: PLR0911 - one a kind of row
    if not isinstance(node, dict):
        raise NotExpressibleError
    keys = set(node)
    if len(keys) == 1 and keys <= {"all", "any"}:
        joiner = next(iter(keys))
        if not isinstance(node[joiner], list):
            raise NotExpressibleError
        return Group(
            joiner="any" if joiner == "any" else "all",
            negated=is_negated,
            children=[row_of(child) for child in node[joiner]],
        )
    if keys == {"not"} and not is_negated:
        return _row_of(node["not"], is_negated=True)
    if keys == {"users", "match"}:
        return _users(node, is_negated)
    if "event" in keys:
        return _event(node, is_negated)
    if "trait" in keys:
        return TraitRow(test=value_test(node, "trait"), negated=is_negated)
    if is_negated:
        raise NotExpressibleError
    if keys == {"audience", "member"} and isinstance(node["member"], bool):
        return AudienceRow(audience=name_of(node["audience"]), member=node["member"])
    if keys == {"journey_step", "member"} and isinstance(node["member"], bool):
        return StepRow(step=name_of(node["journey_step"]), member=node["member"])
    if keys == {"identifier", "exists"} and isinstance(node["exists"], bool):
        return IdentifierRow(identifier=name_of(node["identifier"]), exists=node["exists"])
    raise NotExpressibleError


def _users(node: dict[str, Any], is_negated: bool) -> Group:
    if node["users"] not in QUANTIFIERS:
        raise NotExpressibleError
    inner = row_of(node["match"])
    if isinstance(inner, Group) and not inner.negated and not inner.users:
        inner.users, inner.negated = node["users"], is_negated
        return inner
    return Group(users=node["users"], negated=is_negated, is_implied=True, children=[inner])


def _event(node: dict[str, Any], is_negated: bool) -> EventRow:
    if set(node) - {"event", "type", "count", "window", "properties", "then"}:
        raise NotExpressibleError
    kind, name = _named(node)
    row = EventRow(type=kind, name=name, negated=is_negated)
    if "count" in node:
        row.count_operator, row.count = _count(node["count"])
    if "window" in node:
        row.window = _window(node["window"])
    row.properties = [value_test(item, "property") for item in _tests(node)]
    if "then" in node:
        row.then = _then(node["then"])
    return row


def _named(node: dict[str, Any]) -> tuple[str, str]:
    kind = node.get("type", "track")
    if kind not in EVENT_TYPES:
        raise NotExpressibleError
    if node["event"] is None and kind != "track":
        return kind, ""
    return kind, name_of(node["event"])


def _count(raw: Any) -> tuple[str, str]:
    if isinstance(raw, dict) and len(raw) == 1:
        operator, number = next(iter(raw.items()))
        if operator in COUNTS and (number is None or type(number) is int):
            return operator, "" if number is None else str(number)
    raise NotExpressibleError


def _window(raw: Any) -> WindowFields:
    if not isinstance(raw, dict) or len(raw) != 1:
        raise NotExpressibleError
    kind, value = next(iter(raw.items()))
    if kind == "within":
        amount, unit = duration_of(value)
        return WindowFields(kind=kind, amount=amount, unit=unit)
    if kind == "between" and isinstance(value, dict) and set(value) == {"from", "to"}:
        (amount, unit), (end_amount, end_unit) = duration_of(value["from"]), duration_of(value["to"])
        return WindowFields(kind=kind, amount=amount, unit=unit, end_amount=end_amount, end_unit=end_unit)
    if kind in {"since", "before"} and (value is None or is_plain(value)):
        return WindowFields(kind=kind, instant=value or "")
    raise NotExpressibleError


def _tests(node: dict[str, Any]) -> list[dict[str, Any]]:
    items = node.get("properties", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise NotExpressibleError
    return items


def _then(raw: Any) -> ThenFields:
    if not isinstance(raw, dict) or set(raw) - {"event", "type", "performed", "within", "properties"}:
        raise NotExpressibleError
    if not {"event", "performed", "within"} <= set(raw) or not isinstance(raw["performed"], bool):
        raise NotExpressibleError
    kind, name = _named(raw)
    amount, unit = duration_of(raw["within"])
    tests = [value_test(item, "property", is_child=True) for item in _tests(raw)]
    return ThenFields(type=kind, name=name, performed=raw["performed"], amount=amount, unit=unit, properties=tests)
