"""The list of an audience: found by its name, or made; and looked up again."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from destinations.connectors.sendgrid_lists import api
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, Request, Response, json_request

MOST_PAGES = 100


def create_audience(context: Context, audience: Audience) -> Conversation:
    """The id of the list with this name; a new one when there is none."""
    name = str(context.audience_settings.get("listName") or "").strip() or audience.name
    if not name:
        raise IntegrationError("The list needs a name: give List name in the settings of the connected audience.")
    found = yield from _find(context, name)
    if found:
        return found
    response = yield json_request("POST", api.url(context, "/marketing/lists"), {"name": name})
    made = _object(response).get("id")
    if not made:
        raise IntegrationError("SendGrid did not say which list it made. Try again, or check the API key's access.")
    return str(made)


def get_audience(context: Context, _audience: Audience) -> Conversation:
    """The id when the list is still there, else None."""
    list_id = context.external_audience_id
    try:
        response = yield Request(method="GET", url=list_url(context, list_id))
    except HttpError as error:
        if error.status != 404:
            raise
        return None
    return list_id if str(_object(response).get("id")) == list_id else None


def list_url(context: Context, list_id: str, rest: str = "") -> str:
    return api.url(context, f"/marketing/lists/{quote(list_id, safe='')}{rest}")


def _find(context: Context, name: str) -> Conversation:
    page = ""
    for _number in range(MOST_PAGES):
        response = yield Request(method="GET", url=api.url(context, f"/marketing/lists{page}"))
        answer = _object(response)
        rows = answer.get("result")
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and row.get("name") == name:
                return str(row["id"])
        token = _next_page(answer)
        if not token:
            break
        page = f"?page_token={quote(token, safe='')}"
    return ""


def _next_page(answer: dict[str, Any]) -> str:
    about = answer.get("_metadata")
    following = about.get("next") if isinstance(about, dict) else None
    return parse_qs(urlsplit(str(following or "")).query).get("page_token", [""])[0]


def _object(response: Response) -> dict[str, Any]:
    answer = response.json()
    return answer if isinstance(answer, dict) else {}
