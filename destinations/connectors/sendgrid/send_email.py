"""An e-mail with a dynamic template. https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from destinations.connectors.sendgrid import api
from destinations.kit.definition import Context
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request, json_request
from engine.jstext import text

RESERVED_HEADERS = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
LONGEST_CATEGORY = 255
LATEST = timedelta(hours=72)
_BRACKETS = re.compile(r"\[(.*?)\]")
_NUMBER = re.compile(r"^(\d+)|\[(\d+)\]")


def perform(context: Context, payload: dict[str, Any]) -> Request:
    """`POST /mail/send` to one person."""
    _check(payload)
    sender = payload["from"]
    reply_to = payload.get("reply_to") or {}
    person = {
        "to": [_address(payload["to"])],
        "cc": _addresses(payload.get("cc")),
        "bcc": _addresses(payload.get("bcc")),
        "headers": _texts(payload.get("headers")),
        "dynamic_template_data": payload.get("dynamic_template_data"),
        "custom_args": _texts(payload.get("custom_args")) or None,
        "send_at": _send_at(payload.get("send_at"), context.now),
    }
    group = _group_id(payload.get("group_id"))
    body = {
        "personalizations": [_present(person)],
        "from": _address(sender),
        "reply_to": _address(
            {"email": reply_to.get("email") or sender["email"], "name": reply_to.get("name") or sender.get("name")}
        ),
        "template_id": _template_id(payload["template_id"]),
        "categories": payload.get("categories"),
        "asm": {"group_id": group} if group is not None else None,
        "ip_pool_name": payload.get("ip_pool_name"),
    }
    return json_request("POST", api.url(context, "/mail/send"), _present(body))


def _check(payload: Mapping[str, Any]) -> None:
    domain = payload.get("domain")
    if domain and not payload["from"]["email"].endswith(domain):
        raise PayloadValidationError(f"The sender's address has to end with the chosen domain, {domain}.")
    reserved = [name for name in payload.get("headers") or {} if name.lower() in RESERVED_HEADERS]
    if reserved:
        raise PayloadValidationError(f"The header {reserved[0]} is set by SendGrid itself and cannot be given.")
    if any(len(category) > LONGEST_CATEGORY for category in payload.get("categories") or ()):
        raise PayloadValidationError(f"A category has at most {LONGEST_CATEGORY} characters.")
    pool = payload.get("ip_pool_name")
    if pool and not 2 < len(pool) < 64:
        raise PayloadValidationError("The name of an IP pool has 3 to 63 characters.")


def _template_id(value: str) -> str:
    found = _BRACKETS.search(value)
    template = value.split(" ", maxsplit=1)[0] if value.startswith("d-") else found[1] if found else ""
    if not template.startswith("d-"):
        raise PayloadValidationError(f"{value!r} is no dynamic template: their ids begin with d-.")
    return template


def _group_id(value: str | None) -> int | None:
    if not value:
        return None
    found = _NUMBER.search(value)
    if found is None:
        raise PayloadValidationError(f"{value!r} is no unsubscribe group: give its number.")
    return int(found[1] or found[2])


def _send_at(value: str | None, now: datetime | None) -> int | None:
    """Unix seconds; SendGrid keeps e-mails for up to 72 hours."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise PayloadValidationError(f"{value!r} is no time to send at.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if now is not None and not now <= moment <= now + LATEST:
        raise PayloadValidationError("The time to send at lies in the past, or more than 72 hours ahead.")
    return int(moment.timestamp())


def _address(told: Mapping[str, Any]) -> dict[str, Any]:
    return _present({"email": told["email"], "name": told.get("name")})


def _addresses(told: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    return [_address(one) for one in told or () if (one.get("email") or "").strip()] or None


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: text(value) for name, value in (values or {}).items()}


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
