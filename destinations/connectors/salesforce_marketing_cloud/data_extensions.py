"""Creating and finding data extensions: what happens when a mapping is saved.

https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/data-extensions-api.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destinations.connectors.salesforce_marketing_cloud import rest
from destinations.kit.definition import Context, Conversation, Hook
from destinations.kit.errors import IntegrationError, PayloadValidationError
from destinations.kit.http import HttpError, Response, json_request
from destinations.kit.tables import read_fields
from engine.mapping.fields import Choice

TYPES = ("Text", "Number", "Date", "Boolean", "EmailAddress", "Phone", "Decimal", "Locale")


def create(
    context: Context,
    *,
    name: str,
    category_id: str,
    fields: Sequence[Mapping[str, Any]],
    description: str = "",
    sendable: tuple[str, str] | None = None,
) -> Conversation:
    """`POST /data/v1/customobjects`; gives `(id, key)`. `sendable`: the column and the subscriber field it meets."""
    body: dict[str, Any] = {"name": name, "description": description, "categoryId": category_id}
    body["isSendable"] = sendable is not None
    if sendable is not None:
        body["sendableCustomObjectField"], body["sendableSubscriberField"] = sendable
    body["fields"] = [_column(place, told) for place, told in enumerate(fields)]
    try:
        response = yield json_request("POST", rest.url(context, "/data/v1/customobjects"), body)
    except HttpError as error:
        raise _explained(error, "The data extension could not be created") from error
    answer = _object(response)
    if not answer.get("id"):
        raise IntegrationError("Marketing Cloud created no data extension: its answer has no id.")
    return str(answer["id"]), str(answer.get("key") or "")


def find(context: Context, data_extension_id: str) -> Conversation:
    """`GET /data/v1/customobjects/{id}`; returns the object."""
    response = yield json_request("GET", _address(context, data_extension_id))
    return _object(response)


def columns(context: Context, payload: Mapping[str, Any]) -> Conversation:
    """The columns of the connected data extension, to choose from; none as long as it is not known."""
    found = payload.get("id") or next((known["id"] for known in context.hooks.values() if known.get("id")), None)
    if found is None:
        return []
    response = yield json_request("GET", f"{_address(context, str(found))}/fields")
    rows = _object(response).get("fields")
    names = [row.get("name") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [Choice(value=name, label=str(name)) for name in names if name]


def hook() -> Hook:
    return Hook(
        key="onMappingSave",
        label="Data extension",
        description="The data extension that the rows go to: a new one, or one that exists.",
        inputs=_INPUTS,
        outputs=_OUTPUTS,
        perform=_connect,
    )


def _connect(context: Context, inputs: dict[str, Any]) -> Conversation:
    if inputs.get("operation") == "select":
        if not inputs.get("dataExtensionId"):
            raise PayloadValidationError("Fill in the ID of the data extension.")
        try:
            found = yield from find(context, str(inputs["dataExtensionId"]))
        except HttpError as error:
            raise _explained(error, "The data extension was not found") from error
        return {"id": str(found.get("id") or inputs["dataExtensionId"]), "name": str(found.get("name") or "")}
    name, told = str(inputs.get("name") or ""), inputs.get("columns")
    if not name or not inputs.get("categoryId") or not isinstance(told, list) or not told:
        raise PayloadValidationError("A new data extension needs a name, a folder and at least one column.")
    sendable = None
    if inputs.get("isSendable"):
        sendable = (
            str(inputs.get("sendableCustomObjectField") or ""),
            str(inputs.get("sendableSubscriberField") or "_SubscriberKey"),
        )
    made = yield from create(
        context,
        name=name,
        category_id=str(inputs["categoryId"]),
        fields=told,
        description=str(inputs.get("description") or ""),
        sendable=sendable,
    )
    return {"id": made[0], "name": name}


def _column(place: int, told: Mapping[str, Any]) -> dict[str, Any]:
    column = {
        "name": told["name"],
        "type": told["type"],
        "isNullable": bool(told.get("isNullable")),
        "isPrimaryKey": bool(told.get("isPrimaryKey")),
        "length": told.get("length"),
        "scale": told.get("scale"),
        "description": told.get("description") or "",
        "ordinal": place,
    }
    never = ("isTemplateField", "isHidden", "isReadOnly", "isInheritable", "isOverridable", "mustOverride")
    return {name: value for name, value in column.items() if value is not None} | dict.fromkeys(never, False)


def _address(context: Context, data_extension_id: str) -> str:
    return rest.url(context, f"/data/v1/customobjects/{quote(data_extension_id, safe='')}")


def _explained(error: HttpError, what: str) -> Exception:
    if error.status == 401 or error.is_retried:
        return error
    return IntegrationError(f"{what}: {rest.said(error.response) or error.message}", status=error.status)


def _object(response: Response) -> dict[str, Any]:
    answer = response.json()
    return answer if isinstance(answer, dict) else {}


def _when(value: str) -> dict[str, Any]:
    return {"match": "all", "conditions": [{"fieldKey": "operation", "operator": "is", "value": value}]}


_SENDABLE = {"match": "all", "conditions": [{"fieldKey": "isSendable", "operator": "is", "value": True}]}
_INPUTS = read_fields(
    {
        "operation": {
            "label": "What to do",
            "required": True,
            "choices": [
                {"value": "create", "label": "Create a data extension"},
                {"value": "select", "label": "Use one that exists"},
            ],
        },
        "dataExtensionId": {
            "label": "Data extension ID",
            "required": _when("select"),
            "depends_on": _when("select"),
            "description": "Its ID, as the address of its page in Contact Builder shows it.",
        },
        "categoryId": {
            "label": "Folder ID",
            "required": _when("create"),
            "depends_on": _when("create"),
            "description": "The folder for it: its ID is in the folder's properties in Contact Builder.",
        },
        "name": {"required": _when("create"), "depends_on": _when("create")},
        "description": {"depends_on": _when("create")},
        "isSendable": {"label": "Is sendable", "type": "boolean", "depends_on": _when("create")},
        "sendableCustomObjectField": {
            "label": "Sendable column",
            "required": _SENDABLE,
            "depends_on": _SENDABLE,
            "description": "The column that names the subscriber.",
        },
        "sendableSubscriberField": {
            "label": "Subscriber field",
            "required": _SENDABLE,
            "depends_on": _SENDABLE,
            "choices": ["_SubscriberKey", "_SubscriberID"],
        },
        "columns": {
            "type": "object",
            "multiple": True,
            "required": _when("create"),
            "depends_on": _when("create"),
            "additionalProperties": True,
            "properties": {
                "name": {"required": True},
                "type": {"required": True, "choices": list(TYPES)},
                "isNullable": {"label": "May be empty", "type": "boolean", "required": True},
                "isPrimaryKey": {"label": "Is part of the key", "type": "boolean", "required": True},
                "length": {"type": "integer"},
                "scale": {"type": "integer"},
                "description": {},
            },
        },
    }
)
_OUTPUTS = read_fields({"id": {"label": "ID", "required": True}, "name": {"required": True}})
