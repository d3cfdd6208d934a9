"""Rows of data extensions, which are Marketing Cloud's tables.

A refused call stores the rows before the first bad one and none after it, so on a 400 each row goes alone.
https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/putDataExtensionRowsetByKey.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destinations.connectors.salesforce_marketing_cloud import rest
from destinations.kit.batches import Results
from destinations.kit.definition import HOOK_KEYS, Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, json_request
from destinations.kit.membership import computed

TargetOf = Callable[[Context, Mapping[str, Any]], str]
Row = tuple[Item, dict[str, Any]]


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """Rows into the data extension of the mapping's key or id, else of the destination's settings."""
    return (yield from send(context, items, _named))


def perform_batch_v2(context: Context, items: list[Item]) -> Conversation:
    """Rows into the data extension that was created or chosen when the mapping was saved."""
    return (yield from send(context, items, connected))


def perform_batch_async(context: Context, items: list[Item]) -> Conversation:
    """Thousands of rows at once; Marketing Cloud takes them and stores them later.

    `PUT /data/v1/async/dataextensions/{id}/rows`: keys and values in one flat object.
    """
    results = Results(items)
    for target, group in _by_target(context, results, _named_or_connected).items():
        rows = [{**(item.payload.get("keys") or {}), **_values(item)} for item in group]
        address = rest.url(context, f"/data/v1/async/dataextensions/{target}/rows")
        try:
            yield json_request("PUT", address, {"items": rows}, timeout=60)
        except HttpError as error:
            results.refuse(group, error, rest.said(error.response))
    return results.done()


def send(context: Context, items: list[Item], target_of: TargetOf) -> Conversation:
    """`POST /hub/v1/dataevents/{target}/rowset` with a list of `{"keys", "values"}`."""
    results = Results(items)
    for target, group in _by_target(context, results, target_of).items():
        yield from save(context, target, [(item, _values(item)) for item in group], results)
    return results.done()


def by_key(key: str) -> str:
    """A data extension in the path of a call, by its external key."""
    return f"key:{quote(key, safe='')}"


def by_id(data_extension_id: str) -> str:
    return quote(data_extension_id, safe="")


def column_of(computation_key: str) -> str:
    """The column of an audience or trait: its key in Title Case (`vip_buyers`: `Vip Buyers`)."""
    return " ".join(word[:1].upper() + word[1:] for word in computation_key.replace("_", " ").split())


def connected(context: Context, _payload: Mapping[str, Any]) -> str:
    for hook in HOOK_KEYS:
        found = context.hooks.get(hook, {}).get("id")
        if found:
            return by_id(str(found))
    raise PayloadValidationError("No Data Extension Connected. Open the mapping and create or select a data extension.")


def _named(context: Context, payload: Mapping[str, Any]) -> str:
    key, found = payload.get("key"), payload.get("id")
    if not key and not found:
        key = context.settings.get("data_extension_key")
    if key:
        return by_key(str(key))
    if found:
        return by_id(str(found))
    raise PayloadValidationError(
        "The mapping names no data extension. Fill in its external key or its ID, or the key in the settings."
    )


def _named_or_connected(context: Context, payload: Mapping[str, Any]) -> str:
    return _named(context, payload) if payload.get("key") or payload.get("id") else connected(context, payload)


def _by_target(context: Context, results: Results, target_of: TargetOf) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in results.open:
        try:
            target = target_of(context, item.payload)
        except PayloadValidationError as error:
            results.fail(item, error.message)
        else:
            found.setdefault(target, []).append(item)
    return found


def _values(item: Item) -> dict[str, Any]:
    values = dict(item.payload.get("values") or {})
    if item.payload.get("include_computation"):
        values |= {column_of(key): value for key, value in computed(item.event).items()}
    return values


def save(context: Context, target: str, rows: Sequence[Row], results: Results) -> Conversation:
    """One call with a row for each item; its keys are those of the payload, the values are given."""
    address, items = rest.url(context, f"/hub/v1/dataevents/{target}/rowset"), [item for item, _values in rows]
    body = [{"keys": item.payload.get("keys") or {}, "values": values} for item, values in rows]
    try:
        yield json_request("POST", address, body)
    except HttpError as error:
        response = error.response
        if rest.is_transient(response):
            results.refuse(items, error, rest.said(response), status=500)
        elif response.status == 400 and len(rows) > 1:
            for row in rows:
                yield from save(context, target, [row], results)
        else:
            results.refuse(items, error, rest.said(response))
