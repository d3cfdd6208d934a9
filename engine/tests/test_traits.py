"""Computed traits in memory: each kind on a small history, windows, ties, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from engine.conditions import EventRecord, Options, ProfileState
from engine.traits import KINDS, Kind, TraitError, describe, evaluate, mentions_of, parse, register

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
EVENT = {"event": "Order Completed"}


def definition(kind, **members):
    return {"version": 1, "collection": "users", "kind": kind, "event": EVENT} | members


DEFINITIONS = [
    definition("event_counter"),
    definition("event_counter", event={"event": None, "type": "page", "window": {"within": {"days": 30}}}),
    definition("aggregation", aggregate="sum", property="revenue"),
    definition("aggregation", aggregate="avg", property="order.total"),
    definition("most_frequent", property="category"),
    definition("most_frequent", property="category", minimum=1),
    definition(
        "first", property="category", event=EVENT | {"properties": [{"property": "revenue", "greater_than": 5}]}
    ),
    definition("last", property="page_name", event={"event": "Home", "type": "page"}),
    definition(
        "unique_list",
        property="category",
        event=EVENT | {"then": {"event": "Refunded", "performed": False, "within": {"days": 1}}},
    ),
    definition("unique_list_count", property="category"),
    definition("unique_list_count", collection="accounts", user_trait="email"),
]
DAYS = "/event/window/within/days"
WRONG = [
    (definition("median"), ["/kind"]),
    (definition("first"), ["/property"]),
    (definition("first", property="a..b"), ["/property"]),
    (definition("first", user_trait="email"), ["/user_trait"]),
    (definition("first", collection="accounts", user_trait="a", property="b"), ["/user_trait"]),
    (definition("event_counter", property="revenue"), ["/property"]),
    (definition("aggregation", property="revenue"), ["/aggregate"]),
    (definition("aggregation", property="revenue", aggregate="median"), ["/aggregate"]),
    (definition("most_frequent", property="a", minimum=0), ["/minimum"]),
    (definition("event_counter", event="Order Completed"), ["/event"]),
    (definition("event_counter", event={"event": "A", "count": {"gte": 2}}), ["/event/count"]),
    (definition("event_counter", event={"event": "A", "window": {"within": {"days": 0}}}), [DAYS]),
    (definition("event_counter", version=2), ["/version"]),
    (definition("event_counter", collection="people"), ["/collection"]),
]  # fmt: skip


def record(value=None, *, hours=1, key="category", name="Order Completed", **properties):
    at = NOW - timedelta(hours=hours)
    found = properties if value is None else {key: value} | properties
    return EventRecord(id=str(hours), type="track", name=name, timestamp=at, received_at=at, properties=found)


def value_of(raw, *events, **options):
    return evaluate(parse(raw), ProfileState(events=events), NOW, Options(**options)).value


@pytest.mark.parametrize(
    ("aggregate", "expected"), [("sum", Decimal("462.75")), ("min", 0), ("max", 450), ("avg", Decimal("115.6875"))]
)
def test_aggregations_ignore_what_is_no_number(aggregate, expected):
    """W050."""
    revenues = [12.75, 0, "99", 450, True, None, 0]
    events = [record(revenue, hours=hours, key="revenue") for hours, revenue in enumerate(revenues, start=1)]

    assert value_of(definition("aggregation", aggregate=aggregate, property="revenue"), *events) == expected


def test_averages_have_ten_places():
    events = [record(1, key="x"), record(1, key="x"), record(2, key="x")]

    assert value_of(definition("aggregation", aggregate="avg", property="x"), *events) == Decimal("1.3333333333")


def test_first_and_last_are_by_time_and_skip_events_without_the_value():
    """W050."""
    events = [record("b", hours=5), record(hours=9), record("a", hours=2), record("c", hours=7), record(hours=1)]

    assert value_of(definition("first", property="category"), *events) == "c"
    assert value_of(definition("last", property="category"), *events) == "a"


def test_values_of_the_same_instant_are_told_apart_by_their_text():
    events = [record("b"), record("a"), record("c")]

    assert value_of(definition("first", property="category"), *events) == "a"
    assert value_of(definition("last", property="category"), *reversed(events)) == "a"


def test_most_frequent_needs_two_and_breaks_ties_alphabetically():
    """W051."""
    raw = definition("most_frequent", property="category")

    assert value_of(raw, record("b"), record("a")) is None
    assert value_of(raw, record("b"), record("c"), record("c"), record("b"), record("a")) == "b"
    assert value_of(raw | {"minimum": 1}, record("b"), record("a")) == "a"


def test_unique_lists_are_sorted_and_told_apart_by_type():
    """W050."""
    events = [record(value) for value in ("b", 10, "a", 9, "b", True, "9", 9.0, None, ["x"])]

    assert value_of(definition("unique_list", property="category"), *events) == [True, 9, 10, "9", "a", "b"]
    assert value_of(definition("unique_list_count", property="category"), *events) == 6


def test_a_counter_is_zero_once_there_is_history_and_absent_without():
    """audiences-and-traits.md §12: 0 for users with history that aged out, absent if never."""
    raw = definition("event_counter", event=EVENT | {"window": {"within": {"hours": 2}}})

    assert value_of(raw) is None
    assert value_of(raw, record(hours=3)) == 0
    assert value_of(raw, record(hours=3), record(hours=1)) == 1
    assert value_of(raw, record(hours=1, name="Other")) is None


def test_sums_are_absent_once_the_window_is_empty():
    raw = definition(
        "aggregation", aggregate="sum", property="revenue", event=EVENT | {"window": {"within": {"hours": 2}}}
    )

    valuation = evaluate(parse(raw), ProfileState(events=[record(5, hours=1, key="revenue")]), NOW)

    assert valuation.value == 5
    assert valuation.recheck_at == NOW + timedelta(hours=1)
    assert value_of(raw, record(5, hours=3, key="revenue")) is None


def test_only_events_received_later_count_without_history():
    events = [record(hours=5), record(hours=1)]

    assert value_of(definition("event_counter"), *events, historical_from=NOW - timedelta(hours=2)) == 1


def test_the_evidence_names_the_events_and_their_values():
    found = evaluate(parse(definition("first", property="category")), ProfileState(events=[record("a", hours=2)]), NOW)

    assert found.facts == {
        "count": 1,
        "events": [{"id": "2", "timestamp": "2026-03-15T10:00:00Z", "value": "a"}],
    }
    assert found.sentence == "“category” of the first time the user performed “Order Completed”."


def test_accounts_take_the_events_of_all_their_users():
    raw = definition("unique_list", collection="accounts", user_trait="email")
    users = [
        ProfileState(traits={"email": "b@x.org"}, events=[record()]),
        ProfileState(traits={"email": "a@x.org"}, events=[record(), record(hours=2)]),
        ProfileState(traits={"email": "c@x.org"}),
    ]

    assert evaluate(parse(raw), ProfileState(users=users), NOW).value == ["a@x.org", "b@x.org"]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (
            definition("event_counter", event=EVENT | {"window": {"within": {"days": 30}}}),
            "Number of times the user performed “Order Completed” within the last 30 days.",
        ),
        (
            definition("most_frequent", property="category", minimum=3),
            "Most frequent “category”, seen at least 3 times, over all times the user performed “Order Completed”.",
        ),
        (
            definition("unique_list_count", collection="accounts", user_trait="email"),
            "Number of different values of the users' trait “email” over all times any user of the account performed "
            "“Order Completed”.",
        ),
    ],
)
def test_definitions_are_described(raw, sentence):
    assert describe(parse(raw)) == sentence


def test_mentions_are_events_and_traits_that_are_compared_with():
    raw = definition(
        "last",
        property="x",
        event=EVENT | {"properties": [{"property": "category", "equals": {"trait": "favorite.category"}}]},
    )

    found = mentions_of(parse(raw))

    assert found.events == {("track", "Order Completed")}
    assert found.traits == {"favorite"}


def test_another_kind_makes_itself_known_once():
    kind = Kind(name="test_kind", label="Test", summary="", value_type="any", origin="test", read=lambda raw, _: raw)
    register(kind)
    try:
        with pytest.raises(ValueError, match="registered already"):
            register(kind)
        assert parse({"version": 1, "collection": "users", "kind": "test_kind"})["kind"] == "test_kind"
    finally:
        del KINDS["test_kind"]
    with pytest.raises(TraitError):
        parse({"version": 1, "collection": "users", "kind": "test_kind"})
