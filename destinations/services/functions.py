"""Destination functions: create, save a version, restore one, delete, and try the code on an event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError, FieldError, InvalidError
from common.http import Response, TransportError
from common.secrets import SecretsError, decrypt, encrypt
from destinations.config import secret_texts
from destinations.field_values import check_values
from destinations.functions.definitions import make_definition, setting_fields, slug_of
from destinations.functions.runtime import HANDLERS, MOST_CODE, MOST_LINES, FunctionError, handlers_of
from destinations.kit.contexts import event_context
from destinations.kit.conversation import converse
from destinations.kit.http import Request
from destinations.kit.redaction import redact
from destinations.kit.steering import Steering
from destinations.models import Destination, DestinationFunction, FunctionVersion
from destinations.services.destinations import touch
from destinations.services.tester import checked_event, hear, shown_exchange, storable
from spaces import audit
from spaces.models import Space, User
from spaces.names import clean_name

SETTING_TYPES = ("text", "number", "boolean", "list", "map")
MOST_SETTINGS = 30
MOST_FUNCTIONS = 100
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}\Z")
_NOT_STORABLE = re.compile(r"[\x00\ud800-\udfff]")


@transaction.atomic
def create_function(
    *,
    space: Space,
    actor: User | None,
    name: str,
    code: str,
    description: str = "",
    settings: Sequence[Mapping[str, Any]] = (),
) -> DestinationFunction:
    """A function, version 1. Destinations of it are made as of any connector (slug `function-<id>`).

    InvalidError lists all problems: /name, /description, /code (with the line), /settings/<place>/<member>.
    """
    Space.objects.select_for_update(no_key=True).get(pk=space.pk)
    if DestinationFunction.objects.in_space(space).count() >= MOST_FUNCTIONS:
        raise ConflictError(f"A space can have at most {MOST_FUNCTIONS} functions. Delete one that is not needed.")
    row = DestinationFunction(space=space, name=name, description=description, code=code, settings=list(settings))
    _check(row)
    row.save()
    _keep_version(row, actor)
    audit.record(space=space, actor=actor, action="function.created", target=row, after=_shown(row))
    return row


@transaction.atomic
def save_function(
    *,
    function: DestinationFunction,
    actor: User | None,
    name: str | None = None,
    description: str | None = None,
    code: str | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    based_on: int | None = None,
) -> DestinationFunction:
    """Change what is given. New code or settings become the next version, which all its destinations run from now on.

    `based_on` is the version that the editor saw; ConflictError when there is a newer one.
    """
    function = _locked(function)
    if based_on is not None and based_on != function.version:
        raise ConflictError("Somebody else saved this function meanwhile. Reload to see the changes.")
    before = _shown(function)
    if name is not None:
        function.name = name
    if description is not None:
        function.description = description
    if code is not None:
        function.code = code
    if settings is not None:
        function.settings = list(settings)
    _check(function)
    is_new = (function.code, function.settings) != (before["code"], before["settings"])
    if is_new:
        function.version += 1
    function.save()
    if is_new:
        _keep_version(function, actor)
    if _shown(function) != before:
        _fit_destinations(function)
        audit.record(
            space=function.space,
            actor=actor,
            action="function.saved",
            target=function,
            before=before,
            after=_shown(function),
        )
    return function


def restore_version(*, function: DestinationFunction, actor: User | None, number: int) -> DestinationFunction:
    """Save the code and settings of an earlier version again, as the newest one."""
    found = function.versions.filter(number=number).first()
    if found is None:
        raise InvalidError.at("/version", f"There is no version {number} of this function.", "unknown_version")
    return save_function(function=function, actor=actor, code=found.code, settings=found.settings)


@transaction.atomic
def delete_function(*, function: DestinationFunction, actor: User | None) -> None:
    """Refused while a destination runs it."""
    function = _locked(function)
    used = destinations_of_function(function).count()
    if used:
        many = "1 destination runs" if used == 1 else f"{used} destinations run"
        raise ConflictError(f"{many} this function. Delete {'it' if used == 1 else 'them'} first.")
    audit.record(space=function.space, actor=actor, action="function.deleted", target=function, before=_shown(function))
    function.delete()


def destinations_of_function(function: DestinationFunction) -> Any:
    rows = Destination.objects.in_space(function.space).select_related("space__workspace")
    return rows.filter(connector=slug_of(function), deleted_at=None).order_by("name")


def try_function(
    *,
    space: Space,
    code: str,
    settings: Sequence[Mapping[str, Any]],
    values: Mapping[str, Any],
    event: Mapping[str, Any],
) -> dict[str, Any]:
    """Run code that need not be saved with an event, as a worker would; its requests are really made.

    `{"outcome": "delivered"|"retry"|"failed"|"filtered", "code", "detail", "logs": [line], "exchanges": [{"request",
    "response", "error"}], "handlers", "duration_ms"}`. InvalidError names problems of code, settings, values
    (/values/<key>) and event.
    """
    row = DestinationFunction(space=space, name="Test", code=code, settings=list(settings))
    errors = _problems(row)
    given: dict[str, Any] = {}
    checked: dict[str, Any] = {}
    if not any(error.path.startswith("/settings") for error in errors):
        given, wrong = check_values(setting_fields(row.settings), values, path="/values")
        errors += wrong
    try:
        checked = checked_event(dict(event))
    except InvalidError as error:
        errors += error.errors
    if errors:
        raise _refusal(errors)
    definition = make_definition(row)
    if checked["type"] not in definition.supported:
        sentence = f"The function has no handler for {checked['type']} calls. A worker would filter this event."
        return _result("filtered", "UNSUPPORTED_EVENT_TYPE", sentence, row)
    secrets = secret_texts({key: given[key] for key in definition.secret_keys if key in given})
    started = timezone.now()
    context = event_context(given, checked, steering=Steering(), now=started)
    run = definition.classic
    assert run is not None
    made: list[tuple[Request, Response | TransportError]] = []
    verdict, _ = hear(converse(lambda known: run(known, checked), context), made)
    result = _result(verdict.outcome, verdict.code, redact(verdict.detail, secrets), row)
    result |= {
        "logs": [redact(line, secrets) for line in verdict.logs],
        "exchanges": [shown_exchange(request, answer, secrets) for request, answer in made],
        "duration_ms": round((timezone.now() - started).total_seconds() * 1000),
    }
    shown: dict[str, Any] = storable(result)
    return shown


def _result(outcome: str, code: str, detail: str, row: DestinationFunction) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "code": code,
        "detail": detail,
        "logs": [],
        "exchanges": [],
        "handlers": row.handlers,
        "duration_ms": 0,
    }


def _check(row: DestinationFunction) -> None:
    errors: list[FieldError] = []
    try:
        row.name = clean_name(row.name)
    except InvalidError as error:
        errors += error.errors
    others = DestinationFunction.objects.in_space(row.space).filter(name=row.name).exclude(pk=row.pk)
    if not errors and others.exists():
        detail = f"There is already a function called “{row.name}” in this space."
        errors.append(FieldError(path="/name", code="taken", detail=detail))
    if len(row.description) > 255:
        detail = "The description has at most 255 characters."
        errors.append(FieldError(path="/description", code="too_long", detail=detail))
    errors += _problems(row)
    if errors:
        raise _refusal(errors)


def _problems(row: DestinationFunction) -> list[FieldError]:
    """Problems of code and settings; sets the handlers and cleans the settings."""
    errors: list[FieldError] = []
    row.code = row.code.replace("\r\n", "\n")
    if len(row.code) > MOST_CODE:
        errors.append(_error("/code", "too_long", f"The code has at most {MOST_CODE:,} characters."))
    elif row.code.count("\n") >= MOST_LINES:
        errors.append(_error("/code", "too_long", f"The code has at most {MOST_LINES:,} lines."))
    elif _NOT_STORABLE.search(row.code):
        errors.append(_error("/code", "invalid_character", "The code holds a character that cannot be stored."))
    else:
        try:
            row.handlers = handlers_of(row.code)
        except FunctionError as error:
            where = f"Line {error.line}: " if error.line else ""
            errors.append(_error("/code", "invalid_code", f"{where}{error.message}"))
        else:
            if not row.handlers:
                known = ", ".join(HANDLERS)
                errors.append(_error("/code", "no_handler", f"The code defines none of the handlers {known}."))
    cleaned, wrong = _cleaned_settings(row.settings)
    row.settings = cleaned
    return errors + wrong


def _cleaned_settings(settings: Sequence[Any]) -> tuple[list[dict[str, Any]], list[FieldError]]:
    errors: list[FieldError] = []
    cleaned: list[dict[str, Any]] = []
    if len(settings) > MOST_SETTINGS:
        errors.append(_error("/settings", "too_many", f"A function has at most {MOST_SETTINGS} settings."))
    for place, given in enumerate(settings[:MOST_SETTINGS]):
        path = f"/settings/{place}"
        if not isinstance(given, Mapping):
            errors.append(_error(path, "type", "A setting is an object with key and type."))
            continue
        setting: dict[str, Any] = {
            "key": str(given.get("key") or "").strip(),
            "label": str(given.get("label") or "").strip()[:120],
            "type": str(given.get("type") or "text"),
            "required": given.get("required") is True,
            "secret": given.get("secret") is True,
            "description": str(given.get("description") or "").strip()[:255],
        }
        if not _KEY.match(setting["key"]):
            detail = "The key starts with a letter and has letters, digits and _ only: code reads settings.<key>."
            errors.append(_error(f"{path}/key", "invalid", detail))
        if any(one["key"] == setting["key"] for one in cleaned):
            errors.append(_error(f"{path}/key", "taken", f"There are two settings {setting['key']!r}."))
        if setting["type"] not in SETTING_TYPES:
            errors.append(_error(f"{path}/type", "choice", f"The type is one of {', '.join(SETTING_TYPES)}."))
        if setting["secret"] and setting["type"] != "text":
            errors.append(_error(f"{path}/secret", "invalid", "Only a text can be secret."))
        cleaned.append(setting)
    return cleaned, errors


def _fit_destinations(function: DestinationFunction) -> None:
    """Bring the settings of its destinations in line with those now declared, and have workers take the new code."""
    hidden = {setting["key"] for setting in function.settings if setting["secret"]}
    declared = {setting["key"] for setting in function.settings}
    for destination in destinations_of_function(function).select_for_update(of=("self",)):
        try:
            secrets = decrypt(destination.secrets)
        except SecretsError:
            touch(destination)
            continue
        values = {key: value for key, value in {**destination.settings, **secrets}.items() if key in declared}
        destination.settings = {key: value for key, value in values.items() if key not in hidden}
        destination.secrets = encrypt({key: value for key, value in values.items() if key in hidden})
        destination.save(update_fields=["settings", "secrets", "updated_at"])


def _keep_version(function: DestinationFunction, actor: User | None) -> None:
    FunctionVersion.objects.create(
        function=function, number=function.version, code=function.code, settings=function.settings, saved_by=actor
    )


def _locked(function: DestinationFunction) -> DestinationFunction:
    rows = DestinationFunction.objects.select_for_update(of=("self",)).select_related("space__workspace")
    found: DestinationFunction | None = rows.filter(pk=function.pk).first()
    if found is None:
        raise ConflictError("This function was deleted meanwhile.")
    return found


def _shown(function: DestinationFunction) -> dict[str, Any]:
    return {
        "name": function.name,
        "description": function.description,
        "version": function.version,
        "code": function.code,
        "settings": list(function.settings),
    }


def _error(path: str, code: str, detail: str) -> FieldError:
    return FieldError(path=path, code=code, detail=detail)


def _refusal(errors: list[FieldError]) -> InvalidError:
    many = "1 field is" if len(errors) == 1 else f"{len(errors)} fields are"
    return InvalidError(errors[0].detail if len(errors) == 1 else f"{many} not valid.", errors)
