"""Definitions are read whole or refused with every problem at its place."""

from __future__ import annotations

import pytest

from engine.conditions import ConditionError, parse


def users(where):
    return {"version": 1, "collection": "users", "where": where}


def problems_of(definition):
    with pytest.raises(ConditionError) as caught:
        parse(definition)
    return [(problem.path, problem.code) for problem in caught.value.problems]


def test_all_problems_are_reported_at_once():
    definition = {
        "version": 2,
        "collection": "people",
        "extra/key": 1,
        "where": {
            "all": [
                {"event": "", "count": {"gte": -1}, "window": {"within": {"days": 0}}},
                {"trait": "plan"},
                {"any": []},
                {"audience": "vip", "member": "yes"},
            ]
        },
    }

    assert problems_of(definition) == [
        ("/extra~1key", "unknown_key"),
        ("/version", "unknown_version"),
        ("/collection", "unknown_collection"),
        ("/where/all/0/event", "required"),
        ("/where/all/0/count/gte", "invalid_count"),
        ("/where/all/0/window/within/days", "invalid_duration"),
        ("/where/all/1", "operator_required"),
        ("/where/all/2/any", "empty_group"),
        ("/where/all/3/member", "wrong_type"),
    ]


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ({}, ("/where", "unknown_condition")),
        ([], ("/where", "wrong_type")),
        ({"event": "A", "trait": "b"}, ("/where", "ambiguous_condition")),
        ({"event": None}, ("/where/event", "required")),
        ({"event": "A\x00"}, ("/where/event", "invalid_character")),
        ({"event": "\ud800"}, ("/where/event", "invalid_character")),
        ({"event": "A" * 1001}, ("/where/event", "too_long")),
        ({"event": "A", "type": "identify"}, ("/where/type", "unknown_event_type")),
        ({"event": "A", "color": 1}, ("/where/color", "unknown_key")),
        ({"event": "A", "count": {"gte": 0}}, ("/where/count/gte", "pointless_count")),
        ({"event": "A", "count": {"lt": 0}}, ("/where/count/lt", "pointless_count")),
        ({"event": "A", "count": {"eq": True}}, ("/where/count/eq", "invalid_count")),
        ({"event": "A", "count": {"eq": 1, "gte": 1}}, ("/where/count", "invalid_count")),
        ({"event": "A", "window": {"within": {"months": 1}}}, ("/where/window/within", "invalid_duration")),
        ({"event": "A", "window": {"within": {"days": 40_000}}}, ("/where/window/within/days", "invalid_duration")),
        ({"event": "A", "window": {"since": "2026-01-01"}}, ("/where/window/since", "invalid_instant")),
        ({"event": "A", "window": {"since": "9999-12-31T23:00:00-05:00"}}, ("/where/window/since", "invalid_instant")),
        (
            {"event": "A", "window": {"between": {"from": {"days": 1}, "to": {"days": 1}}}},
            ("/where/window/between", "invalid_window"),
        ),
        ({"event": "A", "properties": {}}, ("/where/properties", "wrong_type")),
        ({"event": "A", "properties": [5]}, ("/where/properties/0", "wrong_type")),
        (
            {"event": "A", "properties": [{"property": "p", "equals": {"parent_property": "q"}}]},
            ("/where/properties/0/equals", "misplaced_reference"),
        ),
        ({"event": "A", "then": {"event": "B", "performed": True}}, ("/where/then/within", "required")),
        (
            {
                "event": "A",
                "then": {
                    "event": "B",
                    "performed": True,
                    "within": {"hours": 1},
                    "properties": [{"property": "p", "within_last": {"days": 1}}],
                },
            },
            ("/where/then/properties/0", "unsupported"),
        ),
        ({"trait": "a..b", "exists": True}, ("/where/trait", "invalid_path")),
        ({"trait": "$.sku", "exists": True}, ("/where/trait", "invalid_path")),
        ({"trait": "items.$.at", "within_last": {"days": 1}}, ("/where/within_last", "unsupported")),
        ({"trait": "a", "equals": {"trait": "items.$.sku"}}, ("/where/equals/trait", "unsupported")),
        ({"trait": "a", "exists": 1}, ("/where/exists", "wrong_type")),
        ({"trait": "a", "equals": None}, ("/where/equals", "invalid_value")),
        ({"trait": "a", "equals": [1]}, ("/where/equals", "invalid_value")),
        ({"trait": "a", "equals": float("inf")}, ("/where/equals", "invalid_number")),
        ({"trait": "a", "equals": 10**2000}, ("/where/equals", "invalid_number")),
        ({"trait": "a", "less_than": "5"}, ("/where/less_than", "number_required")),
        ({"trait": "a", "starts_with": 5}, ("/where/starts_with", "text_required")),
        ({"trait": "a", "contains": ""}, ("/where/contains", "empty_value")),
        ({"trait": "a", "any_of": []}, ("/where/any_of", "list_required")),
        ({"trait": "a", "any_of": [1, None]}, ("/where/any_of/1", "invalid_value")),
        ({"trait": "a", "before_date": "tomorrow"}, ("/where/before_date", "invalid_instant")),
        ({"trait": "a", "within_last": 7}, ("/where/within_last", "invalid_duration")),
        ({"trait": "a", "equals": 1, "exists": True}, ("/where", "ambiguous_operator")),
        ({"journey_step": "j_o_x"}, ("/where/member", "required")),
        ({"journey_step": "", "member": True}, ("/where/journey_step", "required")),
        ({"users": "any", "match": {"event": "A"}}, ("/where", "accounts_only")),
    ],
)
def test_a_mistake_is_refused_at_its_place(where, problem):
    assert problems_of(users(where)) == [problem]


@pytest.mark.parametrize("definition", [None, 5, "x", [], {}])
def test_what_is_no_definition_is_refused(definition):
    assert problems_of(definition)


def test_a_thousand_levels_are_refused_without_crashing():
    where = {"event": "A"}
    for _ in range(1000):
        where = {"not": where}

    found = problems_of(users(where))

    assert found == [("/where" + "/not" * 16, "too_deep")]


def test_too_many_conditions_are_one_problem():
    assert problems_of(users({"any": [{"event": "A"}] * 500})) == [("/where/any/199", "too_many_conditions")]


def test_equal_definitions_are_equal_trees_and_kinds_of_values_stay_apart():
    one = parse(users({"trait": "a", "equals": 1}))

    assert one == parse(users({"trait": "a", "equals": 1.0}))
    assert one != parse(users({"trait": "a", "equals": True}))
    assert one != parse(users({"trait": "a", "equals": "1"}))
    assert hash(one) == hash(parse(users({"trait": "a", "equals": 1})))


def test_the_input_is_left_alone():
    definition = users({"event": "A", "properties": [{"property": "p", "any_of": [1, "a", True]}]})

    parse(definition)

    assert definition == users({"event": "A", "properties": [{"property": "p", "any_of": [1, "a", True]}]})


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ({"users": "some", "match": {"event": "A"}}, ("/where/users", "unknown_quantifier")),
        ({"users": "any"}, ("/where/match", "required")),
        ({"users": "any", "match": {"event": "A"}, "of": 1}, ("/where/of", "unknown_key")),
        ({"users": "any", "match": {"event": ""}}, ("/where/match/event", "required")),
        ({"users": "any", "match": {"users": "any", "match": {"event": "A"}}}, ("/where/match", "nested_users")),
        ({"journey_step": "j_o_x", "member": True}, ("/where", "users_only")),
    ],
)
def test_a_mistake_about_accounts_is_refused_at_its_place(where, problem):
    assert problems_of({"version": 1, "collection": "accounts", "where": where}) == [problem]


def test_an_event_of_accounts_is_one_of_any_of_their_users():
    implied = parse({"version": 1, "collection": "accounts", "where": {"event": "A"}}).where
    explicit = parse({"version": 1, "collection": "accounts", "where": {"users": "any", "match": {"event": "A"}}}).where

    assert (implied.quantifier, implied.match) == (explicit.quantifier, explicit.match)
