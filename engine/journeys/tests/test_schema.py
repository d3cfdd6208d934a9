"""The published schema and `read` accept the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from engine.journeys.definition import canonical, read
from engine.journeys.errors import DefinitionError
from engine.journeys.schema import MEMBERS, schema
from engine.journeys.steps import STEP_TYPES
from engine.journeys.tests.building import condition
from engine.journeys.tests.test_definition import EVERY_STEP

VALIDATOR = Draft202012Validator(schema())
REFUSED = json.loads((Path(__file__).parent / "cases" / "refused_definitions.json").read_text())
BEYOND_A_SCHEMA = {"ids that are there twice", "durations of the wrong form", "shares of the wrong form"}
CONNECTION = {"destination": "d", "setup": "customized", "traits": [{"segment": "a", "destination": "b"}]}
ACCEPTED = [
    {"version": 1},
    {"version": 1, "name": None, "settings": None, "entry": None, "steps": None},
    {"version": 1, "settings": {"exit_after": {"days": 7}}, "entry": {"condition": condition()}},
    {"version": 1, "steps": [{"id": "a", "type": "connect", "after": None, "to": "b"}]},
    {"version": 1, "steps": [{"id": "a", "type": "send_to_destinations", "key": "j_o_a", "connections": [CONNECTION]}]},
    {"version": 1, "steps": [{"id": "a", "type": "random", "branches": [{"id": "x", "percent": 33.33}, {"id": "y"}]}]},
    {"version": 1, "steps": [{"id": "a", "type": "delay", "after": {"step": "x", "branch": "y"}, "duration": None}]},
    EVERY_STEP,
]


def accepts(definition):
    try:
        read(definition)
    except DefinitionError:
        return False
    return True


def test_the_schema_is_one():
    Draft202012Validator.check_schema(schema())


def test_every_member_of_every_step_is_in_it():
    assert {key for step_type in STEP_TYPES for key in step_type.keys} == set(MEMBERS)


@pytest.mark.parametrize("number", range(len(ACCEPTED)))
def test_what_is_read_is_valid_and_so_is_its_canonical_form(number):
    definition = ACCEPTED[number]

    assert accepts(definition)
    assert list(VALIDATOR.iter_errors(definition)) == []
    assert list(VALIDATOR.iter_errors(canonical(read(definition)))) == []


@pytest.mark.parametrize("case", [case for case in REFUSED if case["title"] not in BEYOND_A_SCHEMA],
                         ids=lambda case: case["title"])  # fmt: skip
def test_what_is_refused_is_invalid(case):
    assert not VALIDATOR.is_valid(case["definition"])


def places(node, path=()):
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, (*path, index))


def put(definition, path, value):
    changed = copy.deepcopy(definition)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


WITHOUT_CONDITIONS = copy.deepcopy(EVERY_STEP)
for item in [WITHOUT_CONDITIONS["entry"], *WITHOUT_CONDITIONS["steps"]]:
    item.pop("condition", None)
PLACES = [path for path in places(WITHOUT_CONDITIONS) if path]


@pytest.mark.parametrize("value", [None, 5, "a b", True, [], {}, {"x": 1}, -1.5], ids=repr)
def test_any_value_anywhere_is_either_accepted_by_both_or_refused_by_both(value):
    disagreed = [
        path
        for path in PLACES
        if accepts(put(WITHOUT_CONDITIONS, path, value)) is not VALIDATOR.is_valid(put(WITHOUT_CONDITIONS, path, value))
    ]

    assert len(PLACES) > 100
    assert disagreed == []
