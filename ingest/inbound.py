"""The inbound log: claim the oldest requests and split them into messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from django.conf import settings
from django.db import connection

from engine.events import Call, RejectedMessageError, read_call
from ingest import bodies

LONGEST_REJECTED = 32 * 1024


class Message(msgspec.Struct, gc=False):
    """One message of the log: either a call, or a rejection (`code`, `detail`). `text` is its JSON, for rejections."""

    source_id: int
    received_at: datetime
    raw: bytes
    message_id: str | None
    call: Call | None
    code: str = ""
    detail: str = ""
    # The caller gave the messageId, so that it can be a duplicate.
    is_named: bool = True
    # Where it came from: the request's row, and the place in its batch.
    row_id: int = 0
    position: int = 0

    def reject(self, code: str, detail: str) -> None:
        self.call = None
        self.code = code
        self.detail = detail

    def text(self) -> str:
        return self.raw[:LONGEST_REJECTED].decode("utf-8", "replace").replace("\x00", "\ufffd")


class InboundRow(msgspec.Struct):
    id: int
    space_id: int
    source_id: int
    received_at: datetime
    call: str
    encoding: int
    body: bytes
    ip: str | None
    refused: str


def claim(limit: int) -> tuple[list[int], dict[int, list[Message]]]:
    """Lock the oldest waiting requests with about `limit` messages: (row ids, messages by space).

    Rows that another worker has locked are skipped. Call inside a transaction.
    """
    ids: list[int] = []
    by_space: dict[int, list[Message]] = {}
    found = last = 0
    block = 4
    with connection.cursor() as cursor:
        while found < limit:
            cursor.execute(
                "SELECT id, space_id, source_id, received_at, call, encoding, body, ip, refused FROM inbound_batch "
                "WHERE id > %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
                [last, block],
            )
            rows = [InboundRow(*fields) for fields in cursor.fetchall()]
            for row in rows:
                messages = read_row(row)
                found += len(messages)
                by_space.setdefault(row.space_id, []).extend(messages)
                ids.append(row.id)
            if len(rows) < block:
                break
            last = rows[-1].id
            # Requests of one event each: ask for about as many as are still wanted.
            mean = max(1, found // len(ids))
            block = max(1, min(1_000, (limit - found) // mean + 1))
    return ids, by_space


class Mark(NamedTuple):
    """What the raw request does not say of one of its messages: `place` in the batch and `code` ("" when stored).

    `code` is "duplicate" or a reason code with its `detail`. `given_id` is the messageId of a call that came without.
    """

    place: int
    code: str = ""
    detail: str = ""
    given_id: str | None = None


def keep(ids: list[int], marks: dict[int, list[Mark]]) -> None:
    """The requests are processed: they leave the queue for the log that the debugger reads."""
    if settings.ENGAGE_DEBUGGER_RETENTION_DAYS <= 0:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM inbound_batch WHERE id = ANY(%s)", [ids])
        return
    text = msgspec.json.encode([{"id": row_id, "marks": found} for row_id, found in marks.items()]).decode()
    text = text.replace("\\u0000", "\\ufffd")  # PostgreSQL takes no NUL
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH gone AS (DELETE FROM inbound_batch WHERE id = ANY(%s) RETURNING id, space_id, source_id, "
            "received_at, call, encoding, body, ip, refused) "
            "INSERT INTO inbound_log (id, space_id, source_id, received_at, call, encoding, body, ip, refused, marks) "
            "SELECT gone.*, known.marks FROM gone "
            "LEFT JOIN json_to_recordset(%s::json) AS known(id bigint, marks text) USING (id)",
            [ids, text],
        )


def read_row(row: InboundRow) -> list[Message]:
    """The messages of one request. Never raises for what a client sent: such messages are rejected."""
    body = bodies.unpack(row.encoding, bytes(row.body))
    if row.call != "batch":
        return [_message(row, body, call=row.call)]
    try:
        envelope = bodies.split(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return [_rejected(row, body, "bad_request", "The batch cannot be read.")]
    if envelope.batch is None:
        return [_rejected(row, body, "bad_request", "batch must be a list of calls.")]
    if not envelope.batch:
        return [_rejected(row, body, "empty_batch", "The batch has no calls.")]
    context = envelope.context if isinstance(envelope.context, dict) else None
    integrations = envelope.integrations if isinstance(envelope.integrations, dict) else None
    messages = [
        _message(row, bytes(raw), call="batch", sent_at=envelope.sent_at, context=context, integrations=integrations)
        for raw in envelope.batch[: bodies.MOST_ITEMS]
    ]
    for position, raw in enumerate(envelope.batch[bodies.MOST_ITEMS :], start=bodies.MOST_ITEMS + 1):
        detail = f"Call {position} of a batch that may have {bodies.MOST_ITEMS}; send smaller batches."
        messages.append(_rejected(row, bytes(raw), "bad_request", detail))
    for position, message in enumerate(messages):
        message.position = position
    return messages


def _rejected(row: InboundRow, raw: bytes, code: str, detail: str, message_id: str | None = None) -> Message:
    return Message(row.source_id, row.received_at, raw, message_id, None, code, detail, row_id=row.id)


def _message(
    row: InboundRow,
    raw: bytes,
    *,
    call: str,
    sent_at: Any = None,
    context: dict[str, Any] | None = None,
    integrations: dict[str, Any] | None = None,
) -> Message:
    if row.refused:
        return _rejected(row, raw, row.refused, "The source is disabled; enable it to take in calls.")
    try:
        read = read_call(
            raw, call=call, received_at=row.received_at, sent_at=sent_at, context=context, integrations=integrations
        )
    except RejectedMessageError as error:
        message_id = error.message_id
        if message_id is not None:
            message_id = message_id.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
        return _rejected(row, raw, error.code, error.detail, message_id)
    if row.ip and "ip" not in read.context and read.context.get("direct") is True:
        read.context["ip"] = row.ip
    if read.message_id is None:
        read.message_id = str(uuid4())
        return Message(row.source_id, row.received_at, raw, read.message_id, read, is_named=False, row_id=row.id)
    return Message(row.source_id, row.received_at, raw, read.message_id, read, row_id=row.id)
