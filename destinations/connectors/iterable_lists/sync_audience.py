"""Put people on the list of an audience, and take them off again."""

from __future__ import annotations

from typing import Any

from destinations.connectors.iterable_lists import api
from destinations.kit.batches import Results, latest
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.http import HttpError, json_request

_REFUSED = ("invalid", "notFound", "forgotten", "conflict", "disallowed")


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """A member has something true under the audience's key. One direction that fails does not hold the other."""
    results = Results(items)
    for item in items:
        problem = _problem(context, item.payload)
        if problem:
            results.fail(item, problem)
    told = latest(results.open, lambda item: (item.payload.get("email"), item.payload.get("userId")))
    adds = [item for item in told if _is_member(item)]
    removes = [item for item in told if not _is_member(item)]
    settings = context.audience_settings
    if adds:
        more: dict[str, Any] = {"updateExistingUsersOnly": True} if settings.get("updateExistingUsersOnly") else {}
        yield from _send(context, "subscribe", adds, more, results)
    if removes:
        more = {"campaignId": settings.get("campaignId"), "channelUnsubscribe": settings.get("globalUnsubscribe")}
        yield from _send(
            context, "unsubscribe", removes, {name: value for name, value in more.items() if value}, results
        )
    return results.done()


def _problem(context: Context, payload: dict[str, Any]) -> str:
    if not str(payload["segmentAudienceId"]).isdecimal():
        return "The list's id is no number. Connect the audience anew, so that its list is made."
    if context.settings.get("iterableProjectType") == "userId":
        return "" if payload.get("userId") else "A project based on user IDs needs a user ID."
    return "" if payload.get("userId") or payload.get("email") else "Iterable needs an e-mail or a user ID."


def _is_member(item: Item) -> bool:
    return bool(item.payload["traitsOrProperties"].get(item.payload["segmentAudienceKey"]))


def _send(context: Context, verb: str, items: list[Item], more: dict[str, Any], results: Results) -> Conversation:
    body = {
        "listId": int(items[0].payload["segmentAudienceId"]),
        "subscribers": [_subscriber(context, item.payload, verb) for item in items],
        **more,
    }
    try:
        response = yield json_request("POST", api.url(context, f"lists/{verb}"), body)
    except HttpError as error:
        results.refuse(items, error)
        return
    _note_refusals(response.json(), items, results)


def _subscriber(context: Context, payload: dict[str, Any], verb: str) -> dict[str, Any]:
    found = {name: payload[name] for name in ("email", "userId") if payload.get(name)}
    if verb == "unsubscribe":
        return found
    # Destinations of the generation before have no project type, and always prefer the user ID.
    prefers = context.settings.get("iterableProjectType") in (None, "", "userId")
    fields = {"dataFields": payload["dataFields"]} if payload.get("dataFields") else {}
    return {**found, **({"preferUserId": True} if prefers else {}), **fields}


def _note_refusals(answer: Any, items: list[Item], results: Results) -> None:
    """Lists of the answer name those who were refused, by e-mail or user ID."""
    if not isinstance(answer, dict):
        return
    told: dict[str, str] = {}
    for holder in (answer, answer.get("failedUpdates")):
        for name, values in (holder if isinstance(holder, dict) else {}).items():
            if isinstance(values, list) and name.startswith(_REFUSED):
                told |= {str(value).lower(): name for value in values if isinstance(value, str)}
    for item in items:
        for key in ("email", "userId"):
            reason = told.get(str(item.payload.get(key) or "").lower())
            if reason:
                results.fail(item, f"Iterable refused it: {reason}.", code="BAD_REQUEST")
