"""The tree as form fields: `n-0.name` is the field `name` of the row at `n-0`; lists of values repeat their name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from audiences.builder.reading import COUNTS, EVENT_TYPES
from audiences.builder.rows import (
    QUANTIFIERS,
    ROOT,
    UNITS,
    VALUE_TYPES,
    AudienceRow,
    EventRow,
    Group,
    IdentifierRow,
    RawRow,
    Row,
    StepRow,
    ThenFields,
    TraitRow,
    ValueTest,
    WindowFields,
)
from audiences.builder.values import LABELS, as_json, settle

Fields = list[tuple[str, str]]
WINDOWS = ("any", "within", "between", "since", "before")
# What the parser allows; a form that claims more is not ours.
MOST_ROWS = 200
DEEPEST = 16
MOST_PROPERTIES = 50
MOST_VALUES = 1000
LONGEST_SOURCE = 40


def to_fields(group: Group) -> Fields:
    """Every field of the tree, in the order of the page."""
    return _row_fields(group, ROOT)


def from_fields(fields: Mapping[str, list[str]]) -> Group:
    """The tree that was posted. Missing or odd fields become their defaults; nothing raises."""
    row = _Reader(fields).row(ROOT, 0)
    return row if isinstance(row, Group) else Group()


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _row_fields(row: Row, place: str) -> Fields:
    match row:
        case Group():
            found = [
                (f"{place}.kind", "group"),
                (f"{place}.joiner", row.joiner),
                (f"{place}.negated", _flag(row.negated)),
                (f"{place}.implied", _flag(row.is_implied)),
                *([(f"{place}.users", row.users)] if row.users else []),
                *([(f"{place}.look_back", row.look_back)] if row.look_back else []),
                *([(f"{place}.look_back_unit", row.look_back_unit)] if row.look_back else []),
            ]
            for index, child in enumerate(row.children):
                found += _row_fields(child, f"{place}-{index}")
            return found
        case EventRow():
            return [(f"{place}.kind", "event"), (f"{place}.negated", _flag(row.negated)), *_event_fields(row, place)]
        case TraitRow():
            head = [(f"{place}.kind", "trait"), (f"{place}.negated", _flag(row.negated))]
            head += [(f"{place}.source", row.source)] if row.source else []
            return head + _test_fields(row.test, f"{place}.t")
        case AudienceRow():
            values = {"kind": "audience", "audience": row.audience, "member": _flag(row.member)}
        case StepRow():
            values = {"kind": "step", "step": row.step, "member": _flag(row.member)}
        case IdentifierRow():
            values = {"kind": "identifier", "identifier": row.identifier, "exists": _flag(row.exists)}
        case RawRow():
            values = {"kind": "raw", "raw": as_json(row.node)}
    return [(f"{place}.{name}", value) for name, value in values.items()]


def _event_fields(row: EventRow, place: str) -> Fields:
    window = row.window
    values = {
        "type": row.type,
        "name": row.name,
        "count_operator": row.count_operator,
        "count": row.count,
        "window": window.kind,
    }
    if window.kind in {"within", "between"}:
        values |= {"amount": window.amount, "unit": window.unit}
    if window.kind == "between":
        values |= {"end_amount": window.end_amount, "end_unit": window.end_unit}
    if window.kind in {"since", "before"}:
        values["instant"] = window.instant
    found = [(f"{place}.{name}", value) for name, value in values.items()]
    for index, test in enumerate(row.properties):
        found += _test_fields(test, f"{place}.p{index}")
    if row.then is None:
        return found
    then = row.then
    child = {
        "type": then.type,
        "name": then.name,
        "performed": _flag(then.performed),
        "amount": then.amount,
        "unit": then.unit,
    }
    found += [(f"{place}.then.{name}", value) for name, value in child.items()]
    for index, test in enumerate(then.properties):
        found += _test_fields(test, f"{place}.then.p{index}")
    return found


def _test_fields(test: ValueTest, place: str) -> Fields:
    head = {"name": test.name, "operator": test.operator, "value_type": test.value_type, "unit": test.unit}
    return [(f"{place}.{name}", value) for name, value in head.items()] + [
        (f"{place}.value", value) for value in test.values
    ]


class _Reader:
    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self.fields = fields
        self.rows = 0

    def text(self, name: str, default: str = "") -> str:
        values = self.fields.get(name)
        return values[-1] if values else default

    def choice(self, name: str, choices: Any, default: str) -> str:
        value = self.text(name, default)
        return value if value in choices else default

    def row(self, place: str, depth: int) -> Row | None:  # noqa: PLR0911 - one a kind of row
        self.rows += 1
        if self.rows > MOST_ROWS or depth > DEEPEST:
            return None
        negated = self.text(f"{place}.negated") == "1"
        match self.text(f"{place}.kind"):
            case "group":
                return self._group(place, depth, negated)
            case "event":
                return self._event(place, negated)
            case "trait":
                source = self.text(f"{place}.source")[:LONGEST_SOURCE]
                return TraitRow(test=self._test(f"{place}.t"), negated=negated, source=source)
            case "audience":
                member = self.text(f"{place}.member", "1") == "1"
                return AudienceRow(audience=self.text(f"{place}.audience"), member=member)
            case "step":
                member = self.text(f"{place}.member", "1") == "1"
                return StepRow(step=self.text(f"{place}.step"), member=member)
            case "identifier":
                exists = self.text(f"{place}.exists", "1") == "1"
                return IdentifierRow(identifier=self.text(f"{place}.identifier"), exists=exists)
            case "raw":
                try:
                    return RawRow(node=json.loads(self.text(f"{place}.raw", "null")))
                except (ValueError, RecursionError):
                    return RawRow(node=None)
        return None

    def _group(self, place: str, depth: int, negated: bool) -> Group:
        joiner = self.choice(f"{place}.joiner", ("all", "any"), "all")
        group = Group(
            joiner="any" if joiner == "any" else "all",
            negated=negated,
            is_implied=self.text(f"{place}.implied") == "1",
            users=self.choice(f"{place}.users", QUANTIFIERS, ""),
            look_back=self.text(f"{place}.look_back").strip(),
            look_back_unit=self.choice(f"{place}.look_back_unit", UNITS, "days"),
        )
        while (child := self.row(f"{place}-{len(group.children)}", depth + 1)) is not None:
            group.children.append(child)
        return group

    def _event(self, place: str, negated: bool) -> EventRow:
        blank = WindowFields()
        return EventRow(
            type=self.choice(f"{place}.type", EVENT_TYPES, "track"),
            name=self.text(f"{place}.name"),
            negated=negated,
            count_operator=self.choice(f"{place}.count_operator", COUNTS, "gte"),
            count=self.text(f"{place}.count", "1"),
            window=WindowFields(
                kind=self.choice(f"{place}.window", WINDOWS, "any"),
                amount=self.text(f"{place}.amount", blank.amount),
                unit=self.choice(f"{place}.unit", UNITS, blank.unit),
                end_amount=self.text(f"{place}.end_amount", blank.end_amount),
                end_unit=self.choice(f"{place}.end_unit", UNITS, blank.end_unit),
                instant=self.text(f"{place}.instant"),
            ),
            properties=self._tests(place, is_child=False),
            then=self._then(f"{place}.then") if f"{place}.then.name" in self.fields else None,
        )

    def _then(self, place: str) -> ThenFields:
        return ThenFields(
            type=self.choice(f"{place}.type", EVENT_TYPES, "track"),
            name=self.text(f"{place}.name"),
            performed=self.text(f"{place}.performed", "1") == "1",
            amount=self.text(f"{place}.amount", "1"),
            unit=self.choice(f"{place}.unit", UNITS, "days"),
            properties=self._tests(place, is_child=True),
        )

    def _tests(self, place: str, *, is_child: bool) -> list[ValueTest]:
        found: list[ValueTest] = []
        while len(found) < MOST_PROPERTIES and f"{place}.p{len(found)}.name" in self.fields:
            found.append(self._test(f"{place}.p{len(found)}", is_child=is_child))
        return found

    def _test(self, place: str, *, is_child: bool = False) -> ValueTest:
        test = ValueTest(
            name=self.text(f"{place}.name"),
            operator=self.choice(f"{place}.operator", LABELS, "equals"),
            value_type=self.choice(f"{place}.value_type", (*VALUE_TYPES, "date"), "text"),
            values=list(self.fields.get(f"{place}.value", [""]))[:MOST_VALUES] or [""],
            unit=self.choice(f"{place}.unit", UNITS, "days"),
        )
        settle(test, is_child=is_child)
        return test
