from __future__ import annotations

from typing import Any

import pytest

from engine.filters import FilterEvaluationError, FqlError, lint, parse

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Button Clicked",
    "userId": "u1",
    "context": {"library": {"name": "analytics.js", "version": "1.0"}, "personas": {"computation_key": "vip"}},
    "properties": {
        "features": ["discounts", "dark-mode"],
        "price": 12.5,
        "count": 7,
        "is_new": True,
        "first name": "Ann",
        "a.b": {"c": 1},
        "products": [{"sku": "x1"}, {"sku": "x2"}],
        "title": "the  Big sale",
        "kana": "ア",
        "nothing": None,
    },
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event = 'Button Clicked'", True),
        ('event="Button Clicked"', True),
        ("event = 'Screen Tapped'", False),
        ("event = 'button clicked'", False),
        ("context.path.path = '/login'", False),
        ("type = 'identify' or type = 'track'", True),
        ("match( context.library.version, '1.*' )", True),
        ("match( context.library.version, '2.*' )", False),
        ("type = 'track' and ( event = 'Click' or match( event, 'Button *' ) )", True),
        ("!contains( context.library.name, 'js' )", False),
        ("'dark-mode' in properties.features", True),
        ("'blink' in properties.features", False),
        ("!( type in ['track', 'identify'] )", False),
        ("context.personas.computation_key = 'vip'", True),
        ("properties.is_new", True),
        ("properties.is_new or match(traits.email, '*@company.com')", True),
        ("!properties.nothing", True),
        ("properties.nothing", False),
        ("properties.missing = null", True),
        ("properties.nothing != null", False),
        ("properties.count = 7.0", True),
        ("properties.count = '7'", False),
        ("properties.is_new = 1", False),
        ("properties.is_new = true", True),
        ("properties.count in [1, 7]", True),
        ("properties.missing in [null]", True),
        ("properties.count in properties.missing", False),
        ("properties.price > 12 and properties.price <= 12.5", True),
        ("properties.missing > 1 or properties.missing < 1", False),
        ("properties.price>12", True),
        ("-1 < properties.count", True),
        ("properties.first\\ name = 'Ann'", True),
        ("properties.a\\.b.c = 1", True),
        ("properties.products.1.sku = 'x2'", True),
        ("properties.features = ['discounts', 'dark-mode']", True),
        ("length(properties.features) = 2", True),
        ("length(properties.kana) = 3", True),
        ("length(properties.missing) = 0", True),
        ("contains(properties.missing, 'x')", False),
        ("lowercase(properties.missing) = null", True),
        ("lowercase(event) = 'button clicked'", True),
        ("uppercase(event) = 'BUTTON CLICKED'", True),
        ("snakecase(properties.title) = 'the_Big_sale'", True),
        ("kebabcase(properties.title) = 'the-Big-sale'", True),
        ("titlecase(properties.title) = 'The  Big Sale'", True),
        ("typeof(properties.missing) = 'null'", True),
        ("typeof(properties.features) = 'list' and typeof(properties.is_new) = 'bool'", True),
        ("typeof(event) = 'string' and typeof(properties.price) = 'number'", True),
        ("match(properties.missing, '*')", False),
        ("string(properties.count) = '7' and number('12.5') = properties.price", True),
        ("number('many') = null and bool('false') = false and bool(properties.count)", True),
        ("event = 'it\\'s'", False),
        # "and" binds tighter than "or".
        ("type = 'page' and event = 'x' or userId = 'u1'", True),
        ("userId = 'u1' or type = 'page' and event = 'x'", True),
        ("(userId = 'u1' or type = 'page') and event = 'x'", False),
        ("!!(userId = 'u1')", True),
    ],
)
def test_conditions_hold_or_not(text: str, expected: bool) -> None:
    """W083: the language of destination filters."""
    assert parse(text).matches(EVENT) is expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("a*d", "abcd", True),
        ("*", "", True),
        ("ab", "abc", False),
        ("a??d", "abcd", True),
        ("*d", "abcd", True),
        ("ab\\\\*d", "ab*d", True),
        ("ab\\\\*d", "abxd", False),
        ("ab[cC]d", "abCd", True),
        ("ab[a-z]d", "abcd", True),
        ("ab[A-Z]d", "abcd", False),
        ("*a*b*c*", "xaxbxcx", True),
        ("*a*b*c*", "xcxbxax", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns_fit_the_whole_text(pattern: str, value: str, expected: bool) -> None:
    assert parse(f"match(userId, '{pattern}')").matches({"userId": value}) is expected


def test_a_pattern_full_of_stars_is_judged_at_once() -> None:
    pattern = "*a" * 40 + "*b"

    assert parse(f"match(userId, '{pattern}')").matches({"userId": "a" * 20_000}) is False


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("properties.features > 1", '">" compares numbers, and properties.features is a list.'),
        ("lowercase(properties.price) = 'x'", "properties.price: lowercase() takes a text, and got a number."),
        ("properties.price", "properties.price is a number, not true or false."),
        ("'a' in properties.price", "properties.price is a number, not a list."),
        ("length(properties.count) = 1", "properties.count: length() takes a text or a list, and got a number."),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_that_names_it(text: str, sentence: str) -> None:
    condition = parse(text)

    with pytest.raises(FilterEvaluationError) as caught:
        condition.matches(EVENT)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("", 0, 'Say what to match, for example: type = "track".'),
        ('userId = oops"', 13, 'The text that starts with " has no closing ".'),
        ("event = 'x' userId = 'y'", 12, '"and" or "or" is missing before this.'),
        ("(event = 'x'", 0, 'The "(" has no ")".'),
        ("event = 'x')", 11, 'This ")" has no "(".'),
        ("event = 'x' && type = 'y'", 12, 'Conditions are joined by "and" or "or".'),
        ("event =", 7, "A field, a value or a function is missing here."),
        ("type in 'track'", 8, 'A list has to follow "in", such as ["track", "page"] or a field, and this is a text.'),
        ("length(event)", 0, "A condition is true or false, and this is a number."),
        ("contains(event)", 0, "contains() takes 2 values, not 1."),
        ("contains(event, 5)", 16, "contains() takes a text, and this is a number."),
        ("properties.n > 'x'", 15, '">" compares numbers, and this is a text.'),
        ("match(event, 'a[b')", 13, 'The "[" of the pattern has no "]".'),
        ("properties.größe = 1", 13, "'ö' in the name of a field needs a \"\\\" in front of it."),
    ],
)
def test_problems_say_where_and_what(text: str, start: int, message: str) -> None:
    problems = lint(text)

    assert [(problem.start, problem.message) for problem in problems] == [(start, message)]
    with pytest.raises(FqlError):
        parse(text)


def test_all_problems_are_told_at_once() -> None:
    problems = lint("lenght(event) = 1 and contains(event) and properties.n > 'x'")

    assert [(problem.code, problem.start) for problem in problems] == [
        ("unknown_function", 0),
        ("arguments", 22),
        ("type", 57),
    ]


def test_nesting_has_a_limit() -> None:
    [problem] = lint("(" * 60 + "type = 'x'" + ")" * 60)

    assert problem.message == "Parentheses can be nested 40 levels deep at most."
