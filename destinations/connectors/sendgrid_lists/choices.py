"""The custom fields of the account, by their type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from destinations.connectors.sendgrid_lists import api
from destinations.kit.definition import Context, Conversation
from destinations.kit.http import Request
from engine.mapping.fields import Choice


def custom_fields(kind: str) -> Callable[[Context, dict[str, Any]], Conversation]:
    """`kind` is `Text`, `Number` or `Date`."""

    def fetch(context: Context, _payload: dict[str, Any]) -> Conversation:
        response = yield Request(method="GET", url=api.url(context, "/marketing/field_definitions"))
        answer = response.json()
        rows = answer.get("custom_fields") if isinstance(answer, dict) else None
        return [
            Choice(value=str(row["id"]), label=str(row.get("name") or row["id"]))
            for row in (rows if isinstance(rows, list) else [])
            if row.get("field_type") == kind and row.get("id")
        ]

    return fetch
