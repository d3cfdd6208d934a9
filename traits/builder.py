"""A trait as the builder's form has it: fields to definition and back, problems at the fields they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from audiences.builder.fields import from_fields, to_fields
from audiences.builder.reading import rows_of
from audiences.builder.rows import EventRow, Group, RawRow, WindowFields
from audiences.builder.values import whole_number
from audiences.builder.writing import FieldProblem, Written, written
from common.errors import FieldError
from engine.traits import KINDS
from engine.traits.definition import AGGREGATES, LOWEST_MINIMUM
from engine.traits.predictions import KIND as PREDICTION
from engine.traits.predictions import PEOPLE, SCORES

ROW = "n-0"
OWN_FIELDS = {"/property": "value", "/user_trait": "value", "/aggregate": "aggregate", "/minimum": "minimum",
              "/kind": "kind", "/collection": "collection", "/horizon": "horizon", "/people": "people",
              "/score": "score"}  # fmt: skip
LABELS = {"value": "Value", "aggregate": "Calculation", "minimum": "Minimum", "kind": "Type", "collection": "Trait of",
          "horizon": "Days", "people": "People", "score": "Value"}  # fmt: skip


@dataclass(kw_only=True)
class TraitFields:
    """The texts of the form. `fields` are those of the event row, `reads_users` that `value` is a trait of users.

    `horizon` (days), `people` and `score` are those of a prediction.
    """

    kind: str = "event_counter"
    collection: str = "users"
    aggregate: str = "sum"
    minimum: str = str(LOWEST_MINIMUM)
    value: str = ""
    reads_users: bool = False
    horizon: str = "30"
    people: str = "everyone"
    score: str = "probability"
    fields: list[tuple[str, str]] = field(default_factory=list)

    @property
    def rows(self) -> Group:
        posted: dict[str, list[str]] = {}
        for name, value in self.fields:
            posted.setdefault(name, []).append(value)
        group = from_fields(posted)
        return group if group.children else Group(is_implied=True, children=[EventRow()])

    @rows.setter
    def rows(self, group: Group) -> None:
        self.fields = to_fields(group)

    @property
    def is_expressible(self) -> bool:
        """Whether the form has words for the event; else it is kept as it came through the API."""
        return not isinstance(self.rows.children[0], RawRow)

    def take(self, posted: Mapping[str, list[str]], *, is_new: bool) -> None:
        """The form as it was posted; the type of a trait is chosen once."""

        def text(name: str, default: str) -> str:
            return posted[name][-1] if posted.get(name) else default

        if is_new:
            kind, collection = text("kind", self.kind), text("collection", self.collection)
            self.kind = kind if kind in KINDS else self.kind
            self.collection = collection if collection in ("users", "accounts") else self.collection
        if self.kind == PREDICTION:
            self._take_prediction(text)
        aggregate = text("aggregate", self.aggregate)
        self.aggregate = aggregate if aggregate in AGGREGATES else self.aggregate
        self.minimum = text("minimum", self.minimum)
        self.value = text("value", self.value)
        self.reads_users = text("reads_users", "0") == "1" and self.collection == "accounts"
        if f"{ROW}.kind" in posted:
            group = from_fields(dict(posted))
            group.children = group.children[:1]
            group.is_implied = True
            for row in group.children:
                if isinstance(row, EventRow):
                    row.negated, row.count_operator, row.count = False, "gte", "1"
                    if self.kind == PREDICTION:
                        row.window, row.then = WindowFields(), None
            self.rows = group

    def _take_prediction(self, text: Callable[[str, str], str]) -> None:
        self.collection = "users"
        self.horizon = text("horizon", self.horizon)
        people, score = text("people", self.people), text("score", self.score)
        self.people = people if people in PEOPLE else self.people
        self.score = score if score in SCORES else self.score


def fields_of(definition: Mapping[str, Any]) -> TraitFields:
    """The form of a stored definition."""
    found = TraitFields(
        kind=definition["kind"],
        collection=definition["collection"],
        aggregate=definition.get("aggregate", "sum"),
        minimum=str(definition.get("minimum", LOWEST_MINIMUM)),
        value=definition.get("user_trait") or definition.get("property") or "",
        reads_users="user_trait" in definition,
        horizon=str(definition.get("horizon", {}).get("days", 30)),
        people=definition.get("people", "everyone"),
        score=definition.get("score", "probability"),
    )
    found.rows = rows_of({"where": definition["event"]})
    return found


def definition_of(fields: TraitFields) -> dict[str, Any]:
    """The definition as the form says it, complete or not."""
    return _write(fields)[0]


def _write(fields: TraitFields) -> tuple[dict[str, Any], Written, list[FieldProblem]]:
    result = written(fields.rows)
    kind = KINDS[fields.kind]
    definition: dict[str, Any] = {
        "version": 1,
        "collection": fields.collection,
        "kind": fields.kind,
        "event": result.definition["where"],
    }
    problems: list[FieldProblem] = []
    if kind.reads_property:
        definition["user_trait" if fields.reads_users else "property"] = fields.value.strip()
    if "aggregate" in kind.keys:
        definition["aggregate"] = fields.aggregate
    if kind.name == PREDICTION:
        days = whole_number(fields.horizon)
        definition |= {"horizon": {"days": days}, "people": fields.people, "score": fields.score}
    if "minimum" in kind.keys:
        minimum = whole_number(fields.minimum)
        if minimum is None:
            detail = "Write how many times at least, as a whole number."
            problems.append(FieldProblem(field="minimum", path="/minimum", code="invalid_minimum", detail=detail))
        elif minimum != LOWEST_MINIMUM:
            definition["minimum"] = minimum
    return definition, result, problems


def located(fields: TraitFields, errors: Iterable[FieldError]) -> list[FieldProblem]:
    """What is wrong, each at its field: what the form cannot read, and what the parser says of the rest."""
    _, result, problems = _write(fields)
    own, inner = list(problems), []
    for error in errors:
        if error.path.startswith("/event"):
            inner.append(replace(error, path=f"/where{error.path.removeprefix('/event')}"))
        elif not any(problem.path == error.path for problem in problems):
            name = OWN_FIELDS.get(error.path, "")
            own.append(FieldProblem(field=name, path=error.path, code=error.code, detail=error.detail))
    return result.located(inner) + own
