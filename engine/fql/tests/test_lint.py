from __future__ import annotations

import pytest

from engine.fql import lint


def places(text: str) -> list[tuple[str, str]]:
    return [(problem.code, text[problem.start : problem.end]) for problem in lint(text)]


@pytest.mark.parametrize(
    "text",
    [
        'type = "track" and event = "Audience Entered"',
        'type = "identify" or type = "track"',
        'type = "track" and (event = "Audience Entered" or event = "Audience Exited")',
        'properties.audience_key = "vip_buyers" and properties.vip_buyers = true',
        'contains(event, "Product") and properties.price >= 10',
        '!match(properties.sku, "A*") and userId != null and name = null',
        "properties.total = -4.5",
    ],
)
def test_plain_trigger_has_no_problem(text: str) -> None:
    assert lint(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("empty", "")]),
        ('type = "a" or type = "b" and event = "c"', [("mixed", "and")]),
        ('type = "a" and ((event = "b"))', [("nested", "(")]),
        ('(contains(event, "x") or event = "y")', [("function_in_group", "contains(")]),
        ('not type = "track"', [("negation", "not")]),
        ('!(type = "track")', [("negation", "!")]),
        ('type = "track" AND event = "x"', [("case", "AND")]),
        ("type = 'track'", [("quotes", "'track'")]),
        ('type="track"and event="X"', [("quotes", '"track"')]),
        ('messageId = "x"', [("field", "messageId")]),
        ('lowercase(event) = "x"', [("function", "lowercase")]),
        ("event = foo", [("value", "foo")]),
        ("event < 5", [("operator", "<")]),
        ("properties.n <=5", [("operator", "<=")]),
        ('properties.n < "5"', [("value", '"5"')]),
        ("properties.n = 1e5", [("value", "1e5")]),
        ("properties.n != true", [("truth", "!= true")]),
        ('match(event, "Hello")', [("pattern", '"Hello"')]),
        ('match(event, "*x*")', [("pattern", '"*x*"')]),
        ('(type = "track"', [("parenthesis", "(")]),
        ('type = "track")', [("parenthesis", ")")]),
        ('type = "track" and', [("connective", "")]),
        ('type = "a" type = "b"', [("connective", "type")]),
        ('type!="x"', [("syntax", "!")]),
        ("properties = null", [("field", "properties")]),
    ],
)
def test_what_does_not_do_what_it_says_is_named_at_its_place(text: str, expected: list[tuple[str, str]]) -> None:
    assert places(text) == expected


def test_all_problems_are_listed_in_order() -> None:
    text = 'messageId = "x" and event = \'y\' or match(event, "z")'

    assert places(text) == [("field", "messageId"), ("quotes", "'y'"), ("mixed", "or"), ("pattern", '"z"')]


def test_many_parentheses_are_no_burden() -> None:
    assert {code for code, _ in places("(" * 20_000)} == {"parenthesis", "nested"}
