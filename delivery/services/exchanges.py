"""Requests and responses of an attempt as JSON text: without secrets, bodies cut (delivery-and-observability.md §3)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from common.http import Response, TransportError
from destinations.kit.http import Request
from destinations.kit.redaction import BODY_LIMIT, shown_request, shown_response


@dataclass(slots=True)
class Exchange:
    """One request and what came of it."""

    request: Request
    result: Response | TransportError | None = None


def as_text(exchanges: Sequence[Exchange], secrets: Collection[str], *, limit: int | None = None) -> str | None:
    """`[{"request", "response"}]`, or with `"error": {"code", "detail"}` in place of a response; None for nothing.

    `limit` cuts bodies shorter than usual (characters): of a batch each entry keeps a copy.
    """
    if not exchanges:
        return None
    cut = limit or BODY_LIMIT
    shown = []
    for exchange in exchanges:
        entry: dict[str, object] = {"request": shown_request(exchange.request, secrets, limit=cut)}
        result = exchange.result
        if isinstance(result, TransportError):
            entry["error"] = {"code": result.code, "detail": result.detail}
        elif result is not None:
            entry["response"] = shown_response(result, secrets, limit=cut)
        shown.append(entry)
    return msgspec.json.encode(shown).decode()


def duration_ms(exchanges: Sequence[Exchange]) -> int | None:
    """The time that the destination took, over all requests; None when none was answered."""
    taken = [exchange.result.duration_ms for exchange in exchanges if isinstance(exchange.result, Response)]
    return sum(taken) if taken else None
