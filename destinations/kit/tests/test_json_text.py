from __future__ import annotations

from typing import Any

import pytest

from destinations.kit.json_text import js_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, True, "é"]}, '{"a":[1,null,true,"é"]}'),
        ({"n": 450.0, "m": 0.5, "big": 1e21, "small": 1e-7}, '{"n":450,"m":0.5,"big":1e+21,"small":1e-7}'),
        ({"b": 1, "10": 2, "2": 3, "01": 4}, '{"2":3,"10":2,"b":1,"01":4}'),
        ({"deep": [{"x": 1.0}]}, '{"deep":[{"x":1}]}'),
        ({"line": "a\u2028b/c"}, '{"line":"a\u2028b/c"}'),
        ([], "[]"),
    ],
)
def test_is_what_javascript_writes(value: Any, text: str) -> None:
    assert js_json(value).decode() == text


def test_a_lone_surrogate_is_escaped() -> None:
    assert js_json({"a": "\ud800"}) == b'{"a":"\\ud800"}'
