from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from destinations import comparing
from destinations.catalog import definition
from destinations.comparing import changed_paths, compare
from destinations.drafts import Draft, draft_of
from destinations.recent_events import RecentEvent
from destinations.tests.builders import audience_event, make_destination
from spaces.models import Space


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("~", "a", "1", "2")]),
        ({"a": 1}, {"a": True}, [("~", "a", "1", "true")]),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": "x"}}, [("+", "a.c", None, '"x"')]),
        ({"a": 1, "b": None}, {"a": 1}, [("-", "b", "null", None)]),
        ({"l": [1, 2]}, {"l": [1, 3, 4]}, [("~", "l[1]", "2", "3"), ("+", "l[2]", None, "4")]),
        ({"a": {"b": 1}}, {"a": "text"}, [("~", "a", '{"b": 1}', '"text"')]),
    ],
)
def test_only_changed_paths_are_listed(before: Any, after: Any, changes: list[tuple[str, ...]]) -> None:
    found = [(one.sign, one.path, one.before, one.after) for one in changed_paths(before, after)]

    assert found == changes


def recent(number: int, **changes: Any) -> RecentEvent:
    event = audience_event(messageId=f"m{number}", **changes)
    at = datetime(2025, 1, 1, 0, number, tzinfo=UTC)
    return RecentEvent(id=f"m{number}", title="Track", origin="Engage", at=at, event=event)


def drafts(space: Space, **changes: Any) -> tuple[Draft, Draft]:
    row = make_destination(space=space).mappings.get()
    row.fields = {"method": "POST", "data": {"id": {"@path": "$.userId"}}}

    found = definition("webhook")
    assert found is not None
    before = draft_of(row, found.actions[0])
    values = {"trigger": before.trigger, "fields": before.fields, **changes}
    return before, Draft(destination=before.destination, action=before.action, **values)


def test_the_five_newest_events_are_compared(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "recent_events", lambda *_args, **_kwargs: [recent(n) for n in range(8)])
    fields = {"method": "POST", "data": {"id": {"@path": "$.userId"}, "kind": {"@path": "$.type"}}}
    before, after = drafts(space, fields=fields)

    found = compare(before, after)

    assert [one.recent.id for one in found] == ["m7", "m6", "m5", "m4", "m3"]
    assert [(change.sign, change.path, change.after) for change in found[0].changes] == [("+", "data.kind", '"track"')]
    assert not found[0].is_same


def test_an_event_that_is_not_sent_any_more_is_told(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "recent_events", lambda *_args, **_kwargs: [recent(1)])
    before, after = drafts(space, trigger='type = "identify"')

    found = compare(before, after)

    assert found[0].before.words == "sent"
    assert found[0].after.words == "not sent: the trigger does not match"
    assert found[0].changes == ()
    assert not found[0].is_same


def test_an_edit_that_breaks_the_payload_is_told(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "recent_events", lambda *_args, **_kwargs: [recent(1)])
    before, after = drafts(space, fields={"method": "NOPE"})

    found = compare(before, after)

    assert found[0].after.words.startswith("fails: ")


def test_an_edit_that_changes_nothing_says_so(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "recent_events", lambda *_args, **_kwargs: [recent(1)])
    before, after = drafts(space)

    assert compare(before, after)[0].is_same
