"""What the actions do: add, update, upsert or delete a record of one object; or many in a bulk job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from destinations.connectors.salesforce import bulk, client
from destinations.connectors.salesforce.outcomes import Ticket
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import IntegrationError, PayloadValidationError
from destinations.kit.http import HttpError
from destinations.kit.membership import personas
from destinations.kit.verdicts import ItemResult

# Members of a payload that steer the action and are no fields of the record.
STEERING = frozenset(
    {
        "operation",
        "recordMatcherOperator",
        "enable_batching",
        "batch_size",
        "traits",
        "bulkUpsertExternalId",
        "bulkUpdateRecordId",
        "customObjectName",
        "customFields",
        "audience_field",
    }
)
NAMES = {"create": "add"}
JOBS = {"add": "insert", "update": "update", "upsert": "upsert"}
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Records:
    """The actions on one object. `required` are the fields that a new record needs; `kind` "" reads the payload's."""

    kind: str = ""
    required: tuple[str, ...] = ()

    def perform(self, context: Context, payload: dict[str, Any]) -> Conversation:
        """One record, as the sync mode says. Without exactly one match an update changes nothing."""
        mode = _mode(context, payload)
        kind = self._kind(payload)
        self._check(mode, payload)
        if mode == "add":
            return (yield from client.create(context, kind, _record(payload, context.event)))
        found = yield from self._found(context, kind, mode, payload)
        if mode == "delete":
            return (yield from client.delete(context, kind, found))
        record = _record(payload, context.event)
        if not found:
            return (yield from client.create(context, kind, record))
        return (yield from client.update(context, kind, found, record))

    def perform_batch(self, context: Context, items: list[Item]) -> Conversation:
        """Bulk jobs, one for what goes alike. What cannot go into a job fails alone."""
        if not context.mapping.get("enable_batching"):
            raise IntegrationError("Several records at once need “Use the Bulk API” to be on in the mapping.")
        results = Results(items)
        jobs: dict[bulk.Job, list[Item]] = {}
        for item in items:
            try:
                jobs.setdefault(self._job(context, item), []).append(item)
            except (IntegrationError, PayloadValidationError) as error:
                results.fail(item, error.message, status=error.status, code=error.code)
        for job, members in jobs.items():
            rows = _merged(members, job.operation)
            try:
                job_id = yield from bulk.load(context, job, list(rows.values()))
            except HttpError as error:
                results.refuse(members, error)
            except PayloadValidationError as error:
                for item in members:
                    results.fail(item, error.message)
            else:
                for item in members:
                    texts = bulk.written(*rows[_row_of(item, job.operation)], job.id_name)
                    ticket = Ticket(job_id, job.id_name, bulk.row_key(texts, job.id_name))
                    results.set(item, ItemResult(ticket=ticket))
        return results.done()

    def _job(self, context: Context, item: Item) -> bulk.Job:
        """The job that an item goes in.

        Audiences keep apart because a column that a row lacks clears the field in Salesforce.
        """
        payload = item.payload
        mode = _mode(context, payload)
        if mode == "delete":
            raise IntegrationError("Records cannot be deleted in bulk. Turn off “Use the Bulk API” in the mapping.")
        self._check(mode, payload)
        return bulk.Job(
            kind=self._kind(payload),
            operation=JOBS[mode],
            id_name=_id_name(mode, payload),
            audience_field=str(payload.get("audience_field") or ""),
        )

    def _kind(self, payload: Mapping[str, Any]) -> str:
        return self.kind or client.object_name(str(payload.get("customObjectName") or ""))

    def _check(self, mode: str, payload: Mapping[str, Any]) -> None:
        if mode not in ("add", "upsert"):
            return
        missing = [name for name in self.required if payload.get(name) in (None, "")]
        if missing:
            raise PayloadValidationError(
                f"Missing {missing[0]} value: Salesforce takes no new {self.kind} without it. Map the field, or use "
                "the sync mode Update."
            )

    def _found(self, context: Context, kind: str, mode: str, payload: Mapping[str, Any]) -> Conversation:
        """The id of the record to change; "" only for an upsert that creates it."""
        traits = payload.get("traits")
        if not isinstance(traits, dict) or not traits:
            raise IntegrationError(f"Undefined Traits when using {mode} operation: say in “Find the record by” how.")
        if mode != "upsert" and traits.get("Id") not in (None, ""):
            return str(traits["Id"])
        found = yield from client.find(context, kind, traits, str(payload.get("recordMatcherOperator") or "OR"))
        if not found and mode != "upsert":
            raise IntegrationError(
                f"Record Not Found: no {kind} in Salesforce matches.", code="RECORD_NOT_FOUND", status=404
            )
        return found


def _mode(context: Context, payload: Mapping[str, Any]) -> str:
    told = payload.get("operation")
    mode = NAMES.get(str(told), str(told)) if told else context.sync_mode
    if mode not in ("add", "update", "upsert", "delete"):
        raise IntegrationError("The mapping has no sync mode. Choose Add, Update, Upsert or Delete.")
    return mode


def _id_name(mode: str, payload: Mapping[str, Any]) -> str:
    if mode == "update":
        if payload.get("bulkUpdateRecordId") in (None, ""):
            raise IntegrationError("Undefined bulkUpdateRecordId when using bulkUpdate operation.")
        return "Id"
    if mode == "upsert":
        told = payload.get("bulkUpsertExternalId") or {}
        if not told.get("externalIdName") or told.get("externalIdValue") in (None, ""):
            raise IntegrationError("Undefined bulkUpsertExternalId name or value when using bulkUpsert operation.")
        return str(told["externalIdName"])
    return ""


def _merged(items: list[Item], operation: str) -> dict[Any, tuple[Any, dict[str, Any]]]:
    """(id, row) of each record: Salesforce refuses a record that is twice in a file, so later values win."""
    rows: dict[Any, tuple[Any, dict[str, Any]]] = {}
    for item in items:
        key = _row_of(item, operation)
        earlier = rows[key][1] if key in rows else {}
        found = None if operation == "insert" else key
        rows[key] = (found, {**earlier, **_record(item.payload, item.event)})
    return rows


def _row_of(item: Item, operation: str) -> Any:
    """What is equal for the items that go into one row: the record's id; each new record has its own."""
    if operation == "insert":
        return ("new", item.index)
    if operation == "upsert":
        return item.payload["bulkUpsertExternalId"]["externalIdValue"]
    return item.payload.get("bulkUpdateRecordId")


def _record(payload: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The record: standard fields in Salesforce's names, the custom fields over them, and that of the audience."""
    record: dict[str, Any] = {}
    for name, value in payload.items():
        if name == "customFields":
            continue
        if name not in STEERING and value is not None:
            record[_pascal(name)] = value
    record.update(payload.get("customFields") or {})
    record.update(_audience(payload, event))
    return record


def _audience(payload: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The field of the audience or computed trait with the value that the call carries."""
    name, key = payload.get("audience_field"), personas(event).get("computation_key")
    if not name or not key:
        return {}
    if not _FIELD.match(str(name)):
        raise PayloadValidationError(f"{name!r} is not the API name of a Salesforce field, such as VIP__c.")
    members = event.get("traits" if event.get("type") == "identify" else "properties")
    return {name: members[key]} if isinstance(members, dict) and key in members else {}


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))
