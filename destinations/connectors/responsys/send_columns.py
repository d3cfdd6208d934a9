"""Audiences and traits as columns of the profile extension table that the settings name."""

from __future__ import annotations

from typing import Any

from destinations.connectors.responsys import records
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item


def send_audience(context: Context, items: list[Item]) -> Conversation:
    """The membership in the column of the audience's key, in capitals; one call for up to 200 people."""
    results = Results(items)
    records.hold_back(context, results)
    names = records.mapped_columns(context, items)
    by_key: dict[str, list[records.Record]] = {}
    for item in results.open:
        key = str(item.payload["computation_key"])
        row = [records.value(item, records.member(item, name)) for name in names]
        by_key.setdefault(key, []).append((item, [*row, records.value(item, _membership(item, key))]))
    pet = str(context.settings.get("profileExtensionTable") or "")
    for key, found in by_key.items():
        yield from records.write_pet(context, results, pet, [name.upper() for name in (*names, key)], found)
    return results.done()


def send_custom_traits(context: Context, items: list[Item]) -> Conversation:
    """The mapped members, each in the column of its name in capitals."""
    results = Results(items)
    records.hold_back(context, results)
    names = records.mapped_columns(context, items)
    default = str(context.settings.get("profileExtensionTable") or "")
    by_pet: dict[str, list[records.Record]] = {}
    for item in results.open:
        row = [records.value(item, records.member(item, name)) for name in names]
        by_pet.setdefault(str(item.payload.get("pet_name") or default), []).append((item, row))
    for pet, found in by_pet.items():
        yield from records.write_pet(context, results, pet, [name.upper() for name in names], found)
    return results.done()


def _membership(item: Item, key: str) -> Any:
    told = (item.payload.get("traits_or_props") or {}).get(key)
    return item.membership if told is None else told
