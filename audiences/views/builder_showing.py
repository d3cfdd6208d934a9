"""The builder's rows as its templates show them: every control with its name, choices and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audiences.builder.fields import to_fields
from audiences.builder.rows import (
    ROOT,
    UNITS,
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
)
from audiences.builder.values import (
    LABELS,
    MISSING,
    PICKER_INSTANT,
    TYPE_LABELS,
    as_json,
    instant_text,
    value_types,
)
from audiences.builder.writing import FieldProblem
from audiences.views.builder_offered import Addable, Choices, Offered
from engine import conditions
from engine.conditions.describing import sentence_of
from engine.conditions.operators import DATES, LISTS, RELATIVE_DATES

COUNTS: Choices = [
    ("gte", "at least"), ("eq", "exactly"), ("lte", "at most"), ("gt", "more than"), ("lt", "fewer than"),
]  # fmt: skip
WINDOWS: Choices = [
    ("any", "any time"), ("within", "within the last"), ("between", "between"), ("since", "since"),
    ("before", "before"),
]  # fmt: skip
UNIT_CHOICES: Choices = [(unit, unit) for unit in UNITS]
PART_LABELS = {
    "name": "event", "count": "count", "amount": "time", "end_amount": "time", "instant": "date", "value": "value",
    "operator": "operator", "audience": "audience", "step": "step", "identifier": "identifier", "users": "users",
    "look_back": "look back",
}  # fmt: skip
QUANTIFIERS: Choices = [
    ("any", "any of the users"), ("all", "all of the users"), ("none", "none of the users"),
]  # fmt: skip


@dataclass(kw_only=True)
class Shown:
    """Something with a place: `errors` by the field's last name, such as `{"name": "Give an event name."}`."""

    place: str
    errors: dict[str, str]


@dataclass(kw_only=True)
class ShownTest(Shown):
    """`control`: none, duration, date, instant, boolean, number, text, trait or parent. `what` names it in ops."""

    test: ValueTest
    row_place: str
    what: str
    control: str
    operators: Choices
    types: Choices
    is_list: bool
    suggest_name: dict[str, str]
    suggest_value: dict[str, str]
    suggest_parent: dict[str, str] = field(default_factory=dict)
    trait_label: str = "trait"
    offers_sources: bool = False

    @property
    def name_params(self) -> str:
        return as_json(self.suggest_name)

    @property
    def value_params(self) -> str:
        return as_json(self.suggest_value | {"path": self.test.name})

    @property
    def parent_params(self) -> str:
        return as_json(self.suggest_parent)

    @property
    def picker_value(self) -> str:
        """The instant as a date picker takes it."""
        return instant_text(self.test.value).removesuffix("Z")


@dataclass(kw_only=True)
class ShownThen(Shown):
    then: ThenFields
    tests: list[ShownTest]

    @property
    def name_params(self) -> str:
        return as_json({"type": self.then.type})


@dataclass(kw_only=True)
class ShownRow(Shown):
    """A row: `kind` as in its field, `children` of a group, `choices` of audiences or steps.

    `unlisted` is the name of what is referred to and is no choice. `collection` is of those who are asked: inside of a
    group about the users of accounts, users.
    """

    kind: str
    row: Row
    number: int
    depth: int
    can_move_up: bool
    can_move_down: bool
    parent: str
    parent_joiner: str
    label: str
    tests: list[ShownTest] = field(default_factory=list)
    then: ShownThen | None = None
    children: list[ShownRow] = field(default_factory=list)
    raw: str = ""
    unlisted: str = ""
    collection: str = "users"
    choices: Choices = field(default_factory=list)
    addable: Addable = field(default_factory=list)

    @property
    def is_nested_deep(self) -> bool:
        return self.depth > 1

    @property
    def name_params(self) -> str:
        return as_json({"type": self.row.type}) if isinstance(self.row, EventRow) else "{}"

    @property
    def has_picker(self) -> bool:
        """Whether the window's instant is one that a date picker can show without losing anything."""
        return isinstance(self.row, EventRow) and _fits_picker(self.row.window.instant)

    @property
    def picker_value(self) -> str:
        return instant_text(self.row.window.instant).removesuffix("Z") if isinstance(self.row, EventRow) else ""


@dataclass(frozen=True, kw_only=True)
class ShownProblem:
    """A line of the summary: `label` says in words where the problem is."""

    field: str
    label: str
    path: str
    detail: str


def shown_problems(group: Group, problems: Iterable[FieldProblem]) -> list[ShownProblem]:
    """The problems in the order of the page."""
    order = {name: index for index, (name, _) in enumerate(to_fields(group))}

    def position(problem: FieldProblem) -> int:
        name = problem.field
        return order.get(name, order.get(f"{name.removesuffix('.row')}.kind", len(order)))

    return [
        ShownProblem(field=each.field, label=_label_of(each.field), path=each.path, detail=each.detail)
        for each in sorted(problems, key=position)
    ]


def _label_of(name: str) -> str:
    place, _, rest = name.partition(".")
    numbers = ".".join(str(int(step) + 1) for step in place.split("-")[1:] if step.isdigit())
    what = PART_LABELS.get(rest.rpartition(".")[2], "")
    if rest.endswith(".name") and "then.name" not in rest:
        what = "trait" if rest.startswith("t.") else "property"
    return ", ".join(filter(None, [f"Condition {numbers}" if numbers else "Definition", what]))


def shown_rows(
    group: Group,
    problems: Iterable[FieldProblem],
    *,
    collection: str,
    offered: Offered,
) -> ShownRow:
    """The whole tree for the templates."""
    by_field: dict[str, str] = {}
    for problem in problems:
        by_field[problem.field] = " ".join(filter(None, [by_field.get(problem.field), problem.detail]))
    shower = _Shower(by_field, offered)
    return shower.row(group, ROOT, number=1, depth=0, siblings=1, parent=None, collection=collection)


class _Shower:
    def __init__(self, problems: Mapping[str, str], offered: Offered) -> None:
        self.problems = problems
        self.offered = offered

    def errors(self, place: str) -> dict[str, str]:
        start = f"{place}."
        return {name.removeprefix(start): text for name, text in self.problems.items() if name.startswith(start)}

    def row(
        self,
        row: Row,
        place: str,
        *,
        number: int,
        depth: int,
        siblings: int,
        parent: tuple[str, Group] | None,
        collection: str,
    ) -> ShownRow:
        shown = ShownRow(
            place=place,
            errors=self.errors(place),
            kind=_kind(row),
            row=row,
            number=number,
            depth=depth,
            can_move_up=number > 1 or depth > 1,
            can_move_down=number < siblings or depth > 1,
            collection=collection,
            parent=parent[0] if parent else "",
            parent_joiner=parent[1].joiner if parent else "all",
            label=_label_of(f"{place}.row").replace("Condition", "Group" if isinstance(row, Group) else "Condition"),
        )
        match row:
            case Group():
                inner = "users" if row.users else collection
                shown.addable = self.offered.addable(inner)
                shown.children = [
                    self.row(
                        child,
                        f"{place}-{index}",
                        number=index + 1,
                        depth=depth + 1,
                        siblings=len(row.children),
                        parent=(place, row),
                        collection=inner,
                    )
                    for index, child in enumerate(row.children)
                ]
            case EventRow():
                event = {"type": row.type, "event": row.name}
                shown.tests = [
                    self.test(test, place, f"p{index}", event, {}) for index, test in enumerate(row.properties)
                ]
                shown.then = self.then(row.then, place, event) if row.then else None
            case TraitRow():
                shown.tests = [self.trait_test(row, place, collection)]
            case AudienceRow():
                shown.choices = list(self.offered.audiences.get(collection, ()))
                if row.audience and row.audience not in dict(shown.choices):
                    shown.unlisted = self.offered.names.get(row.audience, row.audience)
            case StepRow():
                shown.choices = list(self.offered.steps)
                if row.step and row.step not in dict(shown.choices):
                    shown.unlisted = row.step
            case RawRow():
                shown.raw = as_json(row.node)
                shown.label = _sentence(row.node)
        return shown

    def trait_test(self, row: TraitRow, place: str, collection: str) -> ShownTest:
        """The test of a trait; where there are others than custom traits, they are offered by their kinds."""
        shown = self.test(row.test, place, "t", {"collection": collection}, {})
        kind = self.offered.kind_of.get(row.test.name, row.source)
        shown.trait_label = dict(self.offered.trait_kinds).get(kind, "trait")
        if collection == "users" and row.source and self.offered.trait_kinds:
            shown.offers_sources = True
            shown.suggest_name = {"kind": row.source}
        elif collection == "users" and self.offered.trait_kinds and not row.test.name:
            shown.offers_sources = True
            shown.suggest_name = {"kind": "custom"}
        elif collection == "users" and self.offered.trait_kinds:
            shown.offers_sources = True
            shown.suggest_name = {}
        return shown

    def then(self, then: ThenFields, place: str, parent: dict[str, str]) -> ShownThen:
        event = {"type": then.type, "event": then.name}
        tests = [self.test(test, place, f"then.p{index}", event, parent) for index, test in enumerate(then.properties)]
        return ShownThen(place=f"{place}.then", errors=self.errors(f"{place}.then"), then=then, tests=tests)

    def test(self, test: ValueTest, place: str, what: str, about: dict[str, str], parent: dict[str, str]) -> ShownTest:
        is_child, is_trait = what.startswith("then."), what == "t"
        types = value_types(test.operator, is_child=is_child)
        operators = [(name, label) for name, label in LABELS.items() if not (is_child and name in RELATIVE_DATES)]
        return ShownTest(
            place=f"{place}.{what}",
            errors=self.errors(f"{place}.{what}"),
            test=test,
            row_place=place,
            what=what,
            control=_control(test),
            operators=operators,
            types=[(name, "date" if name == "date" else TYPE_LABELS[name]) for name in types],
            is_list=test.operator in LISTS and test.value_type not in {"trait", "parent"},
            suggest_name={"kind": "trait" if is_trait else "property", **about},
            suggest_value={"kind": "value", **about},
            suggest_parent={"kind": "property", **parent},
        )


def _kind(row: Row) -> str:
    return {
        Group: "group", EventRow: "event", TraitRow: "trait", AudienceRow: "audience", StepRow: "step",
        IdentifierRow: "identifier", RawRow: "raw",
    }[type(row)]  # fmt: skip


def _control(test: ValueTest) -> str:
    if test.operator in {"exists", MISSING}:
        return "none"
    if test.operator in RELATIVE_DATES:
        return "duration"
    if test.operator in DATES and test.value_type not in {"trait", "parent"}:
        return "date" if _fits_picker(test.value) else "instant"
    return test.value_type


def _fits_picker(text: str) -> bool:
    return not text.strip() or PICKER_INSTANT.fullmatch(instant_text(text)) is not None


def _sentence(node: Any) -> str:
    """A condition kept from the API in words; when it is not even valid, its JSON."""
    try:
        condition = conditions.parse({"version": 1, "collection": "users", "where": node})
    except conditions.ConditionError:
        return as_json(node)[:500]
    text = sentence_of(condition.where)
    return text[:1].upper() + text[1:]
