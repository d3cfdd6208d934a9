"""What HubSpot has: object types, custom events, labels of associations; offered while a mapping is edited."""

from __future__ import annotations

from typing import Any

from destinations.connectors.hubspot import crm
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request
from engine.mapping.fields import Choice

STANDARD_TYPES = (Choice(value="deals", label="Deals"), Choice(value="tickets", label="Tickets"))


def object_types(_context: Context, _payload: dict[str, Any]) -> Conversation:
    """Custom objects by their full names, then deals and tickets."""
    response = yield Request(method="GET", url=f"{crm.API}/crm/v3/schemas?archived=false")
    own = [
        Choice(
            value=row["fullyQualifiedName"], label=(row.get("labels") or {}).get("plural") or row["fullyQualifiedName"]
        )
        for row in crm.rows(response)
        if row.get("fullyQualifiedName")
    ]
    return [*own, *STANDARD_TYPES]


def event_names(_context: Context, _payload: dict[str, Any]) -> Conversation:
    """Custom events by their internal names."""
    response = yield Request(method="GET", url=f"{crm.API}/events/v3/event-definitions/?limit=100")
    return [
        Choice(
            value=row["fullyQualifiedName"],
            label=(row.get("labels") or {}).get("singular") or row["fullyQualifiedName"],
        )
        for row in crm.rows(response)
        if row.get("fullyQualifiedName")
    ]


def association_labels(_context: Context, payload: dict[str, Any]) -> Conversation:
    """The labels that two object types can be associated by, as `CATEGORY:number`."""
    if not payload.get("objectType") or not payload.get("toObjectType"):
        raise PayloadValidationError("Choose both object types first.")
    pair = f"{crm.quoted(payload['objectType'])}/{crm.quoted(payload['toObjectType'])}"
    response = yield Request(method="GET", url=f"{crm.API}/crm/v4/associations/{pair}/labels")
    return [
        Choice(
            value=f"{row['category']}:{row['typeId']}", label=row.get("label") or f"{row['category']} {row['typeId']}"
        )
        for row in crm.rows(response)
        if row.get("category") and row.get("typeId")
    ]
