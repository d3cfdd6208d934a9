"""What the account has, offered while a mapping is edited."""

from __future__ import annotations

from typing import Any

from destinations.connectors.sendgrid import api
from destinations.kit.definition import Context, Conversation
from destinations.kit.http import Request
from engine.mapping.fields import Choice


def templates(context: Context, _payload: dict[str, Any]) -> Conversation:
    rows = yield from _rows(context, "/templates?generations=dynamic&page_size=200", "result")
    return [Choice(value=str(row["id"]), label=str(row.get("name") or row["id"])) for row in rows if row.get("id")]


def domains(context: Context, _payload: dict[str, Any]) -> Conversation:
    rows = yield from _rows(context, "/whitelabel/domains?limit=200", "")
    return [
        Choice(value=str(row["domain"]), label=str(row["domain"]))
        for row in rows
        if row.get("domain") and row.get("valid")
    ]


def ip_pools(context: Context, _payload: dict[str, Any]) -> Conversation:
    rows = yield from _rows(context, "/ips/pools", "")
    return [Choice(value=str(row["name"]), label=str(row["name"])) for row in rows if row.get("name")]


def groups(context: Context, _payload: dict[str, Any]) -> Conversation:
    rows = yield from _rows(context, "/asm/groups", "")
    return [Choice(value=str(row["id"]), label=str(row.get("name") or row["id"])) for row in rows if row.get("id")]


def _rows(context: Context, path: str, member: str) -> Conversation:
    response = yield Request(method="GET", url=api.url(context, path))
    answer = response.json()
    found = answer.get(member) if member and isinstance(answer, dict) else answer
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
