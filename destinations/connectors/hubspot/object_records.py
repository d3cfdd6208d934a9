"""Payloads of Upsert object as records: names and values as HubSpot takes them, and one record for one id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destinations.connectors.hubspot import crm
from destinations.kit.definition import Item
from destinations.kit.errors import PayloadValidationError

_OTHERS = re.compile(r"[^a-z0-9_]")


@dataclass(kw_only=True)
class Record:
    """`items` asked for it; `record_id` is HubSpot's once it is known. `on_list` None: no list is concerned."""

    id_value: str
    properties: dict[str, Any]
    sensitive: dict[str, Any]
    items: list[Item]
    timestamp: str = ""
    on_list: bool | None = None
    links: list[dict[str, str]] = field(default_factory=list)
    record_id: str = ""

    @property
    def written(self) -> dict[str, Any]:
        return {**self.properties, **self.sensitive}


def record_of(item: Item) -> Record:
    payload = item.payload
    about, told = payload["object_details"], payload.get("list_details") or {}
    action = item.membership if told.get("connected_to_engage_audience") else told.get("list_action")
    return Record(
        id_value=crm.trimmed(str(about["id_field_value"])),
        properties=_clean(payload.get("properties")),
        sensitive=_clean(payload.get("sensitive_properties")),
        items=[item],
        timestamp=str(payload.get("timestamp") or ""),
        on_list=action if isinstance(action, bool) else None,
        links=[link for link in payload.get("associations") or [] if link.get("id_field_value")],
    )


def merged(records: Sequence[Record], *, is_new: bool) -> list[Record]:
    """One record for one id: newer values win property by property. Of new records the first is kept as it is."""
    found: dict[str, Record] = {}
    for record in sorted(records, key=lambda one: one.timestamp):
        known = found.get(record.id_value)
        if known is None:
            found[record.id_value] = record
            continue
        known.items += record.items
        known.on_list = record.on_list if record.on_list is not None else known.on_list
        known.links += record.links
        if not is_new:
            known.properties |= record.properties
            known.sensitive |= record.sensitive
    return list(found.values())


def name_of(name: str) -> str:
    """A property's name in lower case, other characters as `_`; it has to begin with a letter."""
    found = _OTHERS.sub("_", crm.trimmed(name).lower())
    if not found or not found[0].isalpha():
        raise PayloadValidationError(f"{name!r} is no name of a property: it has to begin with a letter.")
    return found


def _clean(properties: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name_of(name): _value(value) for name, value in (properties or {}).items() if value is not None}


def _value(value: Any) -> Any:
    if isinstance(value, dict | list):
        return crm.as_json(value)
    if not isinstance(value, str):
        return value
    plain = crm.trimmed(value)
    return plain.lower() == "true" if plain.lower() in ("true", "false") else plain
