"""What each action makes of its payload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.connectors.iterable import api
from destinations.kit.definition import Context, Item
from destinations.kit.http import Request, json_request

UPDATE, BULK_UPDATE = "users/update", "users/bulkUpdate"
TRACK, BULK_TRACK = "events/track", "events/trackBulk"
_OF_ITEMS = frozenset(
    {"id", "product_id", "sku", "name", "price", "quantity", "category", "url", "imageUrl", "image_url"}
)


def user(payload: Mapping[str, Any]) -> dict[str, Any]:
    merge = payload.get("mergeNestedObjects")
    return {**api.who(payload), "dataFields": api.data_fields(payload), **api.present({"mergeNestedObjects": merge})}


def event(payload: Mapping[str, Any]) -> dict[str, Any]:
    more = {name: payload.get(name) for name in ("eventName", "id", "campaignId", "templateId")}
    moment = api.unix_seconds(payload.get("createdAt"))
    return api.present({**api.who(payload), **more, "dataFields": api.data_fields(payload), "createdAt": moment})


def update_user(context: Context, payload: dict[str, Any]) -> Request:
    return json_request("POST", api.url(context, UPDATE), user(payload))


def track_event(context: Context, payload: dict[str, Any]) -> Request:
    return json_request("POST", api.url(context, TRACK), event(payload))


def _update_only(item: Item) -> dict[str, Any]:
    return {"updateOnly": True} if item.payload.get("updateOnly") else {}


update_users = api.many(BULK_UPDATE, "users", user, more=_update_only)
track_events = api.many(BULK_TRACK, "events", event)


def update_cart(context: Context, payload: dict[str, Any]) -> Request:
    body = {"user": user(payload["user"]), "items": [_item(one) for one in payload["items"]]}
    return json_request("POST", api.url(context, "commerce/updateCart"), body)


def track_purchase(context: Context, payload: dict[str, Any]) -> Request:
    more = {name: payload.get(name) for name in ("id", "total", "campaignId", "templateId")}
    body = {
        **more,
        "user": user(payload["user"]),
        "items": [_item(one) for one in payload["items"]],
        "dataFields": api.data_fields({"dataFields": _without_products(payload.get("dataFields") or {})}),
        "createdAt": api.unix_seconds(payload.get("createdAt")),
    }
    return json_request("POST", api.url(context, "commerce/trackPurchase"), api.present(body))


def _without_products(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The items say the same."""
    return {name: value for name, value in fields.items() if name != "products"}


def _item(told: Mapping[str, Any]) -> dict[str, Any]:
    """An item, with what Iterable has no place for among its `dataFields` too; one category becomes a list."""
    plain = {name: value for name, value in told.items() if name not in ("dataFields", "categories")}
    more = {name: value for name, value in plain.items() if name not in _OF_ITEMS}
    categories = {"categories": [told["categories"]]} if told.get("categories") else {}
    return {**plain, "dataFields": api.written(more), **categories}
