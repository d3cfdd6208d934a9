"""Configured destinations: create, change, enable, disable, delete. Secrets go in and never come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError, FieldError, InvalidError
from common.secrets import SecretsError, decrypt, encrypt
from destinations.catalog import definition as find_definition
from destinations.catalog import definitions, named
from destinations.field_values import check_values
from destinations.functions.definitions import function_id
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination, DestinationFunction
from destinations.models import Mapping as MappingRow
from destinations.services.tokens import end_pause
from spaces import audit
from spaces.models import Space, User
from spaces.names import clean_name

UNCHANGED: Any = object()


@transaction.atomic
def create_destination(
    *,
    space: Space,
    actor: User | None,
    connector: str,
    name: str,
    settings: Mapping[str, Any],
    is_enabled: bool = True,
    requests_per_second: int | None = None,
) -> Destination:
    """A configured destination with the preset mappings of its connector, so that it works at once.

    Presets are enabled when the settings they need are given. InvalidError lists every problem: /connector, /name,
    /settings/<key>, /requests_per_second.
    """
    Space.objects.select_for_update(no_key=True).get(pk=space.pk)
    errors: list[FieldError] = []
    definition = named(connector)
    if definition is not None and not is_known_in(space, definition.slug):
        definition = None
    values: dict[str, Any] = {}
    if definition is None:
        known = ", ".join(definitions())
        detail = f"There is no connector {connector!r}. Those there are: {known}."
        errors.append(FieldError(path="/connector", code="unknown_connector", detail=detail))
    else:
        values, errors = check_values(definition.settings, settings)
    name = _checked_name(space, name, errors, besides=None)
    _check_rate(requests_per_second, errors)
    if errors or definition is None:
        raise _refusal(errors)
    plain, secrets = _parted(definition, values)
    destination = Destination.objects.create(
        space=space,
        connector=definition.slug,
        name=name,
        settings=plain,
        secrets=encrypt(secrets),
        is_enabled=is_enabled,
        requests_per_second=requests_per_second,
    )
    _install_presets(destination, definition, values)
    audit.record(
        space=space, actor=actor, action="destination.created", target=destination, after=_shown(destination, secrets)
    )
    return destination


@transaction.atomic
def update_destination(
    *,
    destination: Destination,
    actor: User | None,
    name: str = UNCHANGED,
    settings: Mapping[str, Any] = UNCHANGED,
    requests_per_second: int | None = UNCHANGED,
    is_enabled: bool = UNCHANGED,
    based_on: str = "",
) -> Destination:
    """Change what is given. A secret that is missing or "" in `settings` stays as it is; None removes it.

    `based_on` is the `updated_at` (ISO) that the editor saw; ConflictError when somebody saved meanwhile.
    """
    destination = _locked(destination)
    if based_on and based_on != destination.updated_at.isoformat():
        raise ConflictError("Somebody else changed this destination meanwhile. Reload to see the changes.")
    errors: list[FieldError] = []
    old_secrets = _secrets_or_none(destination)
    before = _shown(destination, old_secrets)
    secrets = old_secrets
    if settings is not UNCHANGED:
        definition = find_definition(destination.connector)
        if definition is None:
            raise ConflictError(f"The connector {destination.connector!r} is not installed.")
        merged = _with_kept_secrets(definition, settings, old_secrets)
        values, errors = check_values(definition.settings, merged)
        destination.settings, secrets = _parted(definition, values)
        destination.secrets = encrypt(secrets)
        if secrets != old_secrets:
            # What the old credentials gave must not stand above the new ones.
            destination.token = b""
        if secrets != old_secrets or destination.settings != before["settings"]:
            end_pause(destination)
    if name is not UNCHANGED:
        destination.name = _checked_name(destination.space, name, errors, besides=destination)
    if requests_per_second is not UNCHANGED:
        _check_rate(requests_per_second, errors)
        destination.requests_per_second = requests_per_second
    if is_enabled is not UNCHANGED:
        destination.is_enabled = is_enabled
    if errors:
        raise _refusal(errors)
    destination.save()
    after = _shown(destination, secrets)
    if secrets != old_secrets:
        after["hidden_settings"] = f"changed: {', '.join(_changed(old_secrets or {}, secrets or {}))}"
    if after != before:
        _record(destination, actor, "destination.updated", before, after)
    return destination


@transaction.atomic
def set_destination_enabled(*, destination: Destination, actor: User | None, is_enabled: bool) -> Destination:
    """A disabled destination keeps its settings and mappings; nothing is delivered to it."""
    destination = _locked(destination)
    if destination.is_enabled != is_enabled:
        destination.is_enabled = is_enabled
        end_pause(destination)
        destination.save(update_fields=["is_enabled", "paused_at", "pause_reason", "updated_at"])
        action = "destination.enabled" if is_enabled else "destination.disabled"
        _record(destination, actor, action, {"is_enabled": not is_enabled}, {"is_enabled": is_enabled})
    return destination


@transaction.atomic
def delete_destination(*, destination: Destination, actor: User | None) -> None:
    """Take it out of the space and forget its secrets. Refused while anything is connected to it."""
    destination = _locked(destination)
    connected = destination.connections.filter(removed_at=None).count()
    if connected:
        many = "1 audience, trait or source is" if connected == 1 else f"{connected} audiences, traits or sources are"
        raise ConflictError(f"{many} connected to this destination. Remove it from them first.")
    before = _shown(destination, None)
    destination.deleted_at = timezone.now()
    destination.is_enabled = False
    destination.secrets = destination.token = b""
    destination.save()
    _record(destination, actor, "destination.deleted", before, None)


@transaction.atomic
def resume_destination(*, destination: Destination, actor: User | None) -> Destination:
    """Let the calls of a paused destination go again, as when the tool was set right and not the settings."""
    destination = _locked(destination)
    if destination.paused_at is not None:
        before = {"paused": True, "reason": destination.pause_reason}
        end_pause(destination)
        destination.save(update_fields=["paused_at", "pause_reason", "updated_at"])
        _record(destination, actor, "destination.resumed", before, {"paused": False})
    return destination


def is_known_in(space: Space, connector: str) -> bool:
    """Whether destinations of the space can use a connector: a function belongs to one space."""
    public_id = function_id(connector)
    return not public_id or DestinationFunction.objects.in_space(space).filter(public_id=public_id).exists()


def given_settings(
    definition: DestinationDefinition, settings: Mapping[str, Any], destination: Destination | None
) -> tuple[dict[str, Any], dict[str, Any], list[FieldError]]:
    """(plain, secret, problems) of settings as a form gives them; empty secrets are those stored already."""
    stored = _secrets_or_none(destination) if destination is not None else None
    values, errors = check_values(definition.settings, _with_kept_secrets(definition, settings, stored))
    return *_parted(definition, values), errors


def touch(destination: Destination) -> None:
    """Make the workers compile the destination again: every change to its filters or its function does this."""
    destination.save(update_fields=["updated_at"])


def _install_presets(destination: Destination, definition: DestinationDefinition, values: Mapping[str, Any]) -> None:
    for position, preset in enumerate(definition.presets):
        action = definition.action(preset.action)
        assert action is not None
        MappingRow.objects.create(
            destination=destination,
            action=preset.action,
            name=preset.name,
            trigger=preset.trigger,
            fields={**action.default_fields(), **preset.fields},
            is_enabled=all(values.get(key) for key in preset.requires_settings),
            position=position,
        )


def _with_kept_secrets(
    definition: DestinationDefinition, given: Mapping[str, Any], old: Mapping[str, Any] | None
) -> dict[str, Any]:
    merged = dict(given)
    for key in definition.secret_keys:
        if key in merged and merged[key] is None:
            del merged[key]
        elif merged.get(key) in (None, "", {}) and old and key in old:
            merged[key] = old[key]
    return merged


def _parted(definition: DestinationDefinition, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    hidden = definition.secret_keys
    plain = {key: value for key, value in values.items() if key not in hidden}
    return plain, {key: value for key, value in values.items() if key in hidden}


def _secrets_or_none(destination: Destination) -> dict[str, Any] | None:
    """None when they cannot be read any more: new ones may then be given."""
    try:
        return decrypt(destination.secrets)
    except SecretsError:
        return None


def _shown(destination: Destination, secrets: Mapping[str, Any] | None) -> dict[str, Any]:
    """For the audit trail: which secrets are set, never what they are."""
    return {
        "name": destination.name,
        "connector": destination.connector,
        "settings": dict(destination.settings),
        "hidden_settings": ", ".join(sorted(secrets or ())),
        "is_enabled": destination.is_enabled,
        "requests_per_second": destination.requests_per_second,
    }


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def _checked_name(space: Space, name: str, errors: list[FieldError], *, besides: Destination | None) -> str:
    try:
        name = clean_name(name)
    except InvalidError as error:
        errors.extend(error.errors)
        return name
    others = Destination.objects.in_space(space).filter(name=name, deleted_at=None)
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    if others.exists():
        detail = f"There is already a destination called “{name}” in this space."
        errors.append(FieldError(path="/name", code="taken", detail=detail))
    return name


def _check_rate(rate: int | None, errors: list[FieldError]) -> None:
    if rate is not None and not 1 <= rate <= 100_000:
        detail = "Requests per second have to be between 1 and 100,000, or empty for the connector's own cap."
        errors.append(FieldError(path="/requests_per_second", code="out_of_range", detail=detail))


def _refusal(errors: list[FieldError]) -> InvalidError:
    many = "1 field is" if len(errors) == 1 else f"{len(errors)} fields are"
    return InvalidError(errors[0].detail if len(errors) == 1 else f"{many} not valid.", errors)


def _locked(destination: Destination) -> Destination:
    rows = Destination.objects.select_for_update(no_key=True, of=("self",)).select_related("space__workspace")
    found: Destination | None = rows.filter(pk=destination.pk, deleted_at=None).first()
    if found is None:
        raise ConflictError("This destination was deleted meanwhile.")
    return found


def _record(
    destination: Destination,
    actor: User | None,
    action: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    audit.record(space=destination.space, actor=actor, action=action, target=destination, before=before, after=after)
