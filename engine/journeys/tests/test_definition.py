"""The JSON of journeys: what is read, what is refused, and that it comes out as it went in."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from engine.journeys.definition import canonical, read
from engine.journeys.errors import DefinitionError
from engine.journeys.steps import STEP_TYPES
from engine.journeys.tests import building

CASES = json.loads((Path(__file__).parent / "cases" / "refused_definitions.json").read_text())

EVERY_STEP = building.journey(
    building.delay("wait", "entry", days=2),
    building.split("split", "wait"),
    building.wait_for("order", ("split", "true"), count={"gte": 2}, window={"within": {"days": 7}}),
    building.by_chance("draw", "order", a=33.33, b=66.67),
    building.send("one", ("draw", "a")),
    building.ad("two", ("draw", "b"), remove_after={"days": 30}),
    building.branches("many", ("split", "false"), "x", "y"),
    building.wait_for("in_x", ("many", "x")),
    building.wait_for("in_y", ("many", "y")),
    building.connect("link", "in_x", "one"),
    exit_after={"days": 90},
    reentry_after={"weeks": 2},
)


def test_every_type_of_step_comes_out_byte_for_byte_as_it_went_in():
    written = json.dumps(EVERY_STEP)

    assert {step["type"] for step in EVERY_STEP["steps"]} == {step_type.type for step_type in STEP_TYPES}
    assert json.dumps(canonical(read(json.loads(written)))) == written


def test_the_order_of_keys_is_restored_after_storage_that_sorts_them():
    shuffled = json.loads(json.dumps(EVERY_STEP, sort_keys=True))

    assert json.dumps(canonical(read(shuffled))) == json.dumps(EVERY_STEP)


def test_optional_members_of_a_connection_are_written_only_when_they_differ():
    step = building.send("s", "entry")
    step["connections"] = [
        {
            "settings": {"list": {"b": 1, "a": 2}}, "value_format": "string", "enter_event": "Audience Entered",
            "setup": "customized", "traits": [{"segment": "plan", "destination": "tier"}], "destination": "d",
        }
    ]  # fmt: skip

    (found,) = canonical(read(building.journey(step)))["steps"][0]["connections"]

    assert json.dumps(found) == json.dumps(
        {
            "destination": "d", "send_identify": True, "send_track": True, "value_format": "string",
            "setup": "customized", "traits": [{"segment": "plan", "destination": "tier"}],
            "settings": {"list": {"a": 2, "b": 1}},
        }
    )  # fmt: skip


def test_the_read_only_key_of_a_step_is_dropped():
    step = building.send("s", "entry") | {"key": "j_o_welcome__buyers_a1b2c3"}

    assert "key" not in canonical(read(building.journey(step)))["steps"][0]


def test_a_draft_may_be_nearly_empty():
    assert canonical(read({"version": 1})) == {
        "version": 1,
        "name": "",
        "settings": {"exit_after": None, "reentry_after": None},
        "entry": {"name": "", "condition": None, "use_historical": True},
        "steps": [],
    }


@pytest.mark.parametrize("step_type", STEP_TYPES, ids=lambda step_type: step_type.type)
def test_a_step_may_be_without_any_of_its_settings(step_type):
    draft = {"version": 1, "steps": [{"id": "s", "type": step_type.type}]}

    (found,) = canonical(read(draft))["steps"]

    assert found["after"] is None
    assert canonical(read({"version": 1, "steps": [found]}))["steps"] == [found]


def test_an_unfinished_condition_is_kept_as_it_is():
    step = building.step("c", "condition", "entry", condition={"version": 1, "collection": "users"})

    definition = read(building.journey(step))

    assert definition.condition("c") is None
    assert canonical(definition)["steps"][0]["condition"] == {"version": 1, "collection": "users"}


def test_settings_are_spans_of_time():
    definition = read(building.journey(exit_after={"days": 7}, reentry_after={"hours": 36}))

    assert definition.exit_after == timedelta(days=7)
    assert definition.reentry_after == timedelta(hours=36)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_refused(case):
    with pytest.raises(DefinitionError) as caught:
        read(case["definition"])

    assert [[problem.path, problem.code] for problem in caught.value.problems] == case["problems"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [({"version": 1, "name": float("nan")}, "invalid_number"), ({"version": 1, "name": object()}, "wrong_type"),
     ({"version": 1, "name": "a\x00"}, "invalid_character"), ({"version": 1, 5: 1}, "wrong_type")],
)  # fmt: skip
def test_what_is_no_json_is_refused(raw, code):
    with pytest.raises(DefinitionError) as caught:
        read(raw)

    assert code in {problem.code for problem in caught.value.problems}


def test_deep_nesting_is_refused_and_does_not_break():
    deep: dict = {}
    for _ in range(5_000):
        deep = {"not": deep}

    with pytest.raises(DefinitionError) as caught:
        read({"version": 1, "entry": {"condition": deep}})

    assert "too_deep" in {problem.code for problem in caught.value.problems}
