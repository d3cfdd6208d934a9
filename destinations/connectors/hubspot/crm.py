"""HubSpot's CRM API, version 3: records of an object type, searched, read, created and updated.

https://developers.hubspot.com/docs/reference/api/crm/objects
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destinations.kit.http import Request, Response, json_request
from destinations.kit.json_text import js_json
from engine.jstext import JS_BLANKS, text

API = "https://api.hubapi.com"
# What a path may hold as it is; addresses stay readable in HubSpot's own logs.
_IN_PATH = "@!$&'()*+,;=:~"


def objects_url(object_type: str, rest: str = "") -> str:
    return f"{API}/crm/v3/objects/{quoted(object_type)}{rest}"


def quoted(value: Any) -> str:
    return quote(str(value), safe=_IN_PATH)


def update(object_type: str, record: str, properties: Mapping[str, Any], *, id_property: str = "") -> Request:
    """Change the record of this id, or the one whose `id_property` has this value."""
    rest = f"/{quoted(record)}" + (f"?idProperty={quote(id_property, safe='')}" if id_property else "")
    return json_request("PATCH", objects_url(object_type, rest), {"properties": properties})


def create(object_type: str, properties: Mapping[str, Any], associations: Sequence[Any] = ()) -> Request:
    return json_request(
        "POST", objects_url(object_type), {"properties": properties, "associations": list(associations)}
    )


def search(object_type: str, wanted: Mapping[str, Any], properties: Sequence[str], sorts: Sequence[str]) -> Request:
    """Records of which one of the `wanted` properties has that value."""
    groups = [{"filters": [{"propertyName": name, "operator": "EQ", "value": value}]} for name, value in wanted.items()]
    body = {"filterGroups": groups, "properties": list(properties), "sorts": list(sorts)}
    return json_request("POST", objects_url(object_type, "/search"), body)


def batch(object_type: str, verb: str, inputs: Sequence[Any], **more: Any) -> Request:
    """`verb` is `read`, `create`, `update` or `upsert`; at most 100 inputs."""
    return json_request("POST", objects_url(object_type, f"/batch/{verb}"), {**more, "inputs": list(inputs)})


def contact(properties: Mapping[str, Any]) -> Request:
    return json_request("POST", objects_url("contacts"), {"properties": properties})


def batch_read(object_type: str, properties: Sequence[str], id_property: str, ids: Sequence[str]) -> Request:
    """Records by the value of a property that is unique."""
    inputs = [{"id": one} for one in ids]
    body = {"properties": list(properties), "idProperty": id_property, "inputs": inputs}
    return json_request("POST", objects_url(object_type, "/batch/read"), body)


def rows(response: Response, member: str = "results") -> list[dict[str, Any]]:
    """A list of objects in the answer; whatever is none is left out."""
    answer = response.json()
    found = answer.get(member) if isinstance(answer, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def record_id(response: Response) -> str:
    answer = response.json()
    return str(answer.get("id") or "") if isinstance(answer, dict) else ""


def flat(properties: Mapping[str, Any] | None) -> dict[str, Any]:
    """Properties as HubSpot takes them: texts trimmed, lists joined by `;`, objects as JSON, no null."""
    return {name: _flat(value) for name, value in (properties or {}).items() if value is not None}


def trimmed(value: str) -> str:
    return value.strip(JS_BLANKS)


def without_missing(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(
            as_json(item) if item is None or isinstance(item, dict | list) else text(item) for item in value
        )
    if isinstance(value, dict):
        return as_json(value)
    return trimmed(value) if isinstance(value, str) else value


def as_json(value: Any) -> str:
    return js_json(value).decode()
