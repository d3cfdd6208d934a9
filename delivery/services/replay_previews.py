"""What a replay would do, before anything is sent: how many, how fast, and what three of the calls look like now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection as database

from common.errors import ProductError
from delivery.models import Connection
from delivery.selectors.calls import exchanges_of
from delivery.selectors.dead_letters import Selection, counts, why_not
from delivery.services.calls import UnknownConnectorError, connector_of
from destinations.config import load_config
from destinations.services.tester import build_only
from spaces.models import Space

SAMPLES = 3
USUAL_RATE = 50
# The first, one in the middle and the last of the ids, so that a change over time shows.
PICK = """
WITH chosen AS (SELECT l.id, row_number() OVER (ORDER BY l.id) AS place, count(*) OVER () AS many
    FROM delivery_log l WHERE {where} AND l.connection_id = ANY(%(sending)s))
SELECT id FROM chosen WHERE place IN (1, (many + 1) / 2, many) ORDER BY id
"""
ROWS = """
SELECT l.id, l.connection_id, l.message_id, l.kind, l.payload, l.exchange, l.detail FROM delivery_log l
WHERE l.connection_id = ANY(%s) AND l.id = ANY(%s) AND l.space_id = %s ORDER BY l.id
"""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Dead letters of the selection that cannot be sent now, and why."""

    calls: int
    why: str


@dataclass(kw_only=True)
class Sample:
    """One call: what was sent (None: no request could be built then), and what would be sent now.

    `now` is the result of `destinations.services.tester.build_only`; `requests` are its requests. `detail` says what
    came of it then, `problem` why nothing would be sent now.
    """

    id: int
    message_id: str
    connection: Connection
    kind: str
    event: Any
    before: Any
    detail: str
    requests: list[Any]
    problem: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """`seconds` is how long it takes at `rate` calls a second."""

    count: int
    rate: int
    seconds: int
    left_out: list[LeftOut]
    samples: list[Sample]


def preview(*, space: Space, selection: Selection, rate: int | None = None) -> Preview:
    """Nothing is sent or changed. `rate` defaults to the lowest cap of the destinations, at most 50 calls a second."""
    found = counts(space, selection)
    connections = Connection.objects.in_space(space).select_related("destination", "space").in_bulk(found)
    refusals = {connection_id: why_not(connections.get(connection_id)) for connection_id in found}
    sending = [connections[connection_id] for connection_id in found if not refusals[connection_id]]
    total = sum(found[one.pk][0] for one in sending)
    chosen_rate = rate or usual_rate(sending)
    left_out: dict[str, int] = {}
    for connection_id, why in refusals.items():
        if why:
            left_out[why] = left_out.get(why, 0) + found[connection_id][0]
    return Preview(
        count=total,
        rate=chosen_rate,
        seconds=-(-total // chosen_rate),
        left_out=[LeftOut(calls=calls, why=why) for why, calls in left_out.items()],
        samples=_samples(space, selection, sending) if total else [],
    )


def usual_rate(connections: list[Connection]) -> int:
    caps = []
    for connection in connections:
        config = load_config(connection.destination_id)
        if config is not None and config.requests_per_second:
            caps.append(config.requests_per_second)
    return max(1, min([USUAL_RATE, *caps]))


def _samples(space: Space, selection: Selection, sending: list[Connection]) -> list[Sample]:
    where, params = selection.where(space)
    by_id = {connection.pk: connection for connection in sending}
    with database.cursor() as cursor:
        cursor.execute(PICK.format(where=where), params | {"sending": list(by_id)})
        ids = [row[0] for row in cursor.fetchall()]
        cursor.execute(ROWS, [list(by_id), ids, space.pk])
        rows = cursor.fetchall()
    return [_sample(by_id[row[1]], row) for row in rows]


def _sample(connection: Connection, row: tuple[Any, ...]) -> Sample:
    call_id, _connection_id, message_id, kind, payload, exchange, detail = row
    event = msgspec.json.decode(payload)
    exchanges = exchanges_of(exchange)
    requests, problem = _now(connection, event)
    return Sample(
        id=call_id,
        message_id=message_id,
        connection=connection,
        kind=kind,
        event=event,
        before=exchanges[0]["request"] if exchanges else None,
        detail=detail or "",
        requests=requests,
        problem=problem,
    )


def _now(connection: Connection, event: Any) -> tuple[list[Any], str]:
    """The first request of each call under the mapping as it is, or the sentence that says why there is none."""
    try:
        if connector_of(connection.destination).kind == "list":
            return [], ""
        built = build_only(destination=connection.destination, event=event)
    except UnknownConnectorError as error:
        return [], str(error)
    except ProductError as error:
        return [], error.detail
    requests = [exchange["request"] for call in built["calls"] for exchange in call["exchanges"]]
    return requests, "" if requests else built["detail"] or "No request is made."
