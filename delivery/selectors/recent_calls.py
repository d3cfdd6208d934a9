"""Calls as samples of mappings: the newest to a destination (settings.DESTINATION_CALLS), and one by its id
(settings.SAMPLE_EVENTS)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection as database

from delivery.models import Connection
from delivery.selectors.calls import get_call
from destinations.models import Destination
from spaces.models import Space

# The newest of each connection.
QUERY = """
SELECT found.created_at, found.payload FROM unnest(%(connections)s::bigint[]) AS c(id) CROSS JOIN LATERAL (
    SELECT l.created_at, l.payload, l.id FROM delivery_log l WHERE l.connection_id = c.id
    ORDER BY l.id DESC LIMIT %(limit)s
) found ORDER BY found.id DESC LIMIT %(limit)s
"""


def recent_calls(destination: Destination, limit: int) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """When they were made and the calls, newest first, whatever became of them; also those of removed connections."""
    connections = list(Connection.objects.filter(destination=destination).order_by("-pk").values_list("pk", flat=True))
    if not connections:
        return
    with database.cursor() as cursor:
        cursor.execute(QUERY, {"connections": connections, "limit": limit})
        rows = cursor.fetchall()
    for made_at, payload in rows:
        try:
            call = msgspec.json.decode(payload)
        except msgspec.DecodeError:
            continue
        if isinstance(call, dict) and call.get("type"):
            yield made_at, call


def call_event(space: Space, call_id: str) -> dict[str, Any] | None:
    """The emitted call with this id, as text; None when the space has none."""
    row = get_call(space, int(call_id)) if call_id.isascii() and call_id.isdigit() and len(call_id) < 19 else None
    return dict(row.event) if row is not None else None
