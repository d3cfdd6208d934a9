"""One call as rows: an Identify is a row of `identifies` and the newest values of its user in `users`, a Track a row of
the table of its event, a Group a row of `groups` (destinations-and-sync.md §12).

A value is named by its path in the call, (`traits`, `address`, `city`); `planning` gives it a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

IDENTIFIES, USERS, GROUPS = "identifies", "users", "groups"
OWN_TABLES = (IDENTIFIES, USERS, GROUPS)
# Deeper objects are kept as JSON text.
DEEPEST = 5
# Objects of the call that stay one value: settings of people's own, of any shape.
WHOLE = frozenset({("context", "personas", "audience_settings")})
ID, USER_ID, ANONYMOUS_ID, GROUP_ID = ("id",), ("user_id",), ("anonymous_id",), ("group_id",)
EVENT, EVENT_TEXT, LOADED_AT = ("event",), ("event_text",), ("uuid_ts",)
TIMES = {
    "received_at": "receivedAt",
    "sent_at": "sentAt",
    "original_timestamp": "originalTimestamp",
    "timestamp": "timestamp",
}

Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRow:
    """A row of a table: of its own (`table`), or of the one of an event, whose name is not safe yet (`event`)."""

    values: dict[Path, Any]
    table: str = ""
    event: str = ""


def rows_of(call: Mapping[str, Any], *, loaded_at: str) -> list[TableRow]:
    """The rows of a call; `loaded_at` is when they are written. Nothing for a payload that was removed.

    >>> [row.table for row in rows_of({"type": "identify", "messageId": "m", "anonymousId": "a"}, loaded_at="now")]
    ['identifies']
    """
    kind, message_id = call.get("type"), call.get("messageId")
    if kind not in {"identify", "track", "group"} or not message_id:
        return []
    user_id = call.get("userId")
    common: dict[Path, Any] = {ID: message_id}
    common |= {(name,): call.get(member) for name, member in TIMES.items()}
    common |= {LOADED_AT: loaded_at, USER_ID: user_id, ANONYMOUS_ID: call.get("anonymousId")}
    context: dict[Path, Any] = dict(_flat(call.get("context"), ("context",)))
    if kind == "track":
        event = str(call.get("event") or "")
        own: dict[Path, Any] = dict(_flat(call.get("properties"), ("properties",)))
        return [TableRow(event=event, values={**common, EVENT_TEXT: event, **context, **own})]
    traits: dict[Path, Any] = dict(_flat(call.get("traits"), ("traits",)))
    if kind == "group":
        return [TableRow(table=GROUPS, values={**common, GROUP_ID: call.get("groupId"), **context, **traits})]
    rows = [TableRow(table=IDENTIFIES, values={**common, **context, **traits})]
    if user_id is not None:
        newest: dict[Path, Any] = {
            ID: user_id,
            USER_ID: user_id,
            ("received_at",): call.get("receivedAt"),
            LOADED_AT: loaded_at,
        }
        rows.append(TableRow(table=USERS, values={**newest, **traits}))
    return rows


def _flat(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The values inside of objects with their paths."""
    if not isinstance(value, Mapping):
        return
    for name, item in value.items():
        place = (*path, str(name))
        if isinstance(item, Mapping) and item and len(place) <= DEEPEST and place not in WHOLE:
            yield from _flat(item, place)
        else:
            yield place, item
