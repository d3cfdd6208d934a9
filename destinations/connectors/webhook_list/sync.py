"""The requests of Webhook List: create a list, ask for it, send a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from destinations.kit.definition import Audience, Context, Conversation, ListEntry
from destinations.kit.errors import IntegrationError, PayloadValidationError
from destinations.kit.http import JSON_HEADERS, Request, Response, checked_url
from destinations.kit.json_text import js_json
from destinations.kit.signing import signature_headers
from destinations.kit.verdicts import ItemResult


def create_audience(context: Context, audience: Audience) -> Conversation:
    """The external id of the new list; without a create address the audience's key is the id."""
    url = context.settings.get("createAudienceUrl")
    if not url:
        return audience.key
    body = {
        **_extras(context),
        "audienceName": audience.name,
        "computation_id": audience.id,
        "computation_key": audience.key,
        "space_id": audience.space_id,
    }
    response = yield _request(context, str(url), "createAudienceUrl", body)
    return _external_id(response, "createAudienceUrl")


def get_audience(context: Context, audience: Audience) -> Conversation:
    """The external id when the list is still there; without a get address it is taken to be there."""
    url = context.settings.get("getAudienceUrl")
    if not url:
        return context.external_audience_id
    body = {**_extras(context), "externalId": context.external_audience_id}
    response = yield _request(context, str(url), "getAudienceUrl", body)
    return _external_id(response, "getAudienceUrl")


def sync_batch(
    context: Context, audience: Audience, adds: Sequence[ListEntry], removes: Sequence[ListEntry]
) -> Conversation:
    """One request with both lists. The answer may name entries it refused: `{"failed": [{"messageId", "error"}]}`."""
    body = {
        "audience": audience.key,
        "audience_name": audience.name,
        "computation_id": audience.id,
        "external_audience_id": context.external_audience_id,
        "space_id": audience.space_id,
        "added": [_person(entry) for entry in adds],
        "removed": [_person(entry) for entry in removes],
        **_extras(context),
    }
    response = yield _request(context, str(context.settings["url"]), "url", body)
    refused = _refused(response)
    return [
        ItemResult(status=400, message=refused[entry.message_id]) if entry.message_id in refused else ItemResult()
        for entry in (*adds, *removes)
    ]


def delete_user(context: Context, ids: Mapping[str, str]) -> Conversation:
    """`{"type": "delete", "userId", "anonymousId", "email"}` to the address of the batches."""
    yield _request(context, str(context.settings["url"]), "url", {"type": "delete", **ids})


def _request(context: Context, url: str, name: str, body: Mapping[str, Any]) -> Request:
    text = js_json(body)
    headers = {**JSON_HEADERS, **signature_headers(context.settings.get("sharedSecret") or "", text)}
    return Request(method="POST", url=checked_url(url, name), headers=headers, body=text, timeout=30)


def _person(entry: ListEntry) -> dict[str, Any]:
    event = entry.event
    members = event.get("traits") or (event.get("context") or {}).get("traits") or {}
    person = {
        "messageId": entry.message_id,
        "idType": entry.id_type,
        "id": entry.id_value,
        "userId": event.get("userId"),
        "anonymousId": event.get("anonymousId"),
        "email": members.get("email"),
    }
    return {key: value for key, value in person.items() if value is not None}


def _extras(context: Context) -> dict[str, Any]:
    text = context.audience_settings.get("extras") or ""
    if not text:
        return {}
    try:
        extras = json.loads(text)
    except ValueError:
        extras = None
    if not isinstance(extras, dict):
        raise PayloadValidationError('Extra members have to be a JSON object, such as {"team": "growth"}.')
    return extras


def _external_id(response: Response, name: str) -> str:
    answer = response.json()
    found = answer.get("externalId") if isinstance(answer, dict) else None
    if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
        raise IntegrationError(f'The {name} has to answer with JSON that holds "externalId".', code="INVALID_RESPONSE")
    return str(found)


def _refused(response: Response) -> dict[str, str]:
    answer = response.json()
    failed = answer.get("failed") if isinstance(answer, dict) else None
    if not isinstance(failed, list):
        return {}
    return {
        str(item["messageId"]): str(item.get("error") or "The destination refused this entry.")
        for item in failed
        if isinstance(item, dict) and item.get("messageId")
    }
