from __future__ import annotations

from typing import Any

import pytest

from destinations.kit.membership import computed
from destinations.kit.testing import identify, track

STEP = {"context": {"personas": {"computation_key": "step"}}, "type": "track", "properties": {"journey_metadata": {}}}


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (identify(entered=True, plan="gold"), {"vip": True}),
        (track(entered=False, plan="gold"), {"vip": False}),
        (STEP, {"step": True}),
        ({**STEP, "properties": {}}, {}),
        ({**STEP, "properties": None}, {}),
        ({**STEP, "type": "page"}, {}),
        ({"type": "track", "properties": {"vip": True}}, {}),
        ({}, {}),
    ],
)
def test_a_call_tells_what_it_is_about(event: dict[str, Any], found: dict[str, Any]) -> None:
    assert computed(event) == found
