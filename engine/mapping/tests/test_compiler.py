from __future__ import annotations

import json
from typing import Any

import pytest

from engine import mapping


def test_runtime_error_names_the_directive() -> None:
    compiled = mapping.compile({"a": {"b": {"@path": {"@path": "$.where"}}}})

    with pytest.raises(mapping.MappingError) as failure:
        compiled.resolve({})

    assert failure.value.path == "/a/b/@path"
    assert failure.value.phase == "runtime"


def test_text_of_a_mapping_cannot_become_code() -> None:
    odd = "'\"]) or fail(\\n#{{x}}\n"
    compiled = mapping.compile({odd: {"@path": odd}, "t": {"@template": odd + "{{" + odd.replace("}", "") + "}}"}})

    assert compiled.resolve({})["t"].startswith("'\"]) or fail(")


def test_mapping_changed_in_place_is_compiled_again() -> None:
    fields: dict[str, Any] = {"a": {"@path": "$.x"}}

    first = mapping.resolve(fields, {"x": 1, "y": 2})
    fields["a"]["@path"] = "$.y"
    second = mapping.resolve(fields, {"x": 1, "y": 2})

    assert (first, second) == ({"a": 1}, {"a": 2})


def test_deep_mapping_resolves() -> None:
    nested: Any = {"@path": "$.x"}
    for level in range(60):
        nested = {"@if": {"exists": {"@path": f"$.missing{level}"}, "then": 1, "else": nested}}

    assert mapping.resolve({"deep": nested}, {"x": "found"}) == {"deep": "found"}


def test_event_nested_beyond_reason_is_refused_not_crashed() -> None:
    event: Any = {"a": 1}
    for _ in range(5_000):
        event = {"a": event}

    with pytest.raises(mapping.MappingError, match="nested too deeply"):
        mapping.resolve(
            {
                "out": {
                    "@json": {"mode": "encode", "value": {"@path": "$"}},
                },
                "f": {"@flatten": {"separator": ".", "value": {"@path": "$.a"}}},
            },
            event,
        )


def test_missing_member_erases_the_earlier_one_in_a_merge() -> None:
    fields = {"@merge": {"direction": "right", "objects": [{"x": 1, "y": 2}, {"x": {"@path": "$.missing"}}]}}

    assert mapping.resolve(fields, {}) == {"y": 2}


def test_hole_in_a_list_becomes_null() -> None:
    fields = {"out": [{"@path": "$.a"}, {"@path": "$.missing"}], "raw": {"@literal": [{"@path": "$.missing"}]}}

    assert mapping.resolve(fields, {"a": 1}) == {"out": [1, None], "raw": [None]}


def test_root_wrapper_takes_the_fields_in() -> None:
    fields = {
        "__segment_internal_directive": {"@transform": {"apply": {"n": {"@path": "$.a.b"}}}},
        "x": {"@path": "$.n"},
    }

    assert mapping.resolve(fields, {"a": {"b": 3}}) == {"x": 3}
    assert "mapping" not in fields["__segment_internal_directive"]["@transform"]


def test_json_is_written_as_javascript_does() -> None:
    value = {"b": 1e21, "2": 7.0, "1": [None, "é\u2028"], "nan": float("nan"), "tiny": 1e-7, "big": 1e16}

    written = mapping.resolve({"out": {"@json": {"mode": "encode", "value": {"@path": "$.v"}}}}, {"v": value})

    assert written["out"] == '{"1":[null,"é\u2028"],"2":7,"b":1e+21,"nan":null,"tiny":1e-7,"big":10000000000000000}'


@pytest.mark.parametrize("text", ["NaN", "Infinity", "{'a':1}", "[1,]", "[" * 100_000, ""])
def test_what_is_no_json_is_returned_as_it_was(text: str) -> None:
    fields = {"out": {"@json": {"mode": "decode", "value": {"@path": "$.t"}}}}

    assert mapping.resolve(fields, {"t": text}) == {"out": text}


def test_paths_read_finds_what_an_editor_should_show() -> None:
    fields = {
        "a": {"@merge": {"direction": "left", "objects": [{"@path": "$.traits"}, {"b": {"@template": "{{ x.y }}!"}}]}},
        "c": {"@arrayPath": ["$.items", {"d": {"@path": "$.sku"}}]},
        "e": {"@liquid": "{% if properties.vip %}{{ type | upcase }}{% endif %}"},
    }

    assert mapping.paths_read(fields) == ["items", "properties.vip", "traits", "type", "x.y"]


def test_payload_can_be_sent_as_json() -> None:
    payload = mapping.resolve({"o": {"a": {"@path": "$.x"}, "b": [{"c": {"@path": "$.x"}}]}}, {})

    assert json.dumps(payload) == '{"o": {"b": [{}]}}'


def test_braces_without_end_are_read_in_one_pass() -> None:
    braces = "{" * 200_000
    fields = {"out": {"@template": "{{{braces}}}"}, "literal": {"@template": braces}}

    assert mapping.resolve(fields, {"braces": braces}) == {"out": braces, "literal": braces}
