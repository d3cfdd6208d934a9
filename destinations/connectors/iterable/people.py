"""People and their events: one call for one, one for a thousand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from destinations.connectors.iterable import api, values
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, Request

NEED_PERSON = "An e-mail address or a user id is required."


def update_user(context: Context, payload: dict[str, Any]) -> Request:
    return api.post(context, "/api/users/update", values.user(named(payload)))


def update_users(context: Context, items: list[Item]) -> Conversation:
    return (yield from _bulk(context, items, "/api/users/bulkUpdate", "users", values.user))


def track_event(context: Context, payload: dict[str, Any]) -> Request:
    return api.post(context, "/api/events/track", _event(named(payload)))


def track_events(context: Context, items: list[Item]) -> Conversation:
    return (yield from _bulk(context, items, "/api/events/trackBulk", "events", _event))


def named(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload, when it names a person."""
    if not payload.get("email") and not payload.get("userId"):
        raise PayloadValidationError(NEED_PERSON)
    return payload


def _event(payload: dict[str, Any]) -> dict[str, Any]:
    fields = payload.get("dataFields")
    return values.present(
        {
            "email": payload.get("email"),
            "userId": payload.get("userId"),
            "eventName": payload.get("eventName"),
            "dataFields": None if fields is None else values.with_dates(fields),
            "id": payload.get("id"),
            "createdAt": values.unix_seconds(payload.get("createdAt")),
            "campaignId": payload.get("campaignId"),
            "templateId": payload.get("templateId"),
        }
    )


def _bulk(
    context: Context, items: list[Item], path: str, member: str, shaped: Callable[[dict[str, Any]], dict[str, Any]]
) -> Conversation:
    results = Results(items)
    for item in results.open:
        if not any(_person(item)):
            results.fail(item, NEED_PERSON)
    sent = results.open
    if not sent:
        return results.done()
    try:
        response = yield api.post(context, path, {member: [shaped(item.payload) for item in sent]})
    except HttpError as error:
        api.refuse(results, sent, error)
    else:
        api.note_failures(results, sent, response, _person)
    return results.done()


def _person(item: Item) -> tuple[Any, Any]:
    return item.payload.get("email"), item.payload.get("userId")
