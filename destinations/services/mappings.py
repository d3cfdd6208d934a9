"""Mappings of a destination: create, change, toggle, duplicate, delete (destinations-and-sync.md §10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from common.errors import ConflictError, FieldError, InvalidError
from destinations.catalog import definition as find_definition
from destinations.kit.definition import Action
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.resolving import INTERNAL_PREFIX, RESERVED
from engine import mapping as mapping_kit
from engine.fql import FqlError, lint, parse
from engine.payloads import overlaps
from spaces import audit
from spaces.models import User
from spaces.names import clean_name

LIMIT = 50
COPY = " (Copy)"
MOST_ENRICHMENTS = 50


@transaction.atomic
def create_mapping(
    *,
    destination: Destination,
    actor: User | None,
    action: str,
    name: str,
    trigger: str | None = None,
    fields: Mapping[str, Any] | None = None,
    enrichments: Sequence[str] = (),
    is_enabled: bool = False,
) -> MappingRow:
    """A new mapping, disabled unless asked otherwise ("Save and enable"). The 51st is refused.

    Trigger and fields default to those of the action; `enrichments` are keys of traits that calls shall carry along.
    InvalidError lists all problems, with their paths.
    """
    destination = _locked(destination)
    if destination.mappings.count() >= LIMIT:
        raise ConflictError(f"A destination can have at most {LIMIT} mappings. Delete one that is not needed.")
    errors: list[FieldError] = []
    found = _action(destination, action, errors)
    if found is not None:
        trigger = found.default_trigger if trigger is None else trigger
        fields = found.default_fields() if fields is None else fields
    name = _checked_name(name, errors)
    _check(found, trigger or "", fields or {}, errors)
    traits = _checked_enrichments(enrichments, errors)
    _refuse(errors)
    last = destination.mappings.order_by("-position").values_list("position", flat=True).first()
    mapping = MappingRow.objects.create(
        destination=destination,
        action=action,
        name=name,
        trigger=(trigger or "").strip(),
        fields=dict(fields or {}),
        enrichments=traits,
        is_enabled=is_enabled,
        position=0 if last is None else last + 1,
    )
    _touch(destination)
    _record(mapping, actor, "mapping.created", None, _shown(mapping))
    return mapping


@transaction.atomic
def update_mapping(
    *,
    mapping: MappingRow,
    actor: User | None,
    name: str | None = None,
    trigger: str | None = None,
    fields: Mapping[str, Any] | None = None,
    enrichments: Sequence[str] | None = None,
    is_enabled: bool | None = None,
    based_on: str = "",
) -> MappingRow:
    """Change what is given; `based_on` is the `updated_at` (ISO) that the editor saw."""
    destination, mapping = _locked_mapping(mapping)
    if based_on and based_on != mapping.updated_at.isoformat():
        raise ConflictError("Somebody else changed this mapping meanwhile. Reload to see the changes.")
    before = _shown(mapping)
    errors: list[FieldError] = []
    if name is not None:
        mapping.name = _checked_name(name, errors)
    if trigger is not None:
        mapping.trigger = trigger.strip()
    if fields is not None:
        mapping.fields = dict(fields)
    if enrichments is not None:
        mapping.enrichments = _checked_enrichments(enrichments, errors)
    if is_enabled is not None:
        mapping.is_enabled = is_enabled
    _check(_action(destination, mapping.action, errors), mapping.trigger, mapping.fields, errors)
    _refuse(errors)
    mapping.save()
    _touch(destination)
    if _shown(mapping) != before:
        _record(mapping, actor, "mapping.updated", before, _shown(mapping))
    return mapping


@transaction.atomic
def set_mapping_enabled(*, mapping: MappingRow, actor: User | None, is_enabled: bool) -> MappingRow:
    destination, mapping = _locked_mapping(mapping)
    if mapping.is_enabled != is_enabled:
        mapping.is_enabled = is_enabled
        mapping.save(update_fields=["is_enabled", "updated_at"])
        _touch(destination)
        action = "mapping.enabled" if is_enabled else "mapping.disabled"
        _record(mapping, actor, action, {"is_enabled": not is_enabled}, {"is_enabled": is_enabled})
    return mapping


@transaction.atomic
def duplicate_mapping(*, mapping: MappingRow, actor: User | None) -> MappingRow:
    """An exact copy with its enrichments, named `<Original> (Copy)`, disabled (F165)."""
    destination, mapping = _locked_mapping(mapping)
    longest = MappingRow._meta.get_field("name").max_length or 120
    return create_mapping(
        destination=destination,
        actor=actor,
        action=mapping.action,
        name=mapping.name[: longest - len(COPY)] + COPY,
        trigger=mapping.trigger,
        fields=mapping.fields,
        enrichments=mapping.enrichments,
    )


@transaction.atomic
def delete_mapping(*, mapping: MappingRow, actor: User | None) -> None:
    destination, mapping = _locked_mapping(mapping)
    _record(mapping, actor, "mapping.deleted", _shown(mapping), None)
    mapping.delete()
    _touch(destination)


def problems_of(action: Action, trigger: str, fields: Mapping[str, Any]) -> list[FieldError]:
    """Everything that keeps a mapping from being saved, for editors that check while a person types."""
    errors: list[FieldError] = []
    _check(action, trigger, fields, errors)
    return errors


def _check(action: Action | None, trigger: str, fields: Mapping[str, Any], errors: list[FieldError]) -> None:
    _check_trigger(trigger, errors)
    if action is None:
        return
    if not isinstance(fields, dict):
        errors.append(FieldError(path="/fields", code="invalid", detail="The fields have to be an object."))
        return
    known = {field.key: field for field in action.fields}
    for key in fields:
        if key not in known and key not in RESERVED and not key.startswith(INTERNAL_PREFIX):
            detail = f"The action {action.title} has no field {key!r}. Those there are: {', '.join(known)}."
            errors.append(FieldError(path=f"/fields/{key}", code="unknown_field", detail=detail))
    for problem in mapping_kit.validate(dict(fields)):
        errors.append(FieldError(path=f"/fields{problem.path}", code="invalid_mapping", detail=problem.message))
    for field in known.values():
        if field.required is True and fields.get(field.key) in (None, ""):
            detail = f"{field.label} is required. Give it a value or a path such as $.userId."
            errors.append(FieldError(path=f"/fields/{field.key}", code="required", detail=detail))


def _check_trigger(trigger: str, errors: list[FieldError]) -> None:
    if not trigger.strip():
        detail = 'Write a trigger, such as type = "track" and event = "Audience Entered".'
        errors.append(FieldError(path="/trigger", code="required", detail=detail))
        return
    problems = lint(trigger)
    for problem in problems:
        detail = f"{problem.message} (at character {problem.start + 1})"
        errors.append(FieldError(path="/trigger", code=problem.code, detail=detail))
    if problems:
        return
    try:
        parse(trigger)
    except FqlError as error:
        errors.append(FieldError(path="/trigger", code=error.code, detail=str(error)))


def _action(destination: Destination, key: str, errors: list[FieldError]) -> Action | None:
    definition = find_definition(destination.connector)
    if definition is None:
        raise ConflictError(f"The connector {destination.connector!r} is not installed.")
    if definition.framework != "actions" or not definition.actions:
        raise ConflictError(f"{definition.name} takes every call as it is and has no mappings.")
    action = definition.action(key)
    if action is None:
        known = ", ".join(action.key for action in definition.actions)
        detail = f"{definition.name} has no action {key!r}. Those there are: {known}."
        errors.append(FieldError(path="/action", code="unknown_action", detail=detail))
    return action


def _checked_enrichments(given: Any, errors: list[FieldError]) -> list[str]:
    """Keys of traits (dots lead into objects), each once; none may hold another."""
    if not isinstance(given, list | tuple) or not all(isinstance(key, str) for key in given):
        detail = "Give a list of keys of traits, such as plan or address.city."
        errors.append(FieldError(path="/enrichments", code="invalid", detail=detail))
        return []
    found = list(dict.fromkeys(key.strip() for key in given if key.strip()))
    if len(found) > MOST_ENRICHMENTS:
        detail = f"Choose at most {MOST_ENRICHMENTS} traits."
        errors.append(FieldError(path="/enrichments", code="too_many", detail=detail))
    for number, key in enumerate(found):
        if len(key) > 255 or "" in key.split(".") or "\x00" in key:
            detail = f"{key[:60]!r} is no key of a trait."
            errors.append(FieldError(path=f"/enrichments/{number}", code="invalid", detail=detail))
        elif other := next((one for one in found[:number] if overlaps(one, key)), None):
            detail = f"{other} and {key} cannot hold each other. Choose one of the two."
            errors.append(FieldError(path=f"/enrichments/{number}", code="duplicate", detail=detail))
    return found


def _touch(destination: Destination) -> None:
    """Let the workers compile it again, and keep what its enabled mappings ask for."""
    wanted = (
        destination.mappings.filter(is_enabled=True).order_by("position", "pk").values_list("enrichments", flat=True)
    )
    traits: list[str] = []
    for keys in wanted:
        traits += [key for key in keys if not any(overlaps(key, other) for other in traits)]
    destination.mapping_traits = traits
    destination.save(update_fields=["mapping_traits", "updated_at"])


def _checked_name(name: str, errors: list[FieldError]) -> str:
    try:
        return clean_name(name)
    except InvalidError as error:
        errors.extend(error.errors)
        return name


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        many = f"{len(errors)} things are to be mended."
        raise InvalidError(errors[0].detail if len(errors) == 1 else many, errors)


def _shown(mapping: MappingRow) -> dict[str, Any]:
    return {
        "name": mapping.name,
        "action": mapping.action,
        "trigger": mapping.trigger,
        "fields": mapping.fields,
        "enrichments": mapping.enrichments,
        "is_enabled": mapping.is_enabled,
    }


def _locked(destination: Destination) -> Destination:
    rows = Destination.objects.select_for_update(no_key=True, of=("self",)).select_related("space__workspace")
    found: Destination | None = rows.filter(pk=destination.pk, deleted_at=None).first()
    if found is None:
        raise ConflictError("This destination was deleted meanwhile.")
    return found


def _locked_mapping(mapping: MappingRow) -> tuple[Destination, MappingRow]:
    destination = _locked(mapping.destination)
    found = destination.mappings.filter(pk=mapping.pk).first()
    if found is None:
        raise ConflictError("This mapping was deleted meanwhile.")
    found.destination = destination
    return destination, found


def _record(
    mapping: MappingRow,
    actor: User | None,
    action: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    space = mapping.destination.space
    audit.record(space=space, actor=actor, action=action, target=mapping, before=before, after=after)
