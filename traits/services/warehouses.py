"""Warehouse sources: adding, testing, changing and deleting them. Each change leaves an audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from common.errors import ConflictError, FieldError, InvalidError
from common.secrets import encrypt
from spaces import audit
from spaces.models import Space, User
from traits.models import SqlTrait, WarehouseSource
from traits.warehouses.catalog import CONNECTORS, connector_of, opened_settings
from traits.warehouses.interface import Connector, Limits, Setting, WarehouseError

MAX_NAME_LENGTH = 255
LONGEST_SETTING = 1_000
TEST_SECONDS = 10


def warehouse_list(space: Space) -> QuerySet[WarehouseSource]:
    """By name, each with `used`: how many SQL traits read it."""
    live = Count("sql_traits", filter=Q(sql_traits__trait__deleted_at=None))
    rows: QuerySet[WarehouseSource] = WarehouseSource.objects.in_space(space)
    return rows.annotate(used=live).order_by("name", "id")


def get_warehouse(space: Space, public_id: str) -> WarehouseSource | None:
    found: WarehouseSource | None = WarehouseSource.objects.in_space(space).filter(public_id=public_id).first()
    return found


def readers(source: WarehouseSource) -> list[SqlTrait]:
    """The SQL traits whose queries read the warehouse."""
    rows = SqlTrait.objects.filter(source=source, trait__deleted_at=None).select_related("trait")
    return list(rows.order_by("trait__name"))


@transaction.atomic
def create_warehouse(
    *, space: Space, name: str, connector: str, settings: Mapping[str, Any], created_by: User | None
) -> WarehouseSource:
    """Store a warehouse, its passwords encrypted. Raises InvalidError with every field that is wrong."""
    definition = CONNECTORS.get(connector)
    if definition is None:
        raise InvalidError.at("/connector", f"A warehouse is one of: {', '.join(CONNECTORS)}.", "unknown_connector")
    source = WarehouseSource(space=space, name=_words(name), connector=connector, created_by=created_by)
    _take(source, definition, settings, {})
    source.save()
    audit.record(space=space, actor=created_by, action="warehouse.created", target=source, after=_state(source))
    return source


@transaction.atomic
def update_warehouse(
    *,
    source: WarehouseSource,
    changed_by: User | None,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> WarehouseSource:
    """Rename or change settings; a password that is left empty stays as it is, unless it would go to another place."""
    source = WarehouseSource.objects.select_for_update(of=("self",)).select_related("space").get(pk=source.pk)
    before = _state(source)
    if name is not None:
        source.name = _words(name)
    definition = connector_of(source)
    try:
        stored = opened_settings(source)
    except WarehouseError:
        stored = {}
    _take(source, definition, stored if settings is None else settings, stored)
    if settings is not None:
        source.checked_at, source.problem = None, ""
    source.save()
    audit.record(
        space=source.space, actor=changed_by, action="warehouse.changed", target=source, before=before,
        after=_state(source),
    )  # fmt: skip
    return source


@transaction.atomic
def delete_warehouse(*, source: WarehouseSource, deleted_by: User | None) -> None:
    """Refused with ConflictError while a SQL trait reads it."""
    source = WarehouseSource.objects.select_for_update(of=("self",)).select_related("space").get(pk=source.pk)
    used = readers(source)
    if used:
        names = ", ".join(row.trait.name for row in used[:3]) + (" and others" if len(used) > 3 else "")
        raise ConflictError(f"SQL traits read this warehouse: {names}. Delete them first.")
    SqlTrait.objects.filter(source=source).delete()
    audit.record(space=source.space, actor=deleted_by, action="warehouse.deleted", target=source, before=_state(source))
    source.delete()


def test_warehouse(*, source: WarehouseSource) -> str:
    """Connect and say who answered; how it went is kept. Raises WarehouseError."""
    try:
        answer = connector_of(source).test(opened_settings(source), Limits(seconds=TEST_SECONDS))
    except WarehouseError as error:
        note_connection(source, error)
        raise
    note_connection(source, None)
    return answer


test_warehouse.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest


def note_connection(source: WarehouseSource, error: WarehouseError | None) -> None:
    """Keep how a connection went; a query that was refused says nothing against the warehouse."""
    problem = "" if error is None or error.path == "/query" else error.detail
    source.checked_at, source.problem = timezone.now(), problem
    WarehouseSource.objects.filter(pk=source.pk).update(checked_at=source.checked_at, problem=problem)


def _words(name: str) -> str:
    return " ".join(name.replace("\x00", "").split())


def _take(source: WarehouseSource, definition: Connector, given: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    """Check everything and put it into the row."""
    errors = _name_errors(source)
    unknown = sorted(set(given) - {one.name for one in definition.settings})
    errors += [
        FieldError(path=f"/{name}", code="unknown_key", detail=f"{definition.name} has no setting {name}.")
        for name in unknown
    ]
    values: dict[str, Any] = {}
    for one in definition.settings:
        value, detail = _value(one, given.get(one.name, stored.get(one.name, one.default)))
        if one.kind == "password" and not value and stored.get(one.name):
            value, detail = stored[one.name], ""
            if _moved(definition, values, stored):
                detail = f"Enter the {one.label.lower()} again: the stored one is not sent to another place."
        if detail:
            errors.append(FieldError(path=f"/{one.name}", code="invalid", detail=detail))
        values[one.name] = value
    if not errors:
        errors = [FieldError(path=path, code="invalid", detail=detail) for path, detail in definition.problems(values)]
    if errors:
        raise InvalidError(errors[0].detail, errors)
    secrets = {name: values.pop(name) for name in sorted(definition.secret_names)}
    source.settings = values
    source.secrets = encrypt({name: value for name, value in secrets.items() if value})


def _moved(definition: Connector, values: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether a stored password would go to another server than the one it was entered for."""
    return any(values.get(name) != stored.get(name) for name in ("host", "port") if name in stored)


def _name_errors(source: WarehouseSource) -> list[FieldError]:
    if not source.name:
        return [FieldError(path="/name", code="required", detail="Give the warehouse a name.")]
    if len(source.name) > MAX_NAME_LENGTH:
        return [FieldError(path="/name", code="too_long", detail=f"Use at most {MAX_NAME_LENGTH} characters.")]
    if WarehouseSource.objects.filter(space=source.space, name=source.name).exclude(pk=source.pk).exists():
        return [FieldError(path="/name", code="taken", detail="Another warehouse of this space has the name.")]
    return []


def _value(one: Setting, given: Any) -> tuple[Any, str]:
    """The value and what is wrong with it."""
    text = "" if given is None else str(given).replace("\x00", "")
    text = text if one.kind == "password" else text.strip()
    if not text:
        return "", f"Enter the {one.label.lower()}." if one.is_required else ""
    if len(text) > LONGEST_SETTING:
        return text, f"Use at most {LONGEST_SETTING} characters."
    if one.kind == "number":
        return (int(text), "") if text.isascii() and text.isdecimal() and len(text) < 10 else (text, "Write a number.")
    if one.kind == "choice" and text not in dict(one.choices):
        return text, f"Choose one of: {', '.join(dict(one.choices))}."
    return text, ""


def _state(source: WarehouseSource) -> dict[str, Any]:
    return {"name": source.name, "connector": source.connector, "settings": source.settings}
