"""Carts and purchases."""

from __future__ import annotations

from typing import Any

from destinations.connectors.iterable import api, values
from destinations.connectors.iterable.people import named
from destinations.kit.definition import Context
from destinations.kit.http import Request

_ITEM = ("id", "name", "sku", "quantity", "price", "description", "categories", "url", "imageUrl")


def update_cart(context: Context, payload: dict[str, Any]) -> Request:
    body = {"user": values.user(named(payload.get("user") or {})), "items": _items(payload)}
    return api.post(context, "/api/commerce/updateCart", body)


def track_purchase(context: Context, payload: dict[str, Any]) -> Request:
    fields = payload.get("dataFields")
    body = {
        "id": payload.get("id"),
        "user": values.user(named(payload.get("user") or {})),
        "items": _items(payload),
        "total": payload.get("total"),
        "dataFields": None if fields is None else values.with_dates(fields),
        "createdAt": values.unix_seconds(payload.get("createdAt")),
        "campaignId": payload.get("campaignId"),
        "templateId": payload.get("templateId"),
    }
    return api.post(context, "/api/commerce/trackPurchase", values.present(body))


def _items(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Items with the members that Iterable knows; others as their `dataFields`, categories as a list."""
    shaped = []
    for item in payload.get("items") or []:
        known = values.present({name: item.get(name) for name in _ITEM})
        if isinstance(known.get("categories"), str):
            known["categories"] = [known["categories"]]
        more = {name: value for name, value in item.items() if name not in _ITEM}
        shaped.append({**known, **({"dataFields": values.with_dates(more)} if more else {})})
    return shaped
