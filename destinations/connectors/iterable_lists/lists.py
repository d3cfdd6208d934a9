"""The list of an audience: one of its name is used again, else created."""

from __future__ import annotations

from typing import Any

from destinations.connectors.iterable_lists import api
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError
from destinations.kit.http import Request, json_request


def create_audience(context: Context, audience: Audience) -> Conversation:
    """`GET /api/lists`, then `POST /api/lists` with the audience's key as name; gives the list's ID."""
    if not audience.key:
        raise IntegrationError("The audience has no key to name a list by.", code="MISSING_KEY", status=422)
    for known in (yield from _lists(context)):
        if known.get("name") == audience.key:
            return str(known["id"])
    response = yield json_request("POST", api.url(context, "lists"), {"name": audience.key})
    answer = response.json()
    made = answer.get("listId") if isinstance(answer, dict) else None
    if made is None:
        raise IntegrationError("Iterable created no list: its answer has no listId.", code="INVALID_RESPONSE")
    return str(made)


def get_audience(context: Context, audience: Audience) -> Conversation:
    known = yield from _lists(context)
    wanted = context.external_audience_id
    return wanted if any(str(one.get("id")) == wanted for one in known) else None


def _lists(context: Context) -> Conversation:
    response = yield Request(method="GET", url=api.url(context, "lists"))
    answer = response.json()
    found: Any = answer.get("lists") if isinstance(answer, dict) else None
    return [one for one in found if isinstance(one, dict) and "id" in one] if isinstance(found, list) else []
