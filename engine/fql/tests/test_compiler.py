from __future__ import annotations

import pytest

from engine import fql
from engine.fql.compiler import compile_tree


def test_error_tells_message_and_position() -> None:
    with pytest.raises(fql.FqlError) as failure:
        fql.parse('type = "track" ; event')

    assert failure.value.position == 15
    assert failure.value.message == "';' is not allowed outside quotes."


def test_same_text_is_compiled_once() -> None:
    assert fql.parse('type = "track"') is fql.parse('type = "track"')


def test_text_of_a_trigger_cannot_become_code() -> None:
    text = 'properties.\\\'\\+x\\(\\) = "\'] or 1 #" and properties.a\\"b = "\\"'

    trigger = fql.parse(text)

    assert trigger.matches({"properties": {"'+x()": "'] or 1 #", 'a"b': "\\"}}) is True
    assert trigger.matches({"properties": {"'+x()": "x"}}) is False


def test_event_with_missing_keys_is_matched_by_what_is_there() -> None:
    trigger = fql.parse('event = "a" or properties.x = null or traits.y.z = "b"')

    assert trigger.matches({}) is True
    assert trigger.matches({"properties": {"x": 1}}) is False
    assert trigger.matches({"properties": {"x": 1}, "traits": {"y": {"z": "b"}}}) is True


def test_value_read_in_a_skipped_group_is_read_again() -> None:
    trigger = fql.parse('type = "x" or (event = "a" and properties.n = 1) or properties.n = 2')

    assert trigger.matches({"type": "y", "event": "b", "properties": {"n": 2}}) is True


def test_numbers_booleans_and_texts_are_told_apart() -> None:
    assert fql.parse("properties.n = 1").matches({"properties": {"n": True}}) is False
    assert fql.parse("properties.n = true").matches({"properties": {"n": 1}}) is False
    assert fql.parse("properties.n = 7").matches({"properties": {"n": 7.0}}) is True


def test_lists_and_texts_have_members() -> None:
    event = {"properties": {"items": [{"sku": "A"}, {"sku": "B"}], "word": "h\U0001f600"}}

    assert fql.parse('properties.items\\[1\\].sku = "B"').matches(event) is True
    assert fql.parse("properties.items.length = 2").matches(event) is True
    assert fql.parse("properties.word.length = 3").matches(event) is True


def test_long_trigger_and_long_path_compile() -> None:
    clauses = " or ".join(f'properties.k{n} = "v"' for n in range(2_000))
    path = ".".join("abc" for _ in range(500))

    assert fql.parse(clauses).matches({"properties": {"k1999": "v"}}) is True
    assert fql.parse(f"properties.{path} = null").matches({"properties": {"abc": {"abc": 1}}}) is True


def test_tree_nested_too_deeply_is_refused() -> None:
    tree = {"type": "event", "operator": "=", "value": "x"}
    for _ in range(60):
        tree = {"type": "group", "operator": "and", "children": [tree]}

    with pytest.raises(fql.FqlError, match="nested 50 levels"):
        compile_tree(tree)
