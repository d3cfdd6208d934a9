"""Asking the vendor while a person edits a mapping: choices of dynamic fields, and hooks that run on saving."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils import timezone

from common.errors import ConflictError, InvalidError
from destinations.config import DestinationConfig, load_config
from destinations.field_values import check_values
from destinations.kit.conversation import converse
from destinations.kit.definition import Action, Context, DestinationDefinition
from destinations.models import Destination
from destinations.services.tester import hear
from destinations.services.tokens import StoredTokens
from engine.mapping.fields import Choice


def dynamic_choices(
    *, destination: Destination, action: str, field: str, payload: Mapping[str, Any] | None = None
) -> list[Choice]:
    """What the vendor offers for a dynamic field, given the other members filled in so far.

    ConflictError with the vendor's sentence when it cannot be asked.
    """
    config, _definition, found = _action(destination, action)
    ask = found.choices.get(field)
    if ask is None:
        raise ConflictError(f"The choices of {field!r} are not fetched.")
    answer = _ask(config, lambda context: ask(context, dict(payload or {})))
    return [one if isinstance(one, Choice) else Choice(value=one, label=str(one)) for one in answer or ()]


def field_choices(destination: Destination, action: Action, key: str, payload: Mapping[str, Any]) -> list[Choice]:
    """The values offered for a field of an action: its own choices, or what the vendor says now.

    None for a field that is not there, or may hold anything.
    """
    item = next((one for one in action.fields if one.key == key), None)
    if item is None:
        return []
    if key in action.choices:
        return dynamic_choices(destination=destination, action=action.key, field=key, payload=payload)
    if item.choices is not None:
        return [one if isinstance(one, Choice) else Choice(value=one, label=str(one)) for one in item.choices]
    return [Choice(value="true", label="true"), Choice(value="false", label="false")] if item.type == "boolean" else []


def run_hook(*, destination: Destination, action: str, hook: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Create or pick at the vendor what a mapping needs. Store `{"inputs", "outputs"}` under the hook's key in the
    mapping's fields. InvalidError names inputs that are wrong, ConflictError says what the vendor said.
    """
    config, _definition, found = _action(destination, action)
    told = next((one for one in found.hooks if one.key == hook), None)
    if told is None:
        known = ", ".join(one.key for one in found.hooks) or "none"
        raise InvalidError.at("/hook", f"{found.title} has no hook {hook!r}. Those there are: {known}.")
    values, errors = check_values(told.inputs, inputs, path=f"/fields/{hook}")
    if errors:
        raise InvalidError("The inputs are not valid.", errors)
    outputs = _ask(config, lambda context: told.perform(context, values))
    return {"inputs": values, "outputs": dict(outputs or {})}


def _action(destination: Destination, key: str) -> tuple[DestinationConfig, DestinationDefinition, Action]:
    config = load_config(destination.pk)
    if config is None or config.definition is None:
        raise ConflictError("This destination was deleted meanwhile.")
    if config.settings_problem:
        raise ConflictError(config.settings_problem)
    action = config.definition.action(key)
    if action is None:
        raise ConflictError(f"{config.definition.name} has no action {key!r}.")
    return config, config.definition, action


def _ask(config: DestinationConfig, start: Callable[[Context], Any]) -> Any:
    assert config.definition is not None
    tokens = StoredTokens(config)
    context = config.context({}, now=timezone.now())
    verdict, result = hear(converse(start, context, auth=config.definition.auth, tokens=tokens))
    if verdict.outcome != "delivered":
        raise ConflictError(verdict.detail)
    return result
