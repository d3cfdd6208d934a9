"""What a connection may be: all that is wrong with one, found without saving it."""

from __future__ import annotations

from typing import Any

from common.errors import FieldError
from delivery.models import Connection
from delivery.selectors.identifier_types import identifier_types
from delivery.services import activation
from delivery.services.attachments import space_refusals
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from profiles.models import ACCOUNTS

NAME_LENGTH = 255


def connection_problems(connection: Connection) -> list[FieldError]:
    """All problems, each at its field; the connection need not be saved."""
    definition = catalog.definition(connection.destination.connector)
    if definition is None:
        detail = f"This installation has no connector {connection.destination.connector!r}. Choose another destination."
        return [FieldError(path="/destination", code="unknown_connector", detail=detail)]
    return [
        *_destination_problems(connection, definition),
        *_call_problems(connection, definition),
        *_event_problems(connection),
        *_format_problems(connection, definition),
        *_setup_problems(connection, definition),
    ]


def _destination_problems(connection: Connection, definition: DestinationDefinition) -> list[FieldError]:
    errors = []
    if definition.kind == "list" and connection.computation_class == "trait":
        detail = f"{definition.name} takes lists of people, and a trait is not one. Choose an event destination."
        errors.append(FieldError(path="/destination", code="trait_to_list", detail=detail))
    if connection._state.adding and (refusal := space_refusals([connection.destination])):
        detail = refusal[connection.destination_id]
        errors.append(FieldError(path="/destination", code="on_source", detail=detail))
    return errors


def _call_problems(connection: Connection, definition: DestinationDefinition) -> list[FieldError]:
    chosen = [kind for kind in ("identify", "track", "group") if getattr(connection, f"send_{kind}")]
    is_of_accounts = connection.collection == ACCOUNTS
    if not chosen:
        names = "Identify, Track or Group" if is_of_accounts else "Identify, Track, or both"
        return [FieldError(path="/send_track", code="required", detail=f"Choose at least one call: {names}.")]
    errors = []
    if connection.send_group and not is_of_accounts:
        detail = "Group calls are about accounts, and this is about users. Switch them off."
        errors.append(FieldError(path="/send_group", code="users", detail=detail))
    elif connection.send_group and definition.kind == "list":
        detail = f"{definition.name} takes the users of the accounts as a list, and no Group calls. Switch them off."
        errors.append(FieldError(path="/send_group", code="unsupported", detail=detail))
    return errors + [
        FieldError(
            path=f"/send_{kind}",
            code="unsupported",
            detail=f"{definition.name} does not take {kind.title()} calls. Switch them off.",
        )
        for kind in chosen
        if definition.kind == "event" and kind not in definition.supported
    ]


def _event_problems(connection: Connection) -> list[FieldError]:
    errors = []
    for name in ("enter_event", "exit_event"):
        value = getattr(connection, name)
        if not value:
            errors.append(FieldError(path=f"/{name}", code="required", detail="Give the event a name."))
        elif len(value) > NAME_LENGTH or not value.isprintable():
            detail = "Use up to 255 printable characters for the name."
            errors.append(FieldError(path=f"/{name}", code="invalid", detail=detail))
    if connection.enter_event and connection.enter_event == connection.exit_event:
        detail = "Entering and leaving need different event names."
        errors.append(FieldError(path="/exit_event", code="duplicate", detail=detail))
    return errors


def _format_problems(connection: Connection, definition: DestinationDefinition) -> list[FieldError]:
    errors = []
    if not isinstance(connection.settings, dict):
        errors.append(FieldError(path="/settings", code="invalid", detail="Settings must be a JSON object."))
    if connection.value_format not in Connection.ValueFormat.values:
        detail = "Choose how values are written: boolean or string."
        errors.append(FieldError(path="/value_format", code="invalid", detail=detail))
    elif connection.value_format != Connection.ValueFormat.BOOLEAN and definition.kind == "list":
        detail = f"{definition.name} adds and removes people by true and false. Choose Boolean."
        errors.append(FieldError(path="/value_format", code="unsupported", detail=detail))
    return errors


def _setup_problems(connection: Connection, definition: DestinationDefinition) -> list[FieldError]:
    errors = []
    is_customized = connection.setup == Connection.Setup.CUSTOMIZED
    if connection.setup not in Connection.Setup.values:
        detail = "Choose a setup: default or customized."
        errors.append(FieldError(path="/setup", code="invalid", detail=detail))
    refusal = activation.enrichment_refusal(definition)
    if is_customized and connection.trait_mappings and refusal:
        errors.append(FieldError(path=f"/{activation.TRAITS}", code="unsupported", detail=refusal))
    key = connection.computation_key
    wrong = activation.trait_problems(connection.trait_mappings, computation_key=key)
    rows = connection.identifier_mappings
    wrong += activation.identifier_problems(
        rows,
        computation_key=key,
        known_types=identifier_types(connection.space) if rows else (),
        trait_names=_texts(connection.trait_mappings),
    )
    return errors + wrong


def _texts(rows: Any) -> list[str]:
    """The destination names of rows, as far as they are rows."""
    found = [row.get("destination") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [name for name in found if isinstance(name, str) and name]
