"""A function as a connector: its handlers are what it takes, its settings those of its destinations.

The slug is `function-<id>`, so that a destination names its function as it would name a connector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from destinations.functions.runtime import HANDLER_OF, HANDLERS, Conversation, run_handler
from destinations.kit.definition import EVENT_TYPES, Context, DestinationDefinition, Item
from destinations.models import DestinationFunction
from engine.mapping.fields import Field

PREFIX = "function-"
BATCH_SIZE = 100
ICON = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" '
    'stroke-linejoin="round"><path d="M9 4H8a3 3 0 0 0-3 3v3a2 2 0 0 1-2 2 2 2 0 0 1 2 2v3a3 3 0 0 0 3 3h1"/>'
    '<path d="M15 4h1a3 3 0 0 1 3 3v3a2 2 0 0 0 2 2 2 2 0 0 0-2 2v3a3 3 0 0 1-3 3h-1"/></svg>'
)

_compiled: dict[tuple[str, int, str], DestinationDefinition] = {}


def slug_of(function: DestinationFunction) -> str:
    return PREFIX + function.public_id


def function_id(slug: str) -> str:
    """The id of the function that a connector's slug names; "" when it names none."""
    return slug.removeprefix(PREFIX) if slug.startswith(PREFIX) else ""


def find_function_definition(slug: str) -> DestinationDefinition | None:
    """The connector that a function makes; None when there is no such function. One query by its id."""
    row = DestinationFunction.objects.filter(public_id=function_id(slug)).first()
    if row is None:
        return None
    key = (row.public_id, row.version, row.updated_at.isoformat())
    if key not in _compiled:
        if len(_compiled) > 500:
            _compiled.clear()
        _compiled[key] = make_definition(row)
    return _compiled[key]


def functions_as_connectors(rows: Iterable[DestinationFunction]) -> list[DestinationDefinition]:
    return [make_definition(row) for row in rows]


def make_definition(row: DestinationFunction) -> DestinationDefinition:
    """Also of a function that is not saved yet."""
    code, handlers = row.code, list(row.handlers)
    fields = setting_fields(row.settings)
    secrets = [one.key for one in fields if one.is_secret]
    takes_batches = "onBatch" in handlers
    kinds = EVENT_TYPES if takes_batches else tuple(HANDLERS[name] for name in handlers)

    def classic(context: Context, event: dict[str, Any]) -> Conversation:
        handler = HANDLER_OF.get(str(event.get("type")), "")
        if handler in handlers:
            return run_handler(code, handler, event, context.settings, secrets=secrets)
        return run_handler(code, "onBatch", [event], context.settings, secrets=secrets)

    def classic_batch(context: Context, items: list[Item]) -> Conversation:
        events = [item.payload for item in items]
        return run_handler(code, "onBatch", events, context.settings, secrets=secrets, count=len(events))

    def delete_user(context: Context, ids: Mapping[str, str]) -> Conversation:
        return run_handler(code, "onDelete", {"type": "delete", **ids}, context.settings, secrets=secrets)

    return DestinationDefinition(
        slug=slug_of(row),
        name=row.name,
        framework="function",
        description=row.description or "A destination of your own, written in JavaScript.",
        supported=kinds,
        settings=fields,
        batch_size=BATCH_SIZE,
        identifiers="Whatever the code uses of an event.",
        classic=classic,
        classic_batch=classic_batch if takes_batches else None,
        delete_user=delete_user if "onDelete" in handlers else None,
        icon=ICON,
        docs=f"{row.description}\n\nA destination function: version {row.version}.".strip(),
    )


def setting_fields(settings: Iterable[Mapping[str, Any]]) -> tuple[Field, ...]:
    """The declared settings as Fields: `type` is text, number, boolean, list or map, `secret` ones are encrypted."""
    return tuple(_field(setting) for setting in settings)


def _field(setting: Mapping[str, Any]) -> Field:
    kind = setting.get("type", "text")
    types: dict[str, Any] = {
        "text": "string",
        "number": "number",
        "boolean": "boolean",
        "list": "string",
        "map": "object",
    }
    return Field(
        key=setting["key"],
        label=setting.get("label") or setting["key"],
        type="password" if setting.get("secret") else types[kind],
        description=setting.get("description", ""),
        required=bool(setting.get("required")),
        multiple=kind == "list",
    )
