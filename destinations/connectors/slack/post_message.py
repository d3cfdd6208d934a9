"""One message by an incoming webhook. https://api.slack.com/messaging/webhooks"""

from __future__ import annotations

from typing import Any

from destinations.kit.definition import Context
from destinations.kit.http import Request, json_request

FIELDS = ("channel", "text", "username", "icon_url")


def perform(context: Context, payload: dict[str, Any]) -> Request:
    """`POST` the message; Slack answers `ok`, or 4xx with a word such as `no_service`."""
    url = payload.get("url") or context.settings["url"]
    return json_request("POST", url, {name: payload[name] for name in FIELDS if payload.get(name)})
