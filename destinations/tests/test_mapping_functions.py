from __future__ import annotations

from typing import Any

import pytest

from destinations.expressions import ExpressionError, from_text, to_text
from destinations.kit.tables import person
from engine import mapping as mapping_kit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            'coalesce($.traits.email, "none")',
            {"@if": {"exists": {"@path": "$.traits.email"}, "then": {"@path": "$.traits.email"}, "else": "none"}},
        ),
        ("coalesce($.traits.email, $.context.traits.email, $.properties.email)", person("email")),
        ("lower($.a)", {"@case": {"operator": "lower", "value": {"@path": "$.a"}}}),
        (
            "upper(lower($.a))",
            {"@case": {"operator": "upper", "value": {"@case": {"operator": "lower", "value": {"@path": "$.a"}}}}},
        ),
        ('replace($.phone, " ", "")', {"@replace": {"pattern": " ", "replacement": "", "value": {"@path": "$.phone"}}}),
        ('flatten($.traits, "_")', {"@flatten": {"value": {"@path": "$.traits"}, "separator": "_"}}),
        ("json($.traits)", {"@json": {"value": {"@path": "$.traits"}, "mode": "encode"}}),
        ("parse_json($.text)", {"@json": {"value": {"@path": "$.text"}, "mode": "decode"}}),
        ('if($.a, "yes", "no")', {"@if": {"exists": {"@path": "$.a"}, "then": "yes", "else": "no"}}),
        ('merge($.traits, {"a": 1})', {"@merge": {"objects": [{"@path": "$.traits"}, {"a": 1}], "direction": "right"}}),
        ("lower($.props['a, b'])", {"@case": {"operator": "lower", "value": {"@path": "$.props['a, b']"}}}),
        ('lower("{{a}} {{b}}")', {"@case": {"operator": "lower", "value": {"@template": "{{a}} {{b}}"}}}),
        ('liquid("{{ a | upcase }}")', {"@liquid": "{{ a | upcase }}"}),
    ],
)
def test_a_function_stands_for_a_directive_both_ways(text: str, value: Any) -> None:
    """ux.md §6: coalesce, case, replace, flatten, JSON, concatenate, template."""
    assert from_text(text) == value
    assert to_text(value) == text


def test_concat_becomes_a_template() -> None:
    value = from_text('concat($.traits.first, " ", $.traits.last)')

    assert value == {"@template": "{{traits.first}} {{traits.last}}"}
    assert mapping_kit.resolve({"name": value}, {"traits": {"first": "Ada", "last": "L"}}) == {"name": "Ada L"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lower($.a", r"closing parenthesis of lower\(…\) is missing. \(at character 10\)"),
        ("lower($.a) x", r"Nothing may follow the closing parenthesis.*\(at character 12\)"),
        ("lower($.a, $.b)", r"Write lower\(text\)"),
        ("coalesce($.a, )", r"An argument is missing here. \(at character 15\)"),
        ("coalesce($.a, nope)", "An argument is a path"),
        ("coalesce($.a, nope(1))", "There is no function nope"),
        ('replace($.a, $.b, "c")', "replace takes texts in double quotes"),
        ("lower({broken})", "This is not valid JSON"),
    ],
)
def test_a_function_that_cannot_be_read_says_where(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        from_text(text)


@pytest.mark.parametrize("text", ["foo(1)", "Lower(x)", "lowercase", "(lower)"])
def test_other_text_stays_text(text: str) -> None:
    assert from_text(text) == text


def test_text_that_looks_like_a_function_is_shown_in_quotes() -> None:
    assert to_text("lower(a)") == '"lower(a)"'
    assert from_text('"lower(a)"') == "lower(a)"


@pytest.mark.parametrize(
    "value",
    [
        {"@if": {"exists": {"@path": "$.a"}, "then": 1}},
        {"@case": {"operator": "title", "value": {"@path": "$.a"}}},
        {"@replace": {"pattern": "a", "replacement": "b", "value": {"@path": "$.a"}, "global": False}},
        {"@merge": {"objects": [{"@path": "$.a"}], "direction": "left"}},
        {"@if": {"exists": True, "then": 1, "else": 2}},
    ],
)
def test_what_no_function_stands_for_is_shown_so_that_it_reads_back(value: Any) -> None:
    assert from_text(to_text(value)) == value
