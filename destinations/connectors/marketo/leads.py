"""How Marketo finds a lead: by e-mail, else by the field that holds the user id, else that of the anonymous id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

from destinations.connectors.marketo_static_lists.client import ask, host
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request

MOST = 300
# Marketo refuses addresses of more than 8 KB.
LONGEST = 6000


class Lookup(NamedTuple):
    """The field of Marketo that finds a lead, and what it holds."""

    field: str
    value: str

    @property
    def key(self) -> str:
        """Equal for lookups that find the same lead: Marketo compares without case."""
        return self.value.lower()


def lookup_of(context: Context, payload: dict[str, Any]) -> Lookup:
    """The first identifier there is; PayloadValidationError when there is none."""
    named = (
        ("email", payload.get("email")),
        (str(context.settings.get("user_id_field") or ""), payload.get("user_id")),
        (str(context.settings.get("anonymous_id_field") or ""), payload.get("anonymous_id")),
    )
    for field, value in named:
        if field and value not in (None, ""):
            return Lookup(field, str(value).strip())
    raise PayloadValidationError(
        "The call has no e-mail, and no user ID or anonymous ID for which the settings name a field of Marketo."
    )


def identity(context: Context, payload: dict[str, Any]) -> dict[str, Any]:
    """The fields of a lead that hold its identifiers."""
    told = {
        "email": payload.get("email"),
        str(context.settings.get("user_id_field") or ""): payload.get("user_id"),
        str(context.settings.get("anonymous_id_field") or ""): payload.get("anonymous_id"),
    }
    return {field: value for field, value in told.items() if field and value not in (None, "")}


def find_ids(context: Context, field: str, values: Iterable[str]) -> Conversation:
    """The ids of the leads that have one of these values, by the value in lower case. Unknown ones are missing."""
    found: dict[str, int] = {}
    for part in _parts(list(dict.fromkeys(values))):
        wanted = quote(",".join(part), safe="!~*'()")
        name = quote(field, safe="")
        url = f"{host(context)}/rest/v1/leads.json?filterType={name}&filterValues={wanted}&fields=id,{name}"
        answer = yield from ask(Request(method="GET", url=url))
        for lead in answer.get("result") or ():
            if isinstance(lead, dict) and isinstance(lead.get("id"), int):
                found.setdefault(str(lead.get(field)).lower(), lead["id"])
    return found


def _parts(values: list[str]) -> list[list[str]]:
    parts: list[list[str]] = []
    length = LONGEST
    for value in values:
        more = len(quote(value, safe="")) + 3
        if length + more > LONGEST or len(parts[-1]) == MOST:
            parts.append([])
            length = 0
        parts[-1].append(value)
        length += more
    return parts
