from __future__ import annotations

from typing import Any

import pytest

from destinations.tests.builders import audience_event
from destinations.triggers import event_names, explain, marked, trigger_rows, trigger_words


@pytest.mark.parametrize(
    ("trigger", "rows"),
    [
        (
            'type = "track" and properties.price >= 10',
            {
                "operator": "and",
                "items": [
                    {"type": "event-type", "name": "", "operator": "=", "value": "track"},
                    {"type": "event-property", "name": "price", "operator": ">=", "value": "10"},
                ],
            },
        ),
        (
            'traits.email != null or contains(event, "Audience")',
            {
                "operator": "or",
                "items": [
                    {"type": "event-trait", "name": "email", "operator": "exists", "value": ""},
                    {"type": "event", "name": "", "operator": "contains", "value": "Audience"},
                ],
            },
        ),
        (
            'type = "track" and (event = "A" or event = "B")',
            {
                "operator": "and",
                "items": [
                    {"type": "event-type", "name": "", "operator": "=", "value": "track"},
                    {
                        "operator": "or",
                        "rows": [
                            {"type": "event", "name": "", "operator": "=", "value": "A"},
                            {"type": "event", "name": "", "operator": "=", "value": "B"},
                        ],
                    },
                ],
            },
        ),
        ('(contains(event, "x") or event = "y") and type = "track"', "as the reference reads it"),
        ("event = 'quoted\"both'", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_a_trigger_is_shown_as_rows_when_rows_can_write_it_again(trigger: str, rows: Any) -> None:
    """ux.md §6: one level, or one level of groups without function calls."""
    shown = trigger_rows(trigger)

    if rows == "as the reference reads it":
        # The function ends the group early: three conditions of one level, which rows can say.
        assert shown is not None
        assert [item["type"] for item in shown["items"]] == ["event", "event", "event-type"]
    else:
        assert shown == rows


def test_an_event_that_does_not_match_is_told_which_condition_fails() -> None:
    found = explain('type = "track" and properties.price >= 10 and traits.email != null', audience_event())

    assert found is not None
    assert found.matches is False
    assert [(verdict.words, verdict.ok, verdict.found) for verdict in found.verdicts] == [
        ("Event type is track", True, ""),
        ("properties.price is at least 10", False, "it is missing"),
        ("traits.email exists", False, "it is missing"),
    ]
    assert found.summary == "2 of 3 conditions do not hold."


def test_the_value_that_was_found_is_shown() -> None:
    found = explain('event = "Other"', audience_event())

    assert found is not None
    assert [verdict.found for verdict in found.verdicts] == ['it is "Audience Entered"']
    assert found.summary == "1 of 1 condition does not hold."


def test_a_trigger_that_cannot_be_read_is_not_explained() -> None:
    assert explain("nonsense", audience_event()) is None


def test_problems_are_marked_where_they_are() -> None:
    pieces = marked("type = 'track' and event = \"A\"")

    assert [(piece.text, bool(piece.message)) for piece in pieces] == [
        ("type = ", False),
        ("'track'", True),
        (' and event = "A"', False),
    ]
    assert "double quotes" in pieces[1].message


def test_a_problem_at_the_end_marks_a_blank() -> None:
    pieces = marked('type = "track" and')

    assert "".join(piece.text for piece in pieces) == 'type = "track" and '
    assert pieces[-1].message == "A condition is missing at the end."


def test_a_trigger_without_problems_has_no_marks() -> None:
    assert marked('type = "track"') == []


def test_the_names_that_a_trigger_asks_for_are_found_in_groups_too() -> None:
    assert event_names('type = "track" and (event = "A" or event = "B")') == ["A", "B"]
    assert event_names("nonsense") == []


def test_words_of_a_group_stand_in_parentheses() -> None:
    assert trigger_words('type = "track" and (event = "A" or event = "B")') == [
        "Event type is track",
        "and (Event name is A or Event name is B)",
    ]
