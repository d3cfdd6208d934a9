"""Taking a person out of the received requests that the debugger keeps, and out of rejected messages.

The requests are looked through in slices of their ids; only the messages that name the person are blanked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connection, transaction

from ingest import bodies
from ingest.deletion.subject import Subject
from ingest.inbound import Mark
from ingest.suppressing import BLANK, blank

CODE = "person_deleted"
DETAIL = "The person was deleted; what the call said was removed."
SLICE = 500

READ = """
SELECT id, received_at, call, encoding, body, marks FROM inbound_log
WHERE space_id = %s AND id > %s AND id <= %s ORDER BY id LIMIT %s
"""


def newest_request(space_id: int) -> int:
    """The id of the latest request that may hold the person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest((SELECT coalesce(max(id), 0) FROM inbound_log WHERE space_id = %s), "
            "(SELECT coalesce(max(id), 0) FROM inbound_batch WHERE space_id = %s))",
            [space_id, space_id],
        )
        return int(cursor.fetchone()[0])


def waiting_requests(space_id: int, upto: int) -> int:
    """Requests up to this one that were not processed yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM inbound_batch WHERE space_id = %s AND id <= %s", [space_id, upto])
        return int(cursor.fetchone()[0])


@transaction.atomic
def blank_slice(*, space_id: int, subject: Subject, after: int, upto: int) -> tuple[int, int]:
    """(messages blanked, id up to which the log was read); the id is `upto` at the end."""
    with connection.cursor() as cursor:
        cursor.execute(READ, [space_id, after, upto, SLICE])
        rows = cursor.fetchall()
        blanked = 0
        needles = subject.needles()
        for row_id, received_at, call, encoding, body, marks in rows:
            plain = bodies.unpack(encoding, bytes(body))
            places = _places(call, plain, needles, subject)
            if not places:
                continue
            blanked += len(places)
            kind, stored = blank(call, plain, places)
            cursor.execute(
                "UPDATE inbound_log SET encoding = %s, body = %s, ip = NULL, marks = %s "
                "WHERE space_id = %s AND id = %s AND received_at = %s",
                [kind, stored, _marked(marks, places), space_id, row_id, received_at],
            )
    return blanked, rows[-1][0] if len(rows) == SLICE else upto


def _places(call: str, body: bytes, needles: Sequence[bytes], subject: Subject) -> set[int]:
    lower = body.lower()
    if not any(needle in lower for needle in needles) and b"\\u" not in lower:
        return set()
    if call != "batch":
        return {0} if _names(body, subject) else set()
    try:
        envelope = bodies.split(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {0} if _names(body, subject) else set()
    places = {place for place, item in enumerate(envelope.batch or ()) if _names(bytes(item), subject)}
    if subject.mentioned_in(envelope.context):
        places = set(range(len(envelope.batch or ())))
    return places


def _names(raw: bytes, subject: Subject) -> bool:
    try:
        return subject.mentioned_in(json.loads(raw))
    except (ValueError, RecursionError):
        text = raw.decode("utf-8", "replace")
        lower = text.lower()
        return subject.mentioned_in(text) or any(f'"{short}"' in lower for short in subject.short)


def _marked(marks: str | None, places: set[int]) -> str:
    stored: list[list[Any]] = msgspec.json.decode(marks) if marks else []
    kept = [mark for mark in stored if mark[0] not in places]
    fresh = [list(Mark(place, CODE, DETAIL)) for place in sorted(places)]
    return msgspec.json.encode(sorted(kept + fresh, key=lambda mark: mark[0])).decode()


@transaction.atomic
def blank_rejected(*, space_id: int, subject: Subject) -> int:
    """Blank the rejected messages that name the person; how many."""
    likes = subject.likes()
    if not likes:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, message FROM rejected_message WHERE space_id = %s "
            "AND (lower(message) LIKE ANY(%s) OR message LIKE '%%\\\\u%%')",
            [space_id, likes],
        )
        ids = [row_id for row_id, message in cursor.fetchall() if _names(message.encode(), subject)]
        cursor.execute(
            "UPDATE rejected_message SET message = %s, message_id = NULL, detail = %s WHERE id = ANY(%s)",
            [BLANK.decode(), DETAIL, ids],
        )
    return len(ids)
