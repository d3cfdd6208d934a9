"""Filters of a destination: create, change, toggle, delete (delivery-and-observability.md §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from common.errors import ConflictError, FieldError, InvalidError
from destinations.filter_rules import compile_filter, compile_filters
from destinations.models import Destination, DestinationFilter
from destinations.services.destinations import touch
from engine.filters import lint
from engine.filters.rules import KEPT_FIELDS, Judgement, apply_rules
from engine.filters.tokens import path_pieces, path_text, tokenize
from engine.fql import FqlError, Problem
from spaces import audit
from spaces.models import User
from spaces.names import clean_name

LIMIT = 10
NAME_LIMIT = 64
FIELD_LIMIT = 100
Kind = DestinationFilter.Kind
_PROPERTY_KINDS = (Kind.DROP_PROPERTIES, Kind.ALLOW_PROPERTIES)
CHANGEABLE = ("name", "description", "kind", "condition", "sample_percent", "sample_path", "fields", "is_enabled")


@transaction.atomic
def create_filter(
    *,
    destination: Destination,
    actor: User | None,
    name: str,
    kind: str,
    condition: str,
    description: str = "",
    sample_percent: float = 100,
    sample_path: str = "messageId",
    fields: Sequence[str] = (),
    is_enabled: bool = True,
) -> DestinationFilter:
    """A filter that applies to every call from now on. The 11th is refused.

    InvalidError lists all problems: /name, /description, /kind, /condition (with the place in the text),
    /sample_percent, /sample_path, /fields.
    """
    destination = _locked(destination)
    if destination.filters.count() >= LIMIT:
        raise ConflictError(f"A destination can have at most {LIMIT} filters. Delete one that is not needed.")
    row = DestinationFilter(
        destination=destination,
        name=name,
        description=description,
        kind=kind,
        condition=condition.strip(),
        sample_percent=sample_percent,
        sample_path=sample_path,
        fields=list(fields),
        is_enabled=is_enabled,
    )
    _check(row)
    row.save()
    touch(destination)
    _record(row, actor, "filter.created", None, _shown(row))
    return row


@transaction.atomic
def update_filter(
    *, row: DestinationFilter, actor: User | None, changes: Mapping[str, Any], based_on: str = ""
) -> DestinationFilter:
    """Change what `changes` names of CHANGEABLE; `based_on` is the `updated_at` (ISO) that the editor saw."""
    destination, row = _locked_filter(row)
    if based_on and based_on != row.updated_at.isoformat():
        raise ConflictError("Somebody else changed this filter meanwhile. Reload to see the changes.")
    before = _shown(row)
    for key, value in changes.items():
        if key not in CHANGEABLE:
            raise ValueError(f"{key} cannot be changed")
        setattr(row, key, value)
    row.condition = row.condition.strip()
    _check(row)
    row.save()
    touch(destination)
    if _shown(row) != before:
        _record(row, actor, "filter.updated", before, _shown(row))
    return row


@transaction.atomic
def set_filter_enabled(*, row: DestinationFilter, actor: User | None, is_enabled: bool) -> DestinationFilter:
    destination, row = _locked_filter(row)
    if row.is_enabled != is_enabled:
        row.is_enabled = is_enabled
        row.save(update_fields=["is_enabled", "updated_at"])
        touch(destination)
        action = "filter.enabled" if is_enabled else "filter.disabled"
        _record(row, actor, action, {"is_enabled": not is_enabled}, {"is_enabled": is_enabled})
    return row


@transaction.atomic
def delete_filter(*, row: DestinationFilter, actor: User | None) -> None:
    destination, row = _locked_filter(row)
    _record(row, actor, "filter.deleted", _shown(row), None)
    row.delete()
    touch(destination)


def preview_filter(row: DestinationFilter, event: Mapping[str, Any]) -> tuple[list[FieldError], Judgement | None]:
    """What a filter that is being edited does with an event; None when it has problems. Nothing is saved."""
    problems = problems_of(row)
    if any(problem.path not in ("/name", "/description") for problem in problems):
        return problems, None
    return problems, apply_rules((compile_filter(row),), event)


def judge(destination: Destination, event: Mapping[str, Any]) -> Judgement:
    """What all enabled filters of a destination do with an event."""
    return apply_rules(compile_filters(destination.filters.all()), event)


def problems_of(row: DestinationFilter) -> list[FieldError]:
    """Everything that keeps a filter from being saved."""
    errors: list[FieldError] = []
    try:
        row.name = clean_name(row.name, limit=NAME_LIMIT)
    except InvalidError as error:
        errors.extend(error.errors)
    if len(row.description) > 255:
        errors.append(_error("/description", "too_long", "The description has at most 255 characters."))
    if row.kind not in Kind.values:
        known = ", ".join(Kind.values)
        errors.append(_error("/kind", "choice", f"There is no kind of filter {row.kind!r}. There are: {known}."))
    for problem in lint(row.condition):
        errors.append(_error("/condition", problem.code, told(problem)))
    if row.kind == Kind.SAMPLE:
        errors += _sample_problems(row)
    if row.kind in _PROPERTY_KINDS:
        errors += _field_problems(row)
    else:
        row.fields = []
    return errors


def told(problem: Problem) -> str:
    return f"{problem.message.rstrip('.')} (at character {problem.start + 1})."


def _sample_problems(row: DestinationFilter) -> list[FieldError]:
    errors = []
    # Written so that NaN, which no comparison holds for, is refused too.
    if not 0 <= row.sample_percent <= 100:
        errors.append(_error("/sample_percent", "out_of_range", "The share is between 0 and 100 percent."))
    if (path := _path(row.sample_path)) is None:
        detail = "Name the field that decides, such as messageId (each event) or userId (each person)."
        errors.append(_error("/sample_path", "path", detail))
    else:
        row.sample_path = path
    return errors


def _field_problems(row: DestinationFilter) -> list[FieldError]:
    named = [str(path) for path in row.fields if str(path).strip()]
    errors = []
    if not named:
        errors.append(_error("/fields", "required", "Name at least one field, such as properties.email."))
    if len(named) > FIELD_LIMIT:
        errors.append(_error("/fields", "too_many", f"A filter names at most {FIELD_LIMIT} fields."))
    cleaned: list[str] = []
    for name in named:
        path = _path(name)
        if path is None:
            detail = f"{name!r} is no field: write properties.email, with a \\ before blanks and other signs in a name."
            errors.append(_error("/fields", "path", detail))
            continue
        pieces = path_pieces(path)
        if len(pieces) == 1 and row.kind == Kind.ALLOW_PROPERTIES:
            detail = f"{name} is no member of an object: allow members such as properties.plan or context.page."
            errors.append(_error("/fields", "top_level", detail))
        elif len(pieces) == 1 and pieces[0] in KEPT_FIELDS:
            errors.append(_error("/fields", "needed", f"{name} is needed to deliver a call and cannot be dropped."))
        cleaned.append(path)
    row.fields = list(dict.fromkeys(cleaned))
    return errors


def _path(text: str) -> str | None:
    """The path as it is written in a condition; None for what is none."""
    try:
        tokens = tokenize(text.strip())
    except FqlError:
        return None
    if len(tokens) != 2 or tokens[0].kind not in ("path", "word"):
        return None
    return path_text(tokens[0].value if tokens[0].kind == "path" else (tokens[0].value,))


def _check(row: DestinationFilter) -> None:
    errors = problems_of(row)
    if errors:
        many = "1 field is" if len(errors) == 1 else f"{len(errors)} fields are"
        raise InvalidError(errors[0].detail if len(errors) == 1 else f"{many} not valid.", errors)


def _error(path: str, code: str, detail: str) -> FieldError:
    return FieldError(path=path, code=code, detail=detail)


def _locked(destination: Destination) -> Destination:
    rows = Destination.objects.select_for_update(no_key=True, of=("self",)).select_related("space__workspace")
    found: Destination | None = rows.filter(pk=destination.pk, deleted_at=None).first()
    if found is None:
        raise ConflictError("This destination was deleted meanwhile.")
    return found


def _locked_filter(row: DestinationFilter) -> tuple[Destination, DestinationFilter]:
    destination = _locked(row.destination)
    found = DestinationFilter.objects.select_for_update().filter(pk=row.pk).first()
    if found is None:
        raise ConflictError("This filter was deleted meanwhile.")
    found.destination = destination
    return destination, found


def _shown(row: DestinationFilter) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": row.name,
        "description": row.description,
        "kind": row.kind,
        "condition": row.condition,
    }
    if row.kind == Kind.SAMPLE:
        shown |= {"sample_percent": row.sample_percent, "sample_path": row.sample_path}
    if row.kind in _PROPERTY_KINDS:
        shown["fields"] = list(row.fields)
    return {**shown, "is_enabled": row.is_enabled}


def _record(
    row: DestinationFilter,
    actor: User | None,
    action: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    audit.record(
        space=row.destination.space, actor=actor, action=action, target=row.destination, before=before, after=after
    )
