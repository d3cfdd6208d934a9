"""Adding people to a custom audience and removing them: one call for each, up to 10,000 rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from destinations.connectors.facebook_custom_audiences.audiences import create, found
from destinations.connectors.facebook_custom_audiences.graph import HOST, refuse
from destinations.connectors.facebook_custom_audiences.personal import COLUMNS, row
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Context, Conversation, Hook, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, json_request
from destinations.kit.tables import read_fields

ROWS = 10_000
TIMEOUT = 30.0
HOOK = "retlOnMappingSave"
# Whose ids the rows hold: member of the call → field of the payload. Sent when somebody in the call has one.
OWNERS = {"app_ids": "appId", "page_ids": "pageId", "ig_account_ids": "igAccountIds"}


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    results = Results(items)
    audience_id = _audience_id(context, items)
    results.need_membership()
    for method, chosen in (("POST", results.adds), ("DELETE", results.removes)):
        for part in chunks(chosen, ROWS):
            try:
                yield json_request(
                    method, f"{HOST}/{quote(audience_id, safe='')}/users", {"payload": _people(part)}, timeout=TIMEOUT
                )
            except HttpError as error:
                refuse(results, part, error)
    return results.done()


def _people(items: Sequence[Item]) -> dict[str, Any]:
    people: dict[str, Any] = {"schema": list(COLUMNS), "data": [row(item.payload) for item in items]}
    told = set().union(*[item.payload for item in items])
    for member, field in OWNERS.items():
        if field not in told:
            continue
        owners = [str(item.payload.get(field) or "") for item in items]
        if any(owners):
            people[member] = owners
    return people


def _audience_id(context: Context, items: Sequence[Item]) -> str:
    """The audience that the mapping's hook chose, else the one made for the audience."""
    chosen = context.hooks.get(HOOK, {}).get("audienceId")
    found_id = str(chosen or items[0].payload.get("external_audience_id") or context.external_audience_id or "")
    if not found_id:
        raise PayloadValidationError(
            "There is no custom audience to send to. Connect an audience to this destination, or choose a custom "
            "audience in the mapping."
        )
    return found_id


def choose_audience(context: Context, inputs: dict[str, Any]) -> Conversation:
    """The hook of a mapping: make a custom audience, or take one by its id."""
    if inputs.get("operation") == "existing":
        chosen = yield from found(str(inputs.get("existingAudienceId") or "").strip())
        return {"audienceName": chosen["name"], "audienceId": chosen["id"]}
    name = str(inputs.get("audienceName") or "").strip()
    made = yield from create(context, name)
    return {"audienceName": name, "audienceId": made}


def _when(operation: str) -> dict[str, Any]:
    return {"conditions": [{"fieldKey": "operation", "operator": "is", "value": operation}]}


audience_hook = Hook(
    key=HOOK,
    label="Custom audience of this mapping",
    description="Makes a custom audience, or takes one that is there, for everything that this mapping sends.",
    inputs=read_fields(
        {
            "operation": {
                "label": "Audience",
                "choices": [
                    {"value": "create", "label": "Make a new one"},
                    {"value": "existing", "label": "Use one that is there"},
                ],
                "default": "create",
            },
            "audienceName": {"label": "Name", "depends_on": _when("create"), "required": _when("create")},
            "existingAudienceId": {
                "label": "Audience ID",
                "description": "The number under Audience ID, where Ads Manager shows the audience.",
                "depends_on": _when("existing"),
                "required": _when("existing"),
            },
        }
    ),
    outputs=read_fields({"audienceName": {"required": True}, "audienceId": {"required": True}}),
    perform=choose_audience,
)
