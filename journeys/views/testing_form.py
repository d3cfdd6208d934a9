"""The form of a test: what was typed, kept as typed, and as the JSON that the API takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import QueryDict

from common.errors import FieldError
from engine.conditions.instants import UNITS
from journeys.services.testing_requests import DEFAULT_DAYS, GENERATED_USER, TestEvent

EVENT_FIELD = re.compile(r"event\.([0-9]{1,3})\.offset")
MOST_ROWS = 50
KINDS = (("track", "Event"), ("page", "Page"), ("screen", "Screen"), ("identify", "Traits"))
UNIT_NAMES = tuple(UNITS)
GENERATED, STORED = "generated", "profile"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that happens; all texts as typed. `details` is JSON: properties, of "identify" the traits."""

    number: int = 0
    offset: str = "0"
    unit: str = "hours"
    kind: str = "track"
    name: str = ""
    details: str = ""

    @property
    def prefix(self) -> str:
        return f"event.{self.number}"


@dataclass(frozen=True, kw_only=True)
class TestForm:
    """The whole form. `errors` by the name of the field."""

    __test__ = False

    who: str = GENERATED
    profile: str = ""
    user_id: str = GENERATED_USER
    email: str = "test@example.org"
    traits: str = ""
    start: str = ""
    days: str = str(DEFAULT_DAYS)
    is_sent: bool = False
    rows: tuple[Row, ...] = ()
    errors: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def blank(cls, *, profile: str, events: Sequence[TestEvent]) -> TestForm:
        """As first shown: `events` are those that make the person enter."""
        return cls(who=STORED if profile else GENERATED, profile=profile, rows=rows_of(events))

    @classmethod
    def posted(cls, data: QueryDict) -> TestForm:
        numbers = sorted({int(match[1]) for name in data if (match := EVENT_FIELD.fullmatch(name))})[:MOST_ROWS]
        return cls(
            who=STORED if data.get("who") == STORED else GENERATED,
            profile=data.get("profile", "").strip(),
            user_id=data.get("user_id", "").strip(),
            email=data.get("email", "").strip(),
            traits=data.get("traits", "").strip(),
            start=data.get("start", "").strip(),
            days=data.get("days", "").strip(),
            is_sent="send" in data,
            rows=tuple(_row(data, number, place) for place, number in enumerate(numbers)),
        )

    def with_row(self) -> TestForm:
        """One more, an hour after the last."""
        last = self.rows[-1] if self.rows else Row(offset="-1")
        offset = str(int(last.offset) + 1) if last.offset.lstrip("-").isdecimal() else "1"
        return self._numbered([*self.rows, Row(offset=offset, unit=last.unit)])

    def without_row(self, number: str) -> TestForm:
        return self._numbered([row for row in self.rows if str(row.number) != number])

    def with_events(self, events: Sequence[TestEvent]) -> TestForm:
        return replace(self, rows=rows_of(events))

    def with_traits(self, traits: Mapping[str, Any]) -> TestForm:
        """A generated person gets these, unless traits were typed already."""
        if not traits or self.traits or self.who == STORED:
            return self
        return replace(self, traits=json.dumps(traits, ensure_ascii=False))

    def _numbered(self, rows: Iterable[Row]) -> TestForm:
        return replace(self, rows=tuple(replace(row, number=number) for number, row in enumerate(rows))[:MOST_ROWS])

    def body(self) -> tuple[dict[str, Any], list[FieldError]]:
        """The request as the API takes it, and what is no JSON or no number."""
        problems: list[FieldError] = []
        body: dict[str, Any] = {"send": self.is_sent}
        if self.who == STORED:
            body["profile"] = self.profile
            if not self.profile:
                problems.append(_error("/profile", "required", "Say which person: a user id, e-mail or Segment ID."))
        else:
            body["traits"] = _json(self.traits, "/traits", problems)
            typed = {"user_id": self.user_id, "email": self.email}
            body["identifiers"] = {kind: value for kind, value in typed.items() if value}
        if self.start:
            body["from"] = self._start(problems)
        body["days"] = int(self.days) if self.days.isdecimal() else self.days
        body["events"] = [_event(row, place, problems) for place, row in enumerate(self.rows)]
        return body, problems

    def _start(self, problems: list[FieldError]) -> str | None:
        try:
            return datetime.fromisoformat(self.start).replace(tzinfo=UTC).isoformat()
        except ValueError:
            problems.append(_error("/from", "invalid_instant", "Give a date and a time (UTC)."))
            return None

    def refused(self, errors: Sequence[FieldError]) -> TestForm:
        """The same with its errors, each at the field of its path."""
        found: dict[str, list[str]] = {}
        for error in errors:
            found.setdefault(_field(error.path), []).append(error.detail)
        return replace(self, errors=found)

    @property
    def shown_rows(self) -> list[tuple[Row, Mapping[str, list[str]]]]:
        """Each row with its own errors by the last part of their names."""
        return [
            (
                row,
                {
                    name.rpartition(".")[2]: texts
                    for name, texts in self.errors.items()
                    if name.startswith(f"{row.prefix}.")
                },
            )
            for row in self.rows
        ]


def rows_of(events: Sequence[TestEvent]) -> tuple[Row, ...]:
    rows = []
    for number, event in enumerate(events):
        amount, unit = in_units(event.offset)
        details = event.traits if event.type == "identify" else event.properties
        text = json.dumps(details, ensure_ascii=False) if details else ""
        rows.append(Row(number=number, offset=str(amount), unit=unit, kind=event.type, name=event.name, details=text))
    return tuple(rows)


def in_units(offset: timedelta) -> tuple[int, str]:
    """The largest unit that gives a whole number; zero in hours."""
    if not offset:
        return 0, "hours"
    micros = offset // timedelta(microseconds=1)
    unit = next((name for name in reversed(UNIT_NAMES) if micros % UNITS[name] == 0), "minutes")
    return micros // UNITS[unit], unit


def _row(data: QueryDict, number: int, place: int) -> Row:
    def typed(name: str) -> str:
        return data.get(f"event.{number}.{name}", "").strip()

    unit, kind = typed("unit"), typed("kind")
    return Row(
        number=place,
        offset=typed("offset"),
        unit=unit if unit in UNITS else "hours",
        kind=kind if kind in dict(KINDS) else "track",
        name=typed("name"),
        details=typed("details"),
    )


def _event(row: Row, place: int, problems: list[FieldError]) -> dict[str, Any]:
    path = f"/events/{place}"
    event: dict[str, Any] = {"type": row.kind}
    if row.offset.isdecimal() and len(row.offset) < 10:
        event["offset"] = {row.unit: int(row.offset)}
    else:
        problems.append(_error(f"{path}/offset", "invalid_offset", "Give a whole number, 0 or more."))
    details = _json(row.details, f"{path}/details", problems)
    if row.kind == "identify":
        event["traits"] = details
    else:
        event |= {"event": row.name, "properties": details}
    return event


def _json(text: str, path: str, problems: list[FieldError]) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        problems.append(
            _error(path, "invalid_json", 'This is not valid JSON. Write an object such as {"plan": "pro"}.')
        )
        return {}
    if not isinstance(found, dict):
        problems.append(_error(path, "wrong_type", 'Write a JSON object such as {"plan": "pro"}.'))
        return {}
    return found


def _field(path: str) -> str:
    parts = path.strip("/").split("/")
    if parts[0] == "events" and len(parts) > 2:
        names = {"event": "name", "type": "kind", "properties": "details", "traits": "details"}
        return f"event.{parts[1]}.{names.get(parts[2], parts[2])}"
    if parts[0] == "identifiers" and len(parts) > 1:
        return parts[1]
    return {"from": "start"}.get(parts[0], parts[0] or "form")


def _error(path: str, code: str, detail: str) -> FieldError:
    return FieldError(path=path, code=code, detail=detail)
