"""Subscribing who entered and taking off who left; one direction that is refused does not hold the other."""

from __future__ import annotations

from typing import Any

from destinations.connectors.iterable import api
from destinations.connectors.iterable.values import present, with_dates
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.http import HttpError

USER_ID = "userId"


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """`POST /api/lists/subscribe` and `/api/lists/unsubscribe`, each only with somebody in it."""
    results = Results(items)
    kind = context.settings.get("iterableProjectType")
    _check(results, kind)
    settings = context.audience_settings
    subscribed: dict[int, list[Item]] = {}
    unsubscribed: dict[int, list[Item]] = {}
    for item in results.open:
        group = subscribed if _is_member(item) else unsubscribed
        group.setdefault(int(item.payload["segmentAudienceId"]), []).append(item)
    for list_id, group in subscribed.items():
        # Settings of the older connector have no project type; it always preferred the user id.
        people = [_subscriber(item, prefer_user_id=kind in (USER_ID, None, "")) for item in group]
        body = {"listId": list_id, "subscribers": people}
        body |= present({"updateExistingUsersOnly": settings.get("updateExistingUsersOnly")})
        yield from _send(context, results, group, "/api/lists/subscribe", body)
    for list_id, group in unsubscribed.items():
        body = {"listId": list_id, "subscribers": [_names(item) for item in group]}
        body |= present(
            {"campaignId": settings.get("campaignId"), "channelUnsubscribe": settings.get("globalUnsubscribe")}
        )
        yield from _send(context, results, group, "/api/lists/unsubscribe", body)
    return results.done()


def _check(results: Results, kind: Any) -> None:
    for item in results.open:
        if not str(item.payload.get("segmentAudienceId") or "").isdecimal():
            results.fail(item, "The audience has no list in Iterable: its list ID is missing or no number.")
        elif kind == USER_ID and not item.payload.get("userId"):
            results.fail(item, "A user id is required in projects that know people by user id.")
        elif not item.payload.get("email") and not item.payload.get("userId"):
            results.fail(item, "An e-mail address or a user id is required.")


def _send(context: Context, results: Results, items: list[Item], path: str, body: dict[str, Any]) -> Conversation:
    try:
        response = yield api.post(context, path, body)
    except HttpError as error:
        api.refuse(results, items, error)
        return
    api.note_failures(results, items, response, lambda item: (item.payload.get("email"), item.payload.get("userId")))


def _is_member(item: Item) -> bool:
    if item.membership is not None:
        return item.membership
    told = item.payload.get("traitsOrProperties") or {}
    return bool(told.get(item.payload.get("segmentAudienceKey")))


def _names(item: Item) -> dict[str, Any]:
    return {name: item.payload[name] for name in ("email", "userId") if item.payload.get(name)}


def _subscriber(item: Item, *, prefer_user_id: bool) -> dict[str, Any]:
    fields = item.payload.get("dataFields")
    return {
        **_names(item),
        **({"preferUserId": True} if prefer_user_id else {}),
        **({"dataFields": with_dates(fields)} if fields else {}),
    }
