"""The list of an audience: found, or created in the folder of the settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.connectors.marketo_static_lists.client import NOT_FOUND, MarketoError, ask, first_result, host
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError, PayloadValidationError
from destinations.kit.http import Request

HOOK = "retlOnMappingSave"


def folder_id(context: Context) -> Conversation:
    """The id of the folder that lists are created in."""
    name = str(context.settings.get("folder_name") or "")
    url = f"{host(context)}/rest/asset/v1/folder/byName.json?name={quote(name, safe='')}"
    found = first_result((yield from ask(Request(method="GET", url=url)))).get("id")
    if found in (None, ""):
        raise IntegrationError(f"Marketo has no folder called {name!r}. Correct the folder name in the settings.")
    return found


def create_list(context: Context, name: str) -> Conversation:
    """The id of a new list; names are unique within Marketo."""
    folder = yield from folder_id(context)
    url = f"{host(context)}/rest/asset/v1/staticLists.json?folder={folder}&name={quote(name, safe='')}"
    return _list_id((yield from ask(Request(method="POST", url=url))))


def find_list(context: Context, list_id: str) -> Conversation:
    """The id when the list is there, else None."""
    url = f"{host(context)}/rest/asset/v1/staticList/{quote(list_id, safe='')}.json"
    try:
        answer = yield from ask(Request(method="GET", url=url))
    except MarketoError as error:
        if error.number == NOT_FOUND:
            return None
        raise
    found = first_result(answer).get("id")
    return None if found in (None, "") else str(found)


def create_audience(context: Context, audience: Audience) -> Conversation:
    return (yield from create_list(context, audience.name))


def get_audience(context: Context, audience: Audience) -> Conversation:
    return (yield from find_list(context, context.external_audience_id))


def choose_list(context: Context, inputs: dict[str, Any]) -> Conversation:
    """The hook of a mapping: the list that was named by its id, or a new one of that name."""
    list_id, name = str(inputs.get("list_id") or ""), str(inputs.get("list_name") or "")
    if list_id:
        found = yield from find_list(context, list_id)
        if found is None:
            raise PayloadValidationError(f"Marketo has no static list with the ID {list_id}.")
        return {"id": found, "name": name}
    if not name:
        raise PayloadValidationError("Give the ID of a static list, or a name for a new one.")
    return {"id": (yield from create_list(context, name)), "name": name}


def list_of(context: Context, payload: dict[str, Any]) -> str:
    """The id of the list to change: the one chosen in the mapping, else that of the audience; "" for none."""
    chosen = context.hooks.get(HOOK, {}).get("id")
    return str(chosen or payload.get("external_id") or "")


def _list_id(answer: dict[str, Any]) -> str:
    found = first_result(answer).get("id")
    if found in (None, ""):
        raise IntegrationError("Marketo created no list: its answer has no id.", code="INVALID_RESPONSE")
    return str(found)
