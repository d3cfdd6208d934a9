"""Changes for a list destination: net adds and removes, waiting for the next sync of the connection.

An entry has at most one pending change. A change that undoes a pending one which was never tried cancels it, and both
are superseded; one that replaces a change already under way (or tried) takes its place, and that one is superseded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db import connection as database

from delivery.models import Connection, Outcome
from delivery.selectors.list_runs import in_run
from delivery.services import counters, tallies
from delivery.services.calls import Call, computation_of, message_ids
from delivery.services.counters import Count
from delivery.services.tallies import Tally
from delivery.services.targets import identity_of
from engine.payloads import CallKind, as_json, audience_call, integrations_for, nested
from spaces.models import Space

SUPERSEDED_DETAIL = "A later change of the same list entry came before this one was sent."
REPLACED = "REPLACED"

# What is already pending for the same entries, locked in one order.
PENDING = f"""
SELECT c.profile_id, c.id_type, c.id_value, c.attempts = 0 AND NOT {in_run("c")}
FROM list_change c
JOIN json_to_recordset(%s::json) AS n(profile_id bigint, id_type text, id_value text)
  ON c.profile_id = n.profile_id AND c.id_type = n.id_type AND c.id_value = n.id_value
WHERE c.space_id = %s AND c.connection_id = %s
ORDER BY c.profile_id, c.id_type, c.id_value
FOR UPDATE OF c
"""  # noqa: S608 - a fragment of this app
# Old pending rows leave for the log.
SUPERSEDE = """
WITH gone AS (
    DELETE FROM list_change c
    USING json_to_recordset(%s::json) AS n(profile_id bigint, id_type text, id_value text)
    WHERE c.space_id = %s AND c.connection_id = %s AND c.profile_id = n.profile_id
      AND c.id_type = n.id_type AND c.id_value = n.id_value
    RETURNING c.*
), logged AS (
    INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,
        created_at, finished_at, attempts, outcome, reason, detail)
    SELECT space_id, id, %s, connection_id, profile_id, message_id, CASE WHEN is_add THEN 'add' ELSE 'remove' END,
        payload, changed_at, %s, attempts, 'superseded', %s, %s
    FROM gone RETURNING kind, created_at
)
SELECT kind, created_at, count(*) FROM logged GROUP BY 1, 2
"""
INSERT = """
INSERT INTO list_change (space_id, connection_id, profile_id, id_type, id_value, is_add, message_id, payload,
    changed_at, attempts)
SELECT %s, %s, n.profile_id, n.id_type, n.id_value, n.is_add, n.message_id, n.payload, %s, 0
FROM json_to_recordset(%s::json) AS n(profile_id bigint, id_type text, id_value text, is_add boolean,
    message_id text, payload text)
"""
# The cancelling change itself, for the books.
LOG_CANCELLED = """
INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,
    created_at, finished_at, attempts, outcome, reason, detail)
SELECT %s, nextval('delivery_id_seq'), %s, %s, n.profile_id, n.message_id,
    CASE WHEN n.is_add THEN 'add' ELSE 'remove' END, n.payload, %s, %s, 0, 'superseded', %s, %s
FROM json_to_recordset(%s::json) AS n(profile_id bigint, is_add boolean, message_id text, payload text)
"""


def queue(
    *, space: Space, connection: Connection, names: list[str], calls: Sequence[Call], now: datetime
) -> Counter[tuple[str, str]]:
    """Store the changes; returns how many of each (kind, "") were emitted."""
    entries = _entries(space=space, connection=connection, names=names, calls=calls, now=now)
    text = msgspec.json.encode(entries).decode()
    with database.cursor() as cursor:
        cursor.execute(PENDING, [text, space.pk, connection.pk])
        pending = {(row[0], row[1], row[2]): row[3] for row in cursor.fetchall()}
        kept: list[dict[str, object]] = []
        cancelled: list[dict[str, object]] = []
        replaced: list[Tally] = []
        for entry in entries:
            key = (entry["profile_id"], entry["id_type"], entry["id_value"])
            (cancelled if pending.get(key) else kept).append(entry)
        if pending:
            keys = [{"profile_id": key[0], "id_type": key[1], "id_value": key[2]} for key in pending]
            cursor.execute(
                SUPERSEDE,
                [
                    msgspec.json.encode(keys).decode(),
                    space.pk,
                    connection.pk,
                    connection.destination_id,
                    now,
                    REPLACED,
                    SUPERSEDED_DETAIL,
                ],
            )
            replaced = [
                Tally.of(
                    connection, Outcome.SUPERSEDED, created_at=created_at, kind=kind, reason=REPLACED, calls=number
                )
                for kind, created_at, number in cursor.fetchall()
            ]
        if kept:
            cursor.execute(INSERT, [space.pk, connection.pk, now, msgspec.json.encode(kept).decode()])
        if cancelled:
            cursor.execute(
                LOG_CANCELLED,
                [
                    space.pk,
                    connection.destination_id,
                    connection.pk,
                    now,
                    now,
                    REPLACED,
                    "It undid a change that had not been sent yet, so nothing had to be sent.",
                    msgspec.json.encode(cancelled).decode(),
                ],
            )
    superseded = len(pending) + len(cancelled)
    counters.add(
        [Count.of(connection, Outcome.SUPERSEDED, reason=REPLACED, calls=superseded)],
        now=now,
    )
    replaced += [
        Tally.of(connection, Outcome.SUPERSEDED, created_at=now, kind=kind, reason=REPLACED, calls=number)
        for kind, number in Counter(_kind(entry) for entry in cancelled).items()
    ]
    tallies.add(replaced)
    return Counter((_kind(entry), "") for entry in entries)


def _kind(entry: dict[str, object]) -> str:
    return "add" if entry["is_add"] else "remove"


def _entries(
    *, space: Space, connection: Connection, names: list[str], calls: Sequence[Call], now: datetime
) -> list[dict[str, object]]:
    kind: CallKind = "track" if connection.send_track else "identify"
    computation = computation_of(space, connection)
    integrations = integrations_for(names)
    entries: list[dict[str, object]] = []
    for call, message_id in zip(calls, message_ids(len(calls)), strict=True):
        payload = audience_call(
            kind=kind,
            computation=computation,
            value=call.value,
            identity=identity_of(call.identifier, call.identifiers),
            event_name=connection.enter_event if call.value else connection.exit_event,
            integrations=integrations,
            message_id=message_id,
            now=now,
            traits=nested({name: msgspec.Raw(text.encode()) for name, text in (call.extra or {}).items()}),
        )
        entries.append(
            {
                "profile_id": call.profile_id,
                "id_type": call.identifier[0],
                "id_value": call.identifier[1],
                "is_add": call.value,
                "message_id": message_id,
                "payload": as_json(payload).decode(),
            }
        )
    return entries
