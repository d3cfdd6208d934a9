"""Custom behavioral events, which are defined in HubSpot beforehand.

https://developers.hubspot.com/docs/reference/api/analytics-and-events/custom-events
"""

from __future__ import annotations

import re
from typing import Any

from destinations.connectors.hubspot import crm
from destinations.kit.definition import Context
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request, json_request
from engine.jstext import JS_BLANKS

SEND_URL = f"{crm.API}/events/v3/send"
_SEPARATORS = re.compile(rf"[{JS_BLANKS}.]+")


def perform(context: Context, payload: dict[str, Any]) -> Request:
    """`POST /events/v3/send`; the name is the internal one, `pe<Hub ID>_…`."""
    name = _SEPARATORS.sub("_", crm.trimmed(payload["eventName"])).lower()
    hub = str(context.settings.get("portalId") or "").strip()
    if not re.match(rf"pe{re.escape(hub) if hub else '[0-9]+'}_.*", name):
        raise PayloadValidationError(
            f"{payload['eventName']!r} is no internal name of a custom event of this account. In HubSpot it stands in "
            f"the event's details and begins with pe{hub or '<Hub ID>'}_."
        )
    if not (payload.get("email") or payload.get("utk") or payload.get("objectId")):
        raise PayloadValidationError("One of E-mail, User token and Object ID is needed to find the contact.")
    event = {
        "eventName": name,
        "occurredAt": payload.get("occurredAt"),
        "utk": payload.get("utk"),
        "email": payload.get("email"),
        "objectId": payload.get("objectId"),
        "properties": crm.flat(payload["properties"]) if payload.get("properties") is not None else None,
    }
    return json_request("POST", SEND_URL, crm.without_missing(event))
