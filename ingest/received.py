"""The incoming side of the debugger: what the sources received, message by message, newest first.

Requests are kept as they came; a page reads them back, newest first, through the code that stored them. A filter that
few messages pass is looked for in the text of whole requests, for a moment at most; the page then says where it
stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from common.errors import FieldError, InvalidError
from ingest import bodies
from ingest.inbound import InboundRow, Mark, Message, read_row
from ingest.storing import DUPLICATE
from spaces.models import Source, Space

STATUSES = ("stored", "duplicate", "rejected")
TYPES = ("track", "identify", "page", "screen", "group", "alias")
SEARCH_SECONDS = 1.5
FIRST_BLOCK, BLOCK = 60, 500
MOST_NEW = 100
LONGEST = 300
MAX_ID = 2**63 - 1

READ = """
SELECT id, space_id, source_id, received_at, call, encoding, body, ip, refused, marks FROM inbound_log
WHERE space_id = %(space)s AND id {than} %(start)s {more} ORDER BY id {order} LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """What is looked at; "" is any. `user` is a user id, an anonymous id or an e-mail address."""

    space: Space
    source: Source | None = None
    kind: str = ""
    name: str = ""
    user: str = ""
    status: str = ""
    text: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.kind or self.name or self.user or self.status or self.text)

    def query(self) -> dict[str, str]:
        found = {
            "source": self.source.public_id if self.source else "",
            "type": self.kind,
            "name": self.name,
            "user": self.user,
            "status": self.status,
            "q": self.text,
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, kw_only=True)
class Received:
    """One message. `id` is "request.place"; `event` is {} when the text is no JSON object."""

    id: str
    row_id: int
    source_id: int
    received_at: datetime
    kind: str
    name: str
    user: str
    message_id: str | None
    status: str
    code: str
    detail: str
    text: str
    event: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ReceivedPage:
    """`after` is the cursor of what is older, None at the end. `is_cut`: the search stopped since its time was up."""

    rows: list[Received]
    after: str | None
    is_cut: bool = False


def read_incoming(space: Space, given: Callable[[str, str], str]) -> Incoming:
    """The filters of a query string; InvalidError names those that mean nothing here."""
    errors: list[FieldError] = []
    values = {
        key: given(key, "").replace("\x00", "").strip()[:LONGEST] for key in ("type", "status", "name", "user", "q")
    }
    for key, known in (("type", TYPES), ("status", STATUSES)):
        if values[key] and values[key] not in known:
            errors.append(FieldError(path=f"/{key}", code="invalid", detail=f"Use one of {', '.join(known)}."))
    public_id = given("source", "").replace("\x00", "")
    source = Source.objects.in_space(space).filter(public_id=public_id).first() if public_id else None
    if public_id and source is None:
        errors.append(FieldError(path="/source", code="not_found", detail="This space has no such source."))
    if errors:
        raise InvalidError(" ".join(error.detail for error in errors), errors)
    return Incoming(
        space=space,
        source=source,
        kind=values["type"],
        status=values["status"],
        name=values["name"],
        user=values["user"],
        text=values["q"],
    )


def received_page(wanted: Incoming, *, after: str = "", size: int = 50) -> ReceivedPage:
    """The messages older than the cursor."""
    row_id, place = _cursor(after)
    deadline = time.monotonic() + SEARCH_SECONDS
    found: list[Received] = []
    start = row_id
    for row, marks in _requests(wanted, start=row_id, deadline=deadline):
        start = row.id
        for message in reversed(_messages(wanted, row, marks)):
            if row.id == row_id and int(message.id.partition(".")[2]) >= place:
                continue
            if len(found) == size:
                return ReceivedPage(rows=found, after=found[-1].id)
            found.append(message)
        # The request of the cursor itself may be read to its end already: stopping there would get nowhere.
        if row.id != row_id and time.monotonic() >= deadline:
            return ReceivedPage(rows=found, after=f"{start}.0", is_cut=True)
    return ReceivedPage(rows=found, after=None)


def newer_than(wanted: Incoming, last_id: int) -> tuple[list[Received], int, int]:
    """(up to MOST_NEW messages of later requests, newest first; how many there are; the newest request)."""
    found: list[Received] = []
    newest = last_id
    count = 0
    deadline = time.monotonic() + SEARCH_SECONDS
    for row, marks in _requests(wanted, start=last_id, is_upwards=True, deadline=deadline):
        newest = row.id
        messages = _messages(wanted, row, marks)
        count += len(messages)
        found = [*reversed(messages), *found][:MOST_NEW]
        if time.monotonic() >= deadline:
            break
    return found, count, newest


def newest_id(space: Space) -> int:
    """The newest request of the space, 0 when there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM inbound_log WHERE space_id = %s ORDER BY id DESC LIMIT 1", [space.pk])
        row = cursor.fetchone()
        return int(row[0]) if row else 0


def find_received(space: Space, message: str) -> Received | None:
    """A message by its id "request.place"."""
    row_id, place = _cursor(message)
    everything = Incoming(space=space)
    if row_id >= MAX_ID or not message:
        return None
    for row, marks in _requests(everything, start=row_id, deadline=None):
        if row.id != row_id:
            return None
        return next((one for one in _messages(everything, row, marks) if one.id == f"{row_id}.{place}"), None)
    return None


def received_event(space: Space, message: str) -> dict[str, Any] | None:
    """What was received as the message "request.place", for the editor of mappings (settings.SAMPLE_EVENTS)."""
    found = find_received(space, message)
    return dict(found.event) if found is not None else None


def issues_of(space: Space, received: Received) -> list[tuple[str, str]]:
    """(violation, identifier type) that identity resolution noted of a message."""
    if received.message_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT violation, id_type FROM identity_issue WHERE space_id = %s AND message_id = %s "
            "ORDER BY id LIMIT 20",
            [space.pk, received.message_id],
        )
        return list(cursor.fetchall())


def _requests(
    wanted: Incoming, *, start: int, deadline: float | None, is_upwards: bool = False
) -> Iterator[tuple[InboundRow, list[Mark]]]:
    """Requests that may hold a wanted message, from `start` (not upwards: with it, for it may be read in part)."""
    more = ""
    params: dict[str, Any] = {"space": wanted.space.pk, "start": start, "limit": FIRST_BLOCK}
    if wanted.source is not None:
        more += " AND source_id = %(source)s"
        params["source"] = wanted.source.pk
    if wanted.status in {"duplicate", "rejected"}:
        more += " AND marks IS NOT NULL"
    than = ">" if is_upwards else "<="
    needles = _needles(wanted)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(READ.format(than=than, more=more, order="ASC" if is_upwards else "DESC"), params)
            rows = cursor.fetchall()
        for *fields, marks in rows:
            row = InboundRow(*fields)
            if needles and not _holds(row, needles):
                continue
            yield row, [Mark(*mark) for mark in msgspec.json.decode(marks)] if marks else []
        if len(rows) < params["limit"]:
            return
        last = rows[-1][0]
        params |= {"start": last if is_upwards else last - 1, "limit": BLOCK}
        if deadline is not None and time.monotonic() >= deadline and rows:
            # One more request, so that the caller learns how far the search came.
            row = InboundRow(*rows[-1][:-1])
            yield InboundRow(**{**msgspec.structs.asdict(row), "body": b"", "encoding": bodies.PLAIN}), []
            return


def _needles(wanted: Incoming) -> list[bytes]:
    """Texts that a request has to hold, in lower case; only those that JSON always writes alike."""
    texts = [text for text in (wanted.text, wanted.name, wanted.user) if text]
    return [text.lower().encode() for text in texts if text.isascii() and not set(text) & set("\"\\/<>&'")]


def _holds(row: InboundRow, needles: list[bytes]) -> bool:
    body = bodies.unpack(row.encoding, bytes(row.body)).lower()
    return all(needle in body for needle in needles) or b"\\u" in body


def _messages(wanted: Incoming, row: InboundRow, marks: list[Mark]) -> list[Received]:
    by_place = {mark.place: mark for mark in marks}
    found = [
        _received(row, place, message, by_place.get(place))
        for place, message in enumerate(read_row(row) if row.body else [])
    ]
    return [one for one in found if _is_wanted(wanted, one)]


def _received(row: InboundRow, place: int, message: Message, mark: Mark | None) -> Received:
    text = message.raw.decode("utf-8", "replace").replace("\x00", "\ufffd")
    event = _object(text)
    if mark is not None and mark.code == DUPLICATE:
        status, code, detail = DUPLICATE, DUPLICATE, "A message with this messageId was received before."
    elif mark is not None and mark.code:
        status, code, detail = "rejected", mark.code, mark.detail
    elif message.call is None:
        status, code, detail = "rejected", message.code, message.detail
    else:
        status, code, detail = "stored", "", ""
    message_id = message.message_id if message.is_named else (mark.given_id if mark is not None else None)
    call = message.call
    kind = call.type if call is not None else str(event.get("type") or (row.call if row.call != "batch" else ""))
    return Received(
        id=f"{row.id}.{place}",
        row_id=row.id,
        source_id=row.source_id,
        received_at=row.received_at,
        kind=kind,
        name=call.name if call is not None and call.name else str(event.get("event") or event.get("name") or ""),
        user=_first_text(event.get("userId"), _email(event), event.get("anonymousId")),
        message_id=message_id,
        status=status,
        code=code,
        detail=detail,
        text=text,
        event=event | ({"type": kind} if kind and event else {}),
    )


def _is_wanted(wanted: Incoming, one: Received) -> bool:
    return (
        wanted.status in {"", one.status}
        and wanted.kind in {"", one.kind}
        and wanted.name in {"", one.name}
        and (not wanted.user or wanted.user in _users(one.event))
        and (not wanted.text or wanted.text.lower() in _readable(one).lower())
    )


def _readable(one: Received) -> str:
    """The text, and again without escapes where it has some: both spellings are found."""
    return f"{one.text}\n{json.dumps(one.event, ensure_ascii=False)}" if "\\u" in one.text else one.text


def _users(event: Mapping[str, Any]) -> set[str]:
    return {str(value) for value in (event.get("userId"), event.get("anonymousId"), _email(event)) if value}


def _email(event: Mapping[str, Any]) -> Any:
    context = event.get("context")
    places = [
        event.get("traits"),
        event.get("properties"),
        context.get("traits") if isinstance(context, dict) else None,
    ]
    return next((place["email"] for place in places if isinstance(place, dict) and place.get("email")), None)


def _first_text(*values: Any) -> str:
    return next((str(value) for value in values if value not in (None, "")), "")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _cursor(text: str) -> tuple[int, int]:
    """(request, place) of a cursor; the end of the log for anything else."""
    row_id, _dot, place = text.partition(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in (row_id, place)):
        return MAX_ID, 0
    return int(row_id), int(place)
