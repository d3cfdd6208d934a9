"""What was last emitted per connection, profile and identifier (`sent_value`), written with the calls themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection as database

from delivery.models import Connection
from delivery.services.calls import Call
from delivery.services.copying import copy_rows, escape
from delivery.services.targets import Identifier
from spaces.models import Space


@dataclass(slots=True)
class Noted:
    """Rows of `sent_value` of identifiers that had no call of their own, column by column."""

    profile_ids: list[int] = field(default_factory=list)
    id_types: list[str] = field(default_factory=list)
    id_values: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def add(self, profile_id: int, identifier: Identifier, value: str) -> None:
        self.profile_ids.append(profile_id)
        self.id_types.append(identifier[0])
        self.id_values.append(identifier[1])
        self.values.append(value)


def remember(*, space: Space, connection: Connection, calls: list[Call], now: datetime) -> None:
    """Write `sent_value`: new identifiers by COPY, known ones by one update."""
    time = now.isoformat()
    new = [
        f"{space.pk}\t{connection.pk}\t{call.profile_id}\t{escape(call.identifier[0])}\t{escape(call.identifier[1])}"
        f"\t{escape(_value(call))}\t{time}"
        for call in calls
        if not call.was_sent
    ]
    if new:
        copy_rows("sent_value", "space_id, connection_id, profile_id, id_type, id_value, value, sent_at", new)
    known = [call for call in calls if call.was_sent]
    if known:
        with database.cursor() as cursor:
            cursor.execute(
                """
                UPDATE sent_value s SET value = c.value::jsonb, sent_at = %s
                FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS c(profile_id, id_type, id_value, value)
                WHERE s.space_id = %s AND s.connection_id = %s AND s.profile_id = c.profile_id
                AND s.id_type = c.id_type AND s.id_value = c.id_value
                """,
                [
                    now,
                    [call.profile_id for call in known],
                    [call.identifier[0] for call in known],
                    [call.identifier[1] for call in known],
                    [_value(call) for call in known],
                    space.pk,
                    connection.pk,
                ],
            )


def _value(call: Call) -> str:
    """JSON text: true and false of a membership, a list of one of a trait."""
    if call.json is not None:
        return f"[{call.json}]"
    return "true" if call.value else "false"


def note(*, space: Space, connection: Connection, noted: Noted, now: datetime) -> None:
    """Write what `sent_value` says of identifiers that had no call."""
    if not noted.profile_ids:
        return
    with database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO sent_value (space_id, connection_id, profile_id, id_type, id_value, value, sent_at)
            SELECT %s, %s, c.profile_id, c.id_type, c.id_value, c.value::jsonb, %s
            FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS c(profile_id, id_type, id_value, value)
            ON CONFLICT (space_id, connection_id, profile_id, id_type, id_value)
            DO UPDATE SET value = excluded.value, sent_at = excluded.sent_at
            """,
            [
                space.pk,
                connection.pk,
                now,
                noted.profile_ids,
                noted.id_types,
                noted.id_values,
                noted.values,
            ],
        )
