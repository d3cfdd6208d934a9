"""Intercom's contacts: finding one, and the times it takes. https://developers.intercom.com/docs/references/rest-api"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from destinations.kit.definition import Context, Conversation
from destinations.kit.http import json_request

HOSTS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}


def url(context: Context, path: str) -> str:
    return HOSTS[context.settings.get("region") or "us"] + path


def contact_url(context: Context, contact_id: str, rest: str = "") -> str:
    return url(context, f"/contacts/{quote(contact_id, safe='')}{rest}")


def find(context: Context, *, external_id: str | None, email: str | None) -> Conversation:
    """The id of the contact with this external id, else with this e-mail; "" when there is none, or several."""
    if not (external_id or email):
        return ""
    query = {
        "field": "external_id" if external_id else "email",
        "operator": "=",
        "value": external_id or email,
    }
    response = yield json_request("POST", url(context, "/contacts/search"), {"query": query})
    answer = response.json()
    if not isinstance(answer, dict) or answer.get("total_count") != 1 or not answer.get("data"):
        return ""
    return str(answer["data"][0].get("id") or "")


def unix_seconds(value: Any) -> Any:
    """ISO text as Unix seconds, read as UTC where no zone is given; digits and what is no time stay."""
    if not isinstance(value, str) or value.strip().isdigit():
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def with_computed(attributes: Mapping[str, Any] | None, own: Mapping[str, Any]) -> dict[str, Any] | None:
    """Custom attributes with the audience or trait of the call among them; None when there are none at all."""
    found = {**own, **(attributes or {})}
    return found if found or attributes is not None else None
