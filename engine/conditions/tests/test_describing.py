"""Sentences, mentions and the published schema of a condition."""

from __future__ import annotations

import json

import pytest

from engine.conditions import describe, mentions, parse, properties_mentioned, schema

WHOLE = {
    "version": 1,
    "collection": "users",
    "where": {
        "all": [
            {
                "event": "Product Added",
                "count": {"gte": 2},
                "window": {"between": {"from": {"weeks": 2}, "to": {"days": 1}}},
                "properties": [{"property": "price", "greater_than": {"trait": "budget.monthly"}}],
                "then": {
                    "event": "Order Completed",
                    "performed": False,
                    "within": {"hours": 1},
                    "properties": [{"property": "sku", "equals": {"parent_property": "item.sku"}}],
                },
            },
            {"any": [{"trait": "plan", "any_of": ["pro", 5, True]}, {"identifier": "email", "exists": False}]},
            {"not": {"event": None, "type": "page", "count": {"eq": 0}}},
            {"audience": "vip", "member": False},
        ]
    },
}


def test_a_whole_condition_in_english():
    assert describe(parse(WHOLE)) == (
        "Users who performed “Product Added” at least 2 times between 2 weeks and 1 day ago"
        " where “price” is greater than their trait “budget.monthly”"
        " and then did not perform “Order Completed” within 1 hour where “sku” is the first event's “item.sku”"
        " and (have a trait “plan” that is any of “pro”, 5, true or do not have an identifier “email”)"
        " and not (never viewed any page)"
        " and are not part of the audience “vip”."
    )


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ({"event": "A"}, "Users who performed “A” at least 1 time."),
        ({"event": "A", "count": {"lte": 0}}, "Users who never performed “A”."),
        ({"event": "Home", "type": "screen"}, "Users who viewed the screen “Home” at least 1 time."),
        ({"trait": "a", "exists": False}, "Users who have a trait “a” that does not exist."),
        ({"trait": "a", "equals": 1e22}, "Users who have a trait “a” that is 10000000000000000000000."),
        ({"trait": "a", "within_last": {"days": 1}}, "Users who have a trait “a” that is within the last 1 day."),
    ],
)
def test_sentences(where, sentence):
    assert describe(parse({"version": 1, "collection": "users", "where": where})) == sentence


def test_mentions_name_everything_a_change_of_which_matters():
    found = mentions(parse(WHOLE))

    assert found.events == {("track", "Product Added"), ("track", "Order Completed"), ("page", None)}
    assert found.traits == {"budget", "plan"}
    assert found.audiences == {"vip"}
    assert found.identifiers == {"email"}
    assert properties_mentioned(parse(WHOLE)) == {
        ("track", "Product Added", "price"),
        ("track", "Product Added", "item.sku"),
        ("track", "Order Completed", "sku"),
    }


def test_the_schema_is_json_and_every_reference_in_it_exists():
    text = json.dumps(schema())

    names = schema()["$defs"].keys()
    used = {part.split('"')[0] for part in text.split("#/$defs/")[1:]}
    assert used <= names
    assert names - used == set()
