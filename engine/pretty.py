"""An event as the API call that would make it, for debuggers: `analytics.track("Order Completed", {…})`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

INDENT = "  "


def as_code(event: Mapping[str, Any]) -> str:
    """JavaScript of the server-side library, with everything that a caller sets; what ingestion adds is left out."""
    kind = event.get("type")
    if kind not in SHAPES:
        return json.dumps(event, indent=2, ensure_ascii=False)
    members: dict[str, Any] = {}
    for key in ("userId", "anonymousId", *SHAPES[kind]):
        if event.get(key) not in (None, "", {}):
            members[key] = event[key]
    for key in ("context", "integrations", "timestamp", "messageId"):
        if event.get(key) not in (None, "", {}):
            members[key] = event[key]
    return f"analytics.{kind}({_literal(members)})"


SHAPES = {
    "track": ("event", "properties"),
    "page": ("category", "name", "properties"),
    "screen": ("category", "name", "properties"),
    "identify": ("traits",),
    "group": ("groupId", "traits"),
    "alias": ("previousId",),
}


def _literal(value: Any, depth: int = 0) -> str:
    inner, outer = INDENT * (depth + 1), INDENT * depth
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        lines = [f"{inner}{_key(str(key))}: {_literal(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{outer}}}"
    if isinstance(value, list):
        if not value:
            return "[]"
        return "[\n" + ",\n".join(f"{inner}{_literal(item, depth + 1)}" for item in value) + f"\n{outer}]"
    return json.dumps(value, ensure_ascii=False)


def _key(text: str) -> str:
    return text if text.isidentifier() and text.isascii() else json.dumps(text, ensure_ascii=False)
