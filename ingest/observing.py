"""What the builders offer by type-ahead: event names with counts, properties and traits with sample values.

Fields are sampled: a few calls of each kind a micro-batch, and nothing is written that this process wrote lately.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from django.db import connection

from engine.events import Call
from profiles.models import ACCOUNTS, USERS, EventType

SAMPLED_CALLS = 3
MOST_SAMPLES = 10
MOST_PATHS = 200
LONGEST_PATH = 200
# Bytes of event name and path together; an index entry holds about 2,700.
LONGEST_KEY = 2_400
LONGEST_SAMPLE = 100
DEEPEST_PATH = 4
REMEMBER_SECONDS = 600.0
MOST_REMEMBERED = 50_000

_TYPES = {"track": EventType.TRACK.value, "page": EventType.PAGE.value, "screen": EventType.SCREEN.value}
FieldKey = tuple[int, str, int, str, str]  # space, scope, event type, event name, path

# What this process knows to be stored: field -> (forget at, its samples).
_known: dict[FieldKey, tuple[float, set[Any]]] = {}


def observe(calls: Sequence[tuple[int, Call]]) -> None:
    """Count event names and keep samples of the fields of these (space, call) pairs, in the caller's transaction."""
    seen: dict[tuple[int, str, str], int] = {}
    fields: dict[FieldKey, tuple[str, list[Any]]] = {}
    for space_id, call in calls:
        key = (space_id, call.type, call.name)
        count = seen.get(key, 0)
        seen[key] = count + 1
        if count < SAMPLED_CALLS:
            _sample(space_id, call, fields)
    names = {(space_id, _TYPES[kind], name): count for (space_id, kind, name), count in seen.items() if kind in _TYPES}
    if names:
        _count_names(names)
    news = {key: value for key, value in fields.items() if _is_news(key, value[1])}
    if news:
        _write_fields(news)


def _sample(space_id: int, call: Call, fields: dict[FieldKey, tuple[str, list[Any]]]) -> None:
    if call.type in _TYPES:
        scope, kind, name, values = "property", _TYPES[call.type], call.name, call.properties
    else:
        scope, kind, name, values = "trait", ACCOUNTS if call.type == "group" else USERS, "", call.traits
    for path, value in walk(values):
        value_type, sample = describe_value(value)
        if value_type and len(name.encode()) + len(path.encode()) <= LONGEST_KEY:
            fields.setdefault((space_id, scope, kind, name, path), (value_type, []))[1].append(sample)


def walk(values: dict[str, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of the fields of an object, nested objects walked into, at most MOST_PATHS."""
    for count, (key, value) in enumerate(values.items()):
        path = prefix + key
        if count >= MOST_PATHS:
            return
        if not key or len(path) > LONGEST_PATH:
            continue
        if isinstance(value, dict) and depth < DEEPEST_PATH:
            yield from walk(value, path + ".", depth + 1)
        else:
            yield path, value


def describe_value(value: Any) -> tuple[str, Any]:
    """(type for the builder, sample); the type is "" for what says nothing (null)."""
    if value is None:
        return "", None
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int | float):
        return "number", value
    if isinstance(value, str):
        return "string", value[:LONGEST_SAMPLE]
    if isinstance(value, list):
        first = next((item for item in value if isinstance(item, str | int | float)), None)
        return "array", first[:LONGEST_SAMPLE] if isinstance(first, str) else first
    return "object", None


def _is_news(key: FieldKey, samples: Iterable[Any]) -> bool:
    known = _known.get(key)
    if known is None or known[0] < time.monotonic():
        return True
    return len(known[1]) < MOST_SAMPLES and any(sample is not None and sample not in known[1] for sample in samples)


def _count_names(names: dict[tuple[int, int, str], int]) -> None:
    rows = [
        {"s": space_id, "t": kind, "n": name, "c": count} for (space_id, kind, name), count in sorted(names.items())
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO observed_event AS o (space_id, type, name, seen, last_seen_at) SELECT s, t, n, c, now() "
            "FROM json_to_recordset(%s) AS i(s int, t smallint, n text, c bigint) ORDER BY s, t, n "
            "ON CONFLICT (space_id, type, name) DO UPDATE "
            "SET seen = o.seen + excluded.seen, last_seen_at = excluded.last_seen_at",
            [msgspec.json.encode(rows).decode()],
        )


def _write_fields(news: dict[FieldKey, tuple[str, list[Any]]]) -> None:
    keys = sorted(news)
    rows = [{"s": k[0], "c": k[1], "t": k[2], "n": k[3], "p": k[4]} for k in keys]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o.space_id, o.scope, o.event_type, o.event_name, o.path, o.samples::text "
            "FROM json_to_recordset(%s) AS i(s int, c text, t smallint, n text, p text) "
            "JOIN observed_field o ON o.space_id = i.s "
            "AND o.scope = i.c AND o.event_type = i.t AND o.event_name = i.n AND o.path = i.p",
            [msgspec.json.encode(rows).decode()],
        )
        stored = {tuple(row[:5]): msgspec.json.decode(row[5]) for row in cursor.fetchall()}
        for row, key in zip(rows, keys, strict=True):
            samples = list(stored.get(key, []))
            for sample in news[key][1]:
                if sample is not None and sample not in samples and len(samples) < MOST_SAMPLES:
                    samples.append(sample)
            row |= {"v": news[key][0], "x": samples}
            if len(_known) >= MOST_REMEMBERED:
                _known.clear()
            _known[key] = (time.monotonic() + REMEMBER_SECONDS, set(samples))
        cursor.execute(
            "INSERT INTO observed_field AS o (space_id, scope, event_type, event_name, path, value_type, samples, "
            "last_seen_at) SELECT s, c, t, n, p, v, x, now() FROM json_to_recordset(%s) "
            "AS i(s int, c text, t smallint, n text, p text, v text, x jsonb) ORDER BY s, c, t, n, p "
            "ON CONFLICT (space_id, scope, event_type, event_name, path) DO UPDATE SET samples = excluded.samples, "
            "value_type = excluded.value_type, last_seen_at = excluded.last_seen_at",
            [msgspec.json.encode(rows).decode()],
        )
