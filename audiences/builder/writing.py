"""Rows to definition, remembering which field each part of it came from, so that problems are shown where they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from audiences.builder.rows import (
    ROOT,
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
from audiences.builder.values import MISSING, instant_text, number_of, whole_number
from engine.conditions.operators import DATES, LISTS, RELATIVE_DATES


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """What is wrong at a form field; `field` "" is the definition as a whole."""

    field: str
    path: str
    code: str
    detail: str


@dataclass(kw_only=True)
class Written:
    """`definition` as far as the rows say it; `places` maps JSON pointers to field names."""

    definition: dict[str, Any]
    places: dict[str, str] = field(default_factory=dict)
    problems: list[FieldProblem] = field(default_factory=list)

    def field_at(self, path: str) -> str:
        """The field of a JSON pointer: of itself or of what is around it; "" when there is none."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition("/")[0]
        return ""

    def located(self, found: Iterable[Any]) -> list[FieldProblem]:
        """Problems of the parser (path, code, detail) at their fields, after those found here.

        What was found here hides what the parser says of the same field: it saw only a placeholder there.
        """
        known = {problem.field for problem in self.problems}
        others = [
            FieldProblem(field=self.field_at(each.path), path=each.path, code=each.code, detail=each.detail)
            for each in found
        ]
        return [*self.problems, *(each for each in others if not each.field or each.field not in known)]


def written(group: Group, *, collection: str = "users") -> Written:
    """The definition of the rows. Incomplete rows give incomplete JSON, which the parser refuses at its place."""
    result = Written(definition={"version": 1, "collection": collection})
    writer = _Writer(result)
    if group.look_back.strip():
        result.definition["look_back"] = writer.duration(
            group.look_back, group.look_back_unit, "/look_back", f"{ROOT}.look_back"
        )
    if group.is_implied and len(group.children) == 1 and not group.negated and not group.users:
        result.definition["where"] = writer.row(group.children[0], f"{ROOT}-0", "/where")
    else:
        result.definition["where"] = writer.row(group, ROOT, "/where")
    return result


def audience_fields(row: Row, place: str = ROOT) -> dict[str, str]:
    """The field of each audience that the rows name."""
    if isinstance(row, Group):
        inside = [audience_fields(child, f"{place}-{index}") for index, child in enumerate(row.children)]
        return {name: found for fields in inside for name, found in fields.items()}
    return {row.audience.strip(): f"{place}.audience"} if isinstance(row, AudienceRow) else {}


class _Writer:
    def __init__(self, result: Written) -> None:
        self.result = result

    def at(self, path: str, name: str) -> None:
        self.result.places[path] = name

    def problem(self, path: str, name: str, code: str, detail: str) -> None:
        self.result.problems.append(FieldProblem(field=name, path=path, code=code, detail=detail))

    def row(self, row: Row, place: str, path: str) -> dict[str, Any]:
        if isinstance(row, Group | EventRow | TraitRow) and row.negated:
            self.at(path, f"{place}.row")
            return {"not": self._plain(row, place, f"{path}/not")}
        return self._plain(row, place, path)

    def _plain(  # noqa: PLR0911 - one a kind of row
        self, row: Row, place: str, path: str
    ) -> dict[str, Any]:
        self.at(path, f"{place}.row")
        match row:
            case Group() if row.users:
                self.at(f"{path}/users", f"{place}.users")
                return {"users": row.users, "match": self._match(row, place, f"{path}/match")}
            case Group():
                return self._joined(row, place, path)
            case EventRow():
                return self._event(row, place, path)
            case TraitRow():
                return self._test(row.test, "trait", f"{place}.t", path)
            case AudienceRow():
                self.at(f"{path}/audience", f"{place}.audience")
                return {"audience": row.audience.strip(), "member": row.member}
            case StepRow():
                self.at(f"{path}/journey_step", f"{place}.step")
                return {"journey_step": row.step.strip(), "member": row.member}
            case IdentifierRow():
                self.at(f"{path}/identifier", f"{place}.identifier")
                return {"identifier": row.identifier.strip(), "exists": row.exists}
            case RawRow():
                return row.node  # type: ignore[no-any-return]

    def _joined(self, group: Group, place: str, path: str) -> dict[str, Any]:
        inside = [
            self.row(child, f"{place}-{index}", f"{path}/{group.joiner}/{index}")
            for index, child in enumerate(group.children)
        ]
        return {group.joiner: inside}

    def _match(self, group: Group, place: str, path: str) -> dict[str, Any]:
        """What is asked of the users."""
        if group.is_implied and len(group.children) == 1:
            return self.row(group.children[0], f"{place}-0", path)
        self.at(path, f"{place}.row")
        return self._joined(group, place, path)

    def _event(self, row: EventRow, place: str, path: str) -> dict[str, Any]:
        node = self._named(row.type, row.name, place, path)
        count = self._whole(row.count, f"{path}/count", f"{place}.count", "Write how many times, as a whole number.")
        if (row.count_operator, count) != ("gte", 1):
            node["count"] = {row.count_operator: count}
        if row.window.kind != "any":
            node["window"] = self._window(row.window, place, f"{path}/window")
        if row.properties:
            node["properties"] = self._tests(row.properties, place, path)
        if row.then is not None:
            node["then"] = self._then(row.then, f"{place}.then", f"{path}/then")
        return node

    def _named(self, kind: str, name: str, place: str, path: str) -> dict[str, Any]:
        self.at(f"{path}/event", f"{place}.name")
        name = name.strip()
        if kind == "track":
            return {"event": name}
        return {"event": name or None, "type": kind}

    def _tests(self, tests: list[ValueTest], place: str, path: str) -> list[dict[str, Any]]:
        return [
            self._test(test, "property", f"{place}.p{index}", f"{path}/properties/{index}")
            for index, test in enumerate(tests)
        ]

    def _then(self, then: ThenFields, place: str, path: str) -> dict[str, Any]:
        self.at(path, f"{place}.name")
        node = self._named(then.type, then.name, place, path)
        node["performed"] = then.performed
        node["within"] = self.duration(then.amount, then.unit, f"{path}/within", f"{place}.amount")
        if then.properties:
            node["properties"] = self._tests(then.properties, place, path)
        return node

    def _window(self, window: WindowFields, place: str, path: str) -> dict[str, Any]:
        self.at(path, f"{place}.amount" if window.kind in {"within", "between"} else f"{place}.instant")
        if window.kind == "within":
            return {"within": self.duration(window.amount, window.unit, f"{path}/within", f"{place}.amount")}
        if window.kind == "between":
            start = self.duration(window.amount, window.unit, f"{path}/between/from", f"{place}.amount")
            end = self.duration(window.end_amount, window.end_unit, f"{path}/between/to", f"{place}.end_amount")
            return {"between": {"from": start, "to": end}}
        return {window.kind: self._instant(window.instant, f"{path}/{window.kind}", f"{place}.instant")}

    def _test(self, test: ValueTest, key: str, place: str, path: str) -> dict[str, Any]:
        # a trait row is its own node: the row keeps the pointer that `row` gave it
        self.result.places.setdefault(path, f"{place}.name")
        self.at(f"{path}/{key}", f"{place}.name")
        node: dict[str, Any] = {key: test.name.strip()}
        if test.operator in {"exists", MISSING}:
            node["exists"] = test.operator == "exists"
            return node
        node[test.operator] = self._operand(test, place, f"{path}/{test.operator}")
        return node

    def _operand(self, test: ValueTest, place: str, path: str) -> Any:
        name = f"{place}.value"
        self.at(path, name)
        if test.operator in RELATIVE_DATES:
            return self.duration(test.value, test.unit, path, name)
        if test.value_type in {"trait", "parent"}:
            if not test.value.strip():
                what = "trait" if test.value_type == "trait" else "property"
                self.problem(path, name, "required", f"Choose the {what} to compare with.")
            return {"trait" if test.value_type == "trait" else "parent_property": test.value.strip()}
        if test.operator in DATES:
            return self._instant(test.value, path, name)
        if test.operator in LISTS:
            values = [value for value in test.values if value.strip()]
            if not values:
                self.problem(path, name, "required", "Give at least one value.")
            return [self._scalar(value, test.value_type, path, name) for value in values]
        return self._scalar(test.value, test.value_type, path, name)

    def _scalar(self, text: str, kind: str, path: str, name: str) -> Any:
        if not text.strip():
            self.problem(path, name, "required", "Give a value.")
            return None
        if kind == "boolean":
            return text == "true"
        if kind == "number":
            number = number_of(text)
            if number is None:
                self.problem(path, name, "invalid_number", f"“{text[:40]}” is not a number; write it like 1200.50.")
            return number
        return text

    def _instant(self, text: str, path: str, name: str) -> str | None:
        self.at(path, name)
        if not text.strip():
            self.problem(path, name, "required", "Choose a date and time.")
            return None
        return instant_text(text)

    def duration(self, amount: str, unit: str, path: str, name: str) -> dict[str, int | None]:
        self.at(path, name)
        return {unit: self._whole(amount, path, name, "Use a whole number from 1, at most 100 years.")}

    def _whole(self, text: str, path: str, name: str, detail: str) -> int | None:
        self.at(path, name)
        number = whole_number(text)
        if number is None:
            self.problem(path, name, "invalid_number", detail)
        return number
