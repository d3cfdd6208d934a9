"""Deleting a person's rows from the warehouses that Engage's calls were written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from common.locks import LockClass
from delivery.models import Connection, EngageSource
from engine.payloads import email_anonymous_id
from engine.warehouse.names import numbered
from engine.warehouse.planning import pointer_of
from engine.warehouse.rows import OWN_TABLES
from traits.models import WarehouseSource
from traits.warehouses.catalog import connector_of, opened_settings
from traits.warehouses.interface import Forgotten, Limits, Match, WarehouseError, Writer
from warehouse_output.models import WarehouseOutput

OWN_COLUMNS = {"user_id": "user_id", "anonymous_id": "anonymous_id", "group_id": "group_id"}
EMAIL_PATHS = (("traits", "email"), ("context", "traits", "email"))
DEVICE_PATH = ("context", "device", "advertisingId")
DEVICES = ("ios.", "android.")


@dataclass(frozen=True, kw_only=True)
class Unreached:
    """A warehouse in which the person's rows are still there, and why. `is_transient`: it may work later."""

    name: str
    detail: str
    is_transient: bool


@dataclass(frozen=True, kw_only=True)
class Forgetting:
    """What became of a person's rows. `is_busy`: a block is being written; come again in a moment."""

    rows: int
    unreached: list[Unreached]
    is_busy: bool


def forget_person(*, space_id: int, identifiers: Iterable[tuple[str, str]]) -> Forgetting:
    """Delete the rows with one of the identifiers, (type, value) pairs, in every warehouse. Safe to run twice."""
    by_type: dict[str, set[str]] = {}
    for id_type, value in identifiers:
        by_type.setdefault(id_type, set()).add(value)
    by_type.setdefault("anonymous_id", set()).update(map(email_anonymous_id, by_type.get("email", ())))
    rows, unreached, is_busy = 0, [], False
    for output in WarehouseOutput.objects.filter(space_id=space_id).select_related("source").order_by("pk"):
        if not output.position and not output.tables and not output.columns:
            continue
        try:
            with transaction.atomic():
                if not _locked(output):
                    is_busy = True
                    continue
                rows += _forget(output, by_type)
        except WarehouseError as error:
            found = Unreached(name=output.source.name, detail=error.detail, is_transient=error.is_transient)
            unreached.append(found)
    return Forgetting(rows=rows, unreached=unreached, is_busy=is_busy)


def _locked(output: WarehouseOutput) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LockClass.WAREHOUSE_OUTPUT, output.pk])
        return bool(cursor.fetchone()[0])


def _forget(output: WarehouseOutput, by_type: Mapping[str, set[str]]) -> int:
    source: WarehouseSource = output.source
    limits = Limits(seconds=settings.ENGAGE_WAREHOUSE_SECONDS)
    with connector_of(source).write(opened_settings(source), limits) as writer:
        return sum(writer.forget(_wanted(output, writer, by_type)).values())


def _wanted(output: WarehouseOutput, writer: Writer, by_type: Mapping[str, set[str]]) -> list[Forgotten]:
    """Of the tables that we made and that are still there, the columns that hold identifiers."""
    numbers = EngageSource.objects.filter(space_id=output.space_id).values_list("number", flat=True)
    schemas = [numbered(output.schema, number) for number in sorted({1, *numbers})]
    named = _named_columns(output.space_id)
    found = []
    for schema, tables in writer.tables(schemas).items():
        for table in sorted({*OWN_TABLES, *output.tables.values()} & set(tables)):
            matches = _matches(output.columns.get(table, {}), named, by_type)
            kept = tuple(one for one in matches if one.column in tables[table] and one.values)
            if kept:
                found.append(Forgotten(schema=schema, table=table, matches=kept))
    return found


def _named_columns(space_id: int) -> dict[str, set[str]]:
    """Under which names ID Sync placed identifiers of a type, as pointers into calls."""
    found: dict[str, set[str]] = {}
    for rows in Connection.objects.filter(space_id=space_id).values_list("identifier_mappings", flat=True):
        for row in rows:
            parts = row["destination"].split(".")
            pointers = {pointer_of((place, *parts)) for place in ("traits", "properties")}
            found.setdefault(row["segment"], set()).update(pointers)
    return found


def _matches(
    columns: Mapping[str, str], named: Mapping[str, set[str]], by_type: Mapping[str, set[str]]
) -> Sequence[Match]:
    emails = tuple(sorted({one.lower() for one in by_type.get("email", ())}))
    devices = tuple(
        sorted(value for id_type, found in by_type.items() if id_type.startswith(DEVICES) for value in found)
    )
    matches = [
        Match(column=column, values=tuple(sorted(by_type.get(id_type, ())))) for id_type, column in OWN_COLUMNS.items()
    ]
    matches += [
        Match(column=columns[pointer_of(path)], values=emails, any_case=True)
        for path in EMAIL_PATHS
        if pointer_of(path) in columns
    ]
    if pointer_of(DEVICE_PATH) in columns:
        matches.append(Match(column=columns[pointer_of(DEVICE_PATH)], values=devices))
    for id_type, pointers in named.items():
        values = tuple(sorted(by_type.get(id_type, ())))
        matches += [Match(column=columns[one], values=values) for one in sorted(pointers & set(columns))]
    return matches
