"""Website custom audiences: those whom a rule on the pixel's events finds."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from destinations.connectors.facebook_custom_audiences.audiences import created, found
from destinations.connectors.facebook_custom_audiences.graph import HOST
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.http import Request

ENTERED, EXITED = "Audience Entered", "Audience Exited"
DAY = 24 * 3600
LONGEST_DAYS = 180


def create_audience(context: Context, audience: Audience) -> Conversation:
    """The id of a new audience of those who enter from now on (F126: without `prefill`, nobody from before)."""
    days = int(context.audience_settings.get("retentionDays") or LONGEST_DAYS)
    body: dict[str, Any] = {
        "name": audience.name,
        "rule": json.dumps(rule(str(context.settings["pixelId"]), audience.key, days), separators=(",", ":")),
        "retention_days": days,
        "prefill": False,
    }
    if description := str(context.audience_settings.get("audienceDescription") or ""):
        body["description"] = description
    return (yield from created(str(context.settings["adAccountId"]), body))


def get_audience(context: Context, audience: Audience) -> Conversation:
    return (yield from found(context.external_audience_id))["id"]


def rule(pixel: str, key: str, days: int) -> dict[str, Any]:
    """Everybody who entered the audience within so many days."""
    filters = [
        {"field": "event", "operator": "eq", "value": ENTERED},
        {"field": "audience_key", "operator": "eq", "value": key},
    ]
    entered = {
        "event_sources": [{"id": pixel, "type": "pixel"}],
        "retention_seconds": days * DAY,
        "filter": {"operator": "and", "filters": filters},
    }
    return {"inclusions": {"operator": "or", "rules": [entered]}}


def test_connection(context: Context) -> Request:
    """Read the pixel."""
    return Request(method="GET", url=f"{HOST}/{quote(str(context.settings['pixelId']), safe='')}?fields=id,name")
