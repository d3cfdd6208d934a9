"""The newest calls that were made to a destination, for the editor of its mappings (settings.DESTINATION_CALLS)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection as database

from delivery.models import Connection
from destinations.models import Destination

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
