from __future__ import annotations

from typing import Any

import pytest

from destinations.expressions import ExpressionError, from_text, to_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("$.", {"@path": "$."}),
        ("$.userId", {"@path": "$.userId"}),
        ("Hello {{traits.name}}", {"@template": "Hello {{traits.name}}"}),
        ("{{userId}}", {"@template": "{{userId}}"}),
        ("POST", "POST"),
        ("12", 12),
        ("-1.5", -1.5),
        ("007", "007"),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("true", True),
        ("null", None),
        ('"true"', "true"),
        ('{"@path": "$.a"}', {"@path": "$.a"}),
        ('["a", 1]', ["a", 1]),
    ],
)
def test_text_becomes_the_value_it_means(text: str, value: Any) -> None:
    assert from_text(text) == value


@pytest.mark.parametrize(
    "value",
    [
        {"@path": "$.userId"},
        {"@path": "userId"},
        {"@template": "a {{b}}"},
        {"@template": "no placeholder"},
        {"@case": {"operator": "lower", "value": {"@path": "$.a"}}},
        "plain",
        "12",
        "true",
        "$.literal",
        "{",
        " padded ",
        7,
        1.25,
        False,
        {"a": {"@path": "$.b"}},
        [],
    ],
)
def test_every_value_survives_the_editor(value: Any) -> None:
    assert from_text(to_text(value)) == value
    assert type(from_text(to_text(value))) is type(value)


def test_broken_json_is_refused() -> None:
    with pytest.raises(ExpressionError, match="not valid JSON"):
        from_text('{"a": }')
