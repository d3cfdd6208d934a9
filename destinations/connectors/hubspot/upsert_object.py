"""Records of any object type, by a unique property; with their associations, and on the list of an audience.

https://developers.hubspot.com/docs/reference/api/crm/objects
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from destinations.connectors.hubspot import crm, object_schema
from destinations.connectors.hubspot.object_records import Record, merged, record_of
from destinations.connectors.hubspot.upsert_record import association
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import DeliveryError, PayloadValidationError, RetryableError
from destinations.kit.http import HttpError, Request, Response, json_request

MOST = 100
LISTS = f"{crm.API}/crm/v3/lists"


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """Object by object: properties, records, associations, list. What fails, fails for the records of its object."""
    results = Results(items)
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for item in items:
        about = item.payload["object_details"]
        key = (about["object_type"], about["id_field_name"], about.get("property_group") or "")
        try:
            groups.setdefault(key, []).append(record_of(item))
        except PayloadValidationError as error:
            results.fail(item, error.message)
    for key, found in groups.items():
        mode = context.sync_mode or "update"
        records = merged(found, is_new=mode == "add")
        every = [item for record in records for item in record.items]
        try:
            yield from _write(context, key, records, mode)
        except HttpError as error:
            results.refuse(every, error)
        except DeliveryError as error:
            for item in every:
                results.fail(item, error.message, status=error.status, code=error.code)
    return results.done()


def _write(context: Context, key: tuple[str, str, str], records: list[Record], mode: str) -> Conversation:
    object_type, id_field, group = key
    list_name = _list_name(context, [item for record in records for item in record.items])
    plain, secret = [record.properties for record in records], [record.sensitive for record in records]
    yield from object_schema.ensure(object_type, group, plain, is_sensitive=False)
    yield from object_schema.ensure(object_type, group, secret, is_sensitive=True)
    for some in chunks(records, MOST):
        yield from _send(object_type, id_field, some, mode)
    known = [record for record in records if record.record_id]
    yield from _associate(object_type, known)
    if list_name and known:
        yield from _put_on_list(object_type, list_name, known)


def _send(object_type: str, id_field: str, records: Sequence[Record], mode: str) -> Conversation:
    by_id = {record.id_value.lower(): record for record in records}
    if mode == "upsert":
        inputs = [
            {"idProperty": id_field, "id": one.id_value, "properties": {**one.written, id_field: one.id_value}}
            for one in records
        ]
        _note_ids((yield crm.batch(object_type, "upsert", inputs)), id_field, by_id)
        return
    ids = [record.id_value for record in records]
    _note_ids((yield crm.batch_read(object_type, [id_field], id_field, ids)), id_field, by_id)
    if mode == "add":
        new = [one for one in records if not one.record_id]
        inputs = [{"properties": {**one.written, id_field: one.id_value}} for one in new]
        if inputs:
            _note_ids((yield crm.batch(object_type, "create", inputs)), id_field, by_id)
        return
    known = [one for one in records if one.record_id and one.written]
    if known:
        yield crm.batch(object_type, "update", [{"id": one.record_id, "properties": one.written} for one in known])


def _note_ids(response: Response, id_field: str, by_id: dict[str, Record]) -> None:
    for row in crm.rows(response):
        properties = row.get("properties")
        value = properties.get(id_field) if isinstance(properties, dict) else None
        record = by_id.get(str(value).lower()) or by_id.get(str(row.get("id")))
        if record is not None:
            record.record_id = str(row.get("id"))


def _associate(object_type: str, records: Sequence[Record]) -> Conversation:
    """Find or make the other records, a hundred at a time, and link them."""
    wanted: dict[tuple[str, str, str, str], list[tuple[Record, str]]] = {}
    for record in records:
        for link in record.links:
            mode = record.items[0].payload.get("association_sync_mode") or "upsert"
            key = (link["object_type"], link["id_field_name"], link["association_label"], mode)
            wanted.setdefault(key, []).append((record, crm.trimmed(link["id_field_value"])))
    for (to_type, id_field, label, mode), links in wanted.items():
        kind = association(label)
        for some in chunks(links, MOST):
            targets = [
                Record(id_value=value, properties={}, sensitive={}, items=[])
                for value in dict.fromkeys(value for _record, value in some)
            ]
            yield from _send(to_type, id_field, targets, "upsert" if mode == "upsert" else "update")
            ids = {target.id_value: target.record_id for target in targets if target.record_id}
            inputs = [
                {"types": [kind], "from": {"id": record.record_id}, "to": {"id": ids[value]}}
                for record, value in some
                if value in ids
            ]
            if inputs:
                pair = f"{crm.quoted(object_type)}/{crm.quoted(to_type)}"
                url = f"{crm.API}/crm/v4/associations/{pair}/batch/create"
                yield json_request("POST", url, {"inputs": inputs})


def _list_name(context: Context, items: Sequence[Item]) -> str:
    """The list of this batch, "" for none; a batch has one."""
    names: set[str] = set()
    for item in items:
        told = item.payload.get("list_details") or {}
        own = context.computation_key if told.get("connected_to_engage_audience") else ""
        name = crm.trimmed(str(told.get("list_name") or own or ""))
        if name:
            names.add(name)
    if len(names) > 1:
        raise PayloadValidationError("The records of a batch belong to one list. Put list_details into the batch keys.")
    return next(iter(names), "")


def _put_on_list(object_type: str, name: str, records: Sequence[Record]) -> Conversation:
    adds = [record.record_id for record in records if record.on_list is True]
    removes = [record.record_id for record in records if record.on_list is False]
    if not (adds or removes):
        return
    told = records[0].items[0].payload.get("list_details") or {}
    list_id = yield from _list_id(object_type, name, is_made=told.get("should_create_list") is not False)
    body = {"recordIdsToAdd": adds, "recordIdsToRemove": removes}
    yield json_request("PUT", f"{LISTS}/{crm.quoted(list_id)}/memberships/add-and-remove", body)


def _list_id(object_type: str, name: str, *, is_made: bool) -> Conversation:
    try:
        url = f"{LISTS}/object-type-id/{crm.quoted(object_type)}/name/{crm.quoted(name)}"
        return _id_of((yield Request(method="GET", url=url)))
    except HttpError as error:
        if error.status != 404:
            raise
    if not is_made:
        raise PayloadValidationError(f"HubSpot has no list {name!r}. Make it there, or switch Create the list on.")
    body = {"name": name, "objectTypeId": object_type, "processingType": "MANUAL"}
    try:
        return _id_of((yield json_request("POST", LISTS, body)))
    except HttpError as error:
        if "DUPLICATE_LIST_NAMES" in error.response.text:
            raise RetryableError(f"Somebody else made the list {name!r} at this moment. Trying again.") from error
        raise


def _id_of(response: Response) -> str:
    answer: Any = response.json()
    found = answer.get("list") if isinstance(answer, dict) else None
    if not isinstance(found, dict) or not found.get("listId"):
        raise RetryableError("HubSpot did not say which list this is.")
    if found.get("processingType") not in (None, "MANUAL"):
        raise PayloadValidationError("HubSpot has a list of this name that fills itself. Choose another list name.")
    return str(found["listId"])
