"""What a test of a journey is asked for: who, what happens to them and when. Read from JSON, with all problems."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from common.errors import FieldError, InvalidError
from engine.conditions.instants import UNITS, moment_of, parse_instant

KEYS = ("profile", "traits", "identifiers", "events", "from", "days", "send", "version", "definition")
EVENT_KEYS = ("offset", "event", "type", "properties", "traits")
TYPES = ("track", "page", "screen", "identify")
MOST_EVENTS = 200
DEFAULT_DAYS = 365
MOST_DAYS = 3_660
LONGEST_JSON = 32 * 1024
LONGEST_NAME = 500
GENERATED_USER = "test-user"


@dataclass(frozen=True, kw_only=True)
class TestEvent:
    """Something that happens `offset` after the start: an event, or (type "identify") traits that are written."""

    __test__ = False

    offset: timedelta
    type: str = "track"
    name: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TestRequest:
    """`profile` is an identifier or Segment ID of a stored person; without it one is made of traits and identifiers.

    The virtual clock starts at `start` (None: now) and ends `days` later.
    """

    __test__ = False

    profile: str = ""
    traits: Mapping[str, Any] = field(default_factory=dict)
    identifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    events: tuple[TestEvent, ...] = ()
    start: datetime | None = None
    days: int = DEFAULT_DAYS
    is_sent: bool = False


def read_request(body: Any) -> TestRequest:
    """The request of `{"profile" | "traits", "identifiers", "events": [{"offset", …}], "from", "days", "send"}`.

    `offset` is a duration as in conditions (`{"hours": 2}`) or a number of seconds. InvalidError with all problems.
    """
    reader = _Reader()
    request = reader.request(body)
    if reader.problems:
        count = len(reader.problems)
        raise InvalidError(
            "The test has 1 problem." if count == 1 else f"The test has {count} problems.", reader.problems
        )
    return request


class _Reader:
    def __init__(self) -> None:
        self.problems: list[FieldError] = []

    def request(self, body: Any) -> TestRequest:
        if not isinstance(body, Mapping):
            self._add("", "wrong_type", 'Send an object such as {"traits": {}, "events": [{"offset": 0, "event": …}]}.')
            return TestRequest()
        self._known(body, "", KEYS)
        profile = self._text(body, "/profile", "profile")
        if profile and (body.get("traits") or body.get("identifiers")):
            self._add("/traits", "ambiguous", "Choose a stored profile, or give the traits of a generated person.")
        return TestRequest(
            profile=profile,
            traits=self._document(body, "/traits", "traits"),
            identifiers=self._identifiers(body.get("identifiers")),
            events=self._events(body.get("events")),
            start=self._instant(body.get("from")),
            days=self._days(body.get("days", DEFAULT_DAYS)),
            is_sent=self._flag(body.get("send", False)),
        )

    def _events(self, items: Any) -> tuple[TestEvent, ...]:
        if items is None:
            return ()
        if not isinstance(items, list):
            self._add("/events", "wrong_type", '"events" is a list of objects with an offset and an event.')
            return ()
        if len(items) > MOST_EVENTS:
            self._add("/events", "too_many", f"Give at most {MOST_EVENTS} events.")
            return ()
        return tuple(self._event(item, f"/events/{number}") for number, item in enumerate(items))

    def _event(self, item: Any, path: str) -> TestEvent:
        if not isinstance(item, Mapping):
            self._add(path, "wrong_type", 'An event is an object such as {"offset": {"hours": 2}, "event": "…"}.')
            return TestEvent(offset=timedelta())
        self._known(item, path, EVENT_KEYS)
        kind = item.get("type", "identify" if "traits" in item and "event" not in item else "track")
        if kind not in TYPES:
            self._add(f"{path}/type", "unknown_choice", f"Use one of: {', '.join(TYPES)}.")
            kind = "track"
        name = self._text(item, f"{path}/event", "event")
        if kind == "track" and not name:
            self._add(f"{path}/event", "required", "Name the event.")
        if kind == "identify" and not item.get("traits"):
            self._add(f"{path}/traits", "required", "Give at least one trait that is written.")
        return TestEvent(
            offset=self._offset(item.get("offset", 0), f"{path}/offset"),
            type=kind,
            name=name,
            properties=self._document(item, f"{path}/properties", "properties"),
            traits=self._document(item, f"{path}/traits", "traits"),
        )

    def _offset(self, value: Any, path: str) -> timedelta:
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            if 0 <= value <= MOST_DAYS * 86_400:
                return timedelta(seconds=float(value))
        elif isinstance(value, Mapping) and len(value) == 1:
            unit, amount = next(iter(value.items()))
            is_whole = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0
            if unit in UNITS and is_whole and amount * UNITS[unit] <= MOST_DAYS * UNITS["days"]:
                return timedelta(microseconds=amount * UNITS[unit])
        detail = f'Give a duration such as {{"hours": 2}} or seconds, from 0 to {MOST_DAYS:,} days.'
        self._add(path, "invalid_offset", detail)
        return timedelta()

    def _identifiers(self, value: Any) -> dict[str, tuple[str, ...]]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._add("/identifiers", "wrong_type", 'Give identifiers by type, such as {"email": "ann@example.org"}.')
            return {}
        found = {}
        for kind, given in value.items():
            values = given if isinstance(given, list) else [given]
            if not values or not all(isinstance(one, str) and one and _is_clean(one) for one in values):
                self._add(f"/identifiers/{kind}", "wrong_type", "An identifier is text, or a list of texts.")
            else:
                found[str(kind)] = tuple(values)
        return found

    def _document(self, raw: Mapping[str, Any], path: str, key: str) -> Mapping[str, Any]:
        value = raw.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._add(path, "wrong_type", f'"{key}" is an object.')
            return {}
        try:
            text = json.dumps(value, allow_nan=False, ensure_ascii=False, default=_decimal)
        except (TypeError, ValueError, RecursionError):
            self._add(path, "invalid_json", "This holds something that JSON does not know.")
            return {}
        if len(text) > LONGEST_JSON or not _is_clean(text):
            self._add(path, "invalid_json", f"Use at most {LONGEST_JSON:,} characters, and no NUL among them.")
            return {}
        return value

    def _instant(self, value: Any) -> datetime | None:
        if value is None or value == "":
            return None
        micros = parse_instant(value) if isinstance(value, str) else None
        if micros is not None:
            moment = moment_of(micros)
            if 1970 <= moment.year <= 2200:
                return moment
        self._add("/from", "invalid_instant", "Give an instant with its zone, such as 2026-03-01T09:00:00Z.")
        return None

    def _days(self, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_DAYS:
            return value
        self._add("/days", "invalid_days", f"Give whole days from 1 to {MOST_DAYS:,}.")
        return DEFAULT_DAYS

    def _flag(self, value: Any) -> bool:
        if not isinstance(value, bool):
            self._add("/send", "wrong_type", '"send" is true or false.')
        return value is True

    def _text(self, raw: Mapping[str, Any], path: str, key: str) -> str:
        value = raw.get(key)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > LONGEST_NAME or not _is_clean(value):
            self._add(path, "wrong_type", f"Give text of at most {LONGEST_NAME} characters.")
            return ""
        return value.strip() if key == "profile" else value

    def _known(self, raw: Mapping[str, Any], path: str, keys: tuple[str, ...]) -> None:
        for key in raw:
            if key not in keys:
                self._add(f"{path}/{key}", "unknown_key", f"There is no such member; give some of {', '.join(keys)}.")

    def _add(self, path: str, code: str, detail: str) -> None:
        self.problems.append(FieldError(path=path, code=code, detail=detail))


def _is_clean(text: str) -> bool:
    return "\x00" not in text and "\\u0000" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _decimal(value: Any) -> float:
    if isinstance(value, Decimal) and value.is_finite():
        return float(value)
    raise TypeError
