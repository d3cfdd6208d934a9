"""Form and definition: nothing is lost either way, and problems are at their fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.builder.fields import from_fields, to_fields
from audiences.builder.operations import UnknownOperationError, apply
from audiences.builder.reading import rows_of
from audiences.builder.rows import AudienceRow, EventRow, Group, RawRow, Row, TraitRow
from audiences.builder.writing import written
from audiences.tests.strategies_conditions import definitions
from engine import conditions


def through_the_form(definition: Any) -> Any:
    """Definition -> rows -> fields as a browser posts them -> rows -> definition."""
    posted: dict[str, list[str]] = {}
    for name, value in to_fields(rows_of(definition)):
        posted.setdefault(name, []).append(value)
    return written(from_fields(posted), collection=definition["collection"]).definition


def has_raw(row: Row) -> bool:
    return any(has_raw(child) for child in row.children) if isinstance(row, Group) else isinstance(row, RawRow)


def users(where: Any) -> dict[str, Any]:
    return {"version": 1, "collection": "users", "where": where}


stored = definitions.map(lambda definition: json.loads(json.dumps(definition, default=float)))


@settings(deadline=None, max_examples=300)
@given(stored)
def test_any_definition_means_the_same_after_the_form(definition: dict[str, Any]) -> None:
    assert conditions.parse(through_the_form(definition)) == conditions.parse(definition)


names = st.sampled_from(["Order Completed", "A", "x.b", "Ж é"])
texts = st.sampled_from(["a", " padded ", "ünï", "5", "true", "a,b"])
numbers = st.one_of(st.integers(-10_000, 10_000), st.floats(allow_nan=False, allow_infinity=False))
durations = st.builds(
    lambda unit, n: {unit: n}, st.sampled_from(["minutes", "hours", "days", "weeks"]), st.integers(1, 99)
)
instants = st.sampled_from(["2026-03-28T01:30:00Z", "2026-03-28T01:30+0100", "2026-03-28T01:30:00.5Z"])
scalars = st.one_of(texts, numbers, st.booleans())
lists = st.one_of(st.lists(texts, min_size=1, max_size=3), st.lists(numbers, min_size=1, max_size=3))


def value_tests(key: str, *, is_child: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    reference = names.map(lambda name: {"trait": name})
    if is_child:
        reference = st.one_of(reference, names.map(lambda name: {"parent_property": name}))
    operands = st.one_of(
        st.tuples(st.sampled_from(["equals", "not_equals", "contains", "not_contains"]), st.one_of(scalars, reference)),
        st.tuples(st.sampled_from(["any_of", "contains_any_of"]), st.one_of(lists, reference)),
        st.tuples(st.sampled_from(["less_than", "greater_or_equal"]), st.one_of(numbers, reference)),
        st.tuples(st.sampled_from(["starts_with", "ends_with"]), st.one_of(texts, reference)),
        st.tuples(st.just("exists"), st.booleans()),
        st.tuples(st.sampled_from(["before_date", "after_date"]), st.one_of(instants, reference)),
        *([] if is_child else [st.tuples(st.sampled_from(["within_last", "after_next"]), durations)]),
    )
    return st.tuples(names, operands).map(lambda pair: {key: pair[0], pair[1][0]: pair[1][1]})


kinds = st.one_of(
    names.map(lambda name: {"event": name}),
    st.tuples(st.one_of(names, st.none()), st.sampled_from(["page", "screen"])).map(
        lambda pair: {"event": pair[0], "type": pair[1]}
    ),
)
counts = st.one_of(
    st.tuples(st.sampled_from(["gte", "lt"]), st.integers(2, 9)), st.tuples(st.just("eq"), st.integers(0, 9))
).map(lambda pair: {"count": {pair[0]: pair[1]}})
windows = st.one_of(
    durations.map(lambda duration: {"within": duration}),
    st.just({"between": {"from": {"days": 30}, "to": {"hours": 12}}}),
    instants.map(lambda instant: {"since": instant}),
    instants.map(lambda instant: {"before": instant}),
).map(lambda window: {"window": window})
properties = st.lists(value_tests("property"), min_size=1, max_size=2).map(lambda tests: {"properties": tests})
children = st.builds(
    lambda kind, performed, within, tests: {**kind, "performed": performed, "within": within, **tests},
    kinds,
    st.booleans(),
    durations,
    st.one_of(
        st.just({}),
        st.lists(value_tests("property", is_child=True), min_size=1, max_size=2).map(
            lambda tests: {"properties": tests}
        ),
    ),
).map(lambda child: {"then": child})
absent: st.SearchStrategy[dict[str, Any]] = st.just({})
events = st.builds(
    lambda *parts: {key: value for part in parts for key, value in part.items()},
    kinds,
    st.one_of(absent, counts),
    st.one_of(absent, windows),
    st.one_of(absent, properties),
    st.one_of(absent, children),
)
negatable = st.one_of(events, value_tests("trait"))
leaves = st.one_of(
    negatable,
    negatable.map(lambda node: {"not": node}),
    st.builds(lambda member: {"audience": "vip", "member": member}, st.booleans()),
    st.builds(lambda exists: {"identifier": "email", "exists": exists}, st.booleans()),
)


def grouped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    groups = st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)).map(
        lambda pair: {pair[0]: pair[1]}
    )
    return st.one_of(groups, groups.map(lambda group: {"not": group}))


expressible = st.recursive(leaves, grouped, max_leaves=6).map(users)


@settings(deadline=None, max_examples=300)
@given(expressible)
def test_a_definition_that_the_form_can_say_comes_back_identical(definition: dict[str, Any]) -> None:
    rows = rows_of(definition)

    assert not has_raw(rows)
    assert json.dumps(through_the_form(definition), sort_keys=True) == json.dumps(definition, sort_keys=True)


@pytest.mark.parametrize(
    "node",
    [
        {"not": {"not": {"event": "A"}}},
        {"event": "A", "properties": [{"property": "x", "any_of": ["a", 1]}]},
        {"event": "two\nlines"},
        {"trait": "x", "equals": ""},
        {"not": {"audience": "vip", "member": True}},
    ],
)
def test_what_the_form_has_no_words_for_is_kept_untouched(node: dict[str, Any]) -> None:
    definition = users({"all": [{"event": "B"}, node]})

    rows = rows_of(definition)

    assert rows.children[1] == RawRow(node=node)
    assert through_the_form(definition) == definition


def test_all_problems_are_found_at_once_and_at_their_fields() -> None:
    rows = rows_of(
        users({"all": [{"event": "A", "window": {"within": {"days": 1}}}, {"trait": "plan", "less_than": 3}]})
    )
    event, trait = rows.children
    assert isinstance(event, EventRow)
    assert isinstance(trait, TraitRow)
    event.name, event.count, event.window.amount = "", "many", "0"
    trait.test.values = ["much"]
    apply(rows, "add_property:n-0")
    apply(rows, "add:n:audience")
    result = written(rows)

    with pytest.raises(conditions.ConditionError) as caught:
        conditions.parse(result.definition)
    found = {problem.field: problem.code for problem in result.located(caught.value.problems)}

    assert found == {
        "n-0.name": "required",
        "n-0.count": "invalid_number",
        "n-0.amount": "invalid_duration",
        "n-0.p0.name": "required",
        "n-0.p0.value": "required",
        "n-1.t.value": "invalid_number",
        "n-2.audience": "required",
    }


def test_an_empty_group_is_reported_at_the_group() -> None:
    rows = rows_of(users({"all": [{"any": [{"event": "A"}]}]}))
    apply(rows, "remove:n-0-0")
    result = written(rows)

    with pytest.raises(conditions.ConditionError) as caught:
        conditions.parse(result.definition)

    assert [problem.field for problem in result.located(caught.value.problems)] == ["n-0.row"]


def three() -> Group:
    return rows_of(users({"all": [{"event": "A"}, {"event": "B"}, {"audience": "vip", "member": True}]}))


@pytest.mark.parametrize(
    ("op", "focus", "where"),
    [
        ("up:n-1", "n-0.row", {"all": ["B", "A", "vip"]}),
        ("down:n-2", "n-2.row", {"all": ["A", "B", "vip"]}),
        ("duplicate:n-0", "n-1.row", {"all": ["A", "A", "B", "vip"]}),
        ("remove:n-2", "n-1.row", {"all": ["A", "B"]}),
        ("wrap:n-0", "n-0-0.row", {"all": [{"any": ["A"]}, "B", "vip"]}),
        ("join:n", "n.joiner", {"any": ["A", "B", "vip"]}),
        ("add:n:event", "n-3.name", {"all": ["A", "B", "vip", ""]}),
        ("add:n:group", "n-3-0.name", {"all": ["A", "B", "vip", {"any": [""]}]}),
    ],
)
def test_a_button_changes_the_tree_and_says_where_the_focus_goes(op: str, focus: str, where: Any) -> None:
    rows = three()

    assert apply(rows, op) == focus
    assert _names(rows) == where


def _names(row: Row) -> Any:
    if isinstance(row, Group):
        return {row.joiner: [_names(child) for child in row.children]}
    return row.audience if isinstance(row, AudienceRow) else row.name if isinstance(row, EventRow) else None


def test_a_group_is_dissolved_into_its_rows() -> None:
    rows = rows_of(users({"all": [{"any": [{"event": "A"}, {"event": "B"}]}, {"event": "C"}]}))

    apply(rows, "unwrap:n-0")

    assert _names(rows) == {"all": ["A", "B", "C"]}


@pytest.mark.parametrize(
    "op",
    [
        "",
        "remove:n",
        "remove:n-9",
        "add:n-0:event",
        "add:n:thing",
        "join:n-0",
        "up:x",
        "remove_property:n-0:p0",
        "add_value:n-2:t",
    ],
)
def test_an_op_without_a_place_changes_nothing(op: str) -> None:
    rows = three()

    with pytest.raises(UnknownOperationError):
        apply(rows, op)

    assert rows == three()


def test_a_form_of_nothing_is_an_empty_group() -> None:
    assert from_fields({}) == Group()
    assert from_fields({"n.kind": ["event"]}) == Group()
    assert from_fields({"n.kind": ["group"], "n-0.kind": ["raw"], "n-0.raw": ["{"]}) == Group(
        children=[RawRow(node=None)]
    )
