"""The field table of a connector: `fields.json` in its folder, read once when the connector is loaded.

Shape: `{"settings": {key: field}, "operator_settings": …, "audience_settings": …, "actions": {key: {"title",
"description", "trigger", "sync_mode", "fields": {key: field}}}, "presets": [{"name", "action", "trigger", "fields",
"requires_settings"}]}`; a field is described in docs/connectors.md. Two shorthands may stand in a default:
`{"@first": [paths]}`, the first of the paths that exists, and `{"@person": name or [names]}`, which looks for it in
`traits`, `context.traits` and `properties`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import Any

from destinations.kit.definition import Action, Context, Conversation, Hook, Item, Preset, SyncMode
from destinations.kit.http import Request
from destinations.kit.verdicts import ItemResult
from engine.mapping.fields import Field, condition_from_json, field_from_json

PLACES = ("$.traits", "$.context.traits", "$.properties")


class Table:
    """A parsed `fields.json`. ValueError names what is wrong in it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        unknown = set(data) - {"settings", "operator_settings", "audience_settings", "actions", "presets"}
        if unknown:
            raise ValueError(f"fields.json has the unknown member {min(unknown)!r}.")
        self._data = data
        self.settings = read_fields(data.get("settings", {}))
        self.operator_settings = read_fields(data.get("operator_settings", {}))
        self.audience_settings = read_fields(data.get("audience_settings", {}))
        self.presets = tuple(_preset(preset) for preset in data.get("presets", ()))

    def action(
        self,
        key: str,
        *,
        perform: Callable[[Context, dict[str, Any]], Request | Conversation] | None = None,
        perform_batch: Callable[[Context, list[Item]], Conversation] | None = None,
        confirm: Callable[[Context, list[ItemResult]], Conversation] | None = None,
        hooks: Sequence[Hook] = (),
        choices: Mapping[str, Callable[[Context, dict[str, Any]], Conversation]] | None = None,
    ) -> Action:
        """The action `key` of the table, done by these functions."""
        told = self._data.get("actions", {}).get(key)
        if told is None:
            raise ValueError(f"fields.json has no action {key!r}.")
        return Action(
            key=key,
            title=told.get("title", label_of(key)),
            description=told.get("description", ""),
            default_trigger=told.get("trigger", ""),
            fields=read_fields(told.get("fields", {})),
            sync_mode=_sync_mode(told.get("sync_mode")),
            perform=perform,
            perform_batch=perform_batch,
            confirm=confirm,
            hooks=tuple(hooks),
            choices=choices or {},
        )


def read_table(package: str) -> Table:
    """The `fields.json` beside a connector's `__init__.py`; call it with that package's name."""
    text = resources.files(package).joinpath("fields.json").read_text(encoding="utf-8")
    return Table(json.loads(text))


def read_fields(table: Mapping[str, Mapping[str, Any]]) -> tuple[Field, ...]:
    """Fields by key, with shorthands written out and labels made of keys where none are given."""
    return tuple(_field(key, told) for key, told in table.items())


def label_of(key: str) -> str:
    """`first_name` and `firstName` as "First name"."""
    words = "".join(f" {char.lower()}" if char.isupper() else char for char in key.strip("_"))
    words = " ".join(words.replace("_", " ").split())
    return words[:1].upper() + words[1:]


def first_of(paths: Sequence[str]) -> dict[str, Any]:
    """A mapping value: the first of `paths` that exists in the event, else the last."""
    *others, last = paths
    value: dict[str, Any] = {"@path": last}
    for path in reversed(others):
        value = {"@if": {"exists": {"@path": path}, "then": {"@path": path}, "else": value}}
    return value


def person(names: str | Sequence[str]) -> dict[str, Any]:
    """A mapping value that looks for a trait wherever a call may carry it (spec: connectors, section 6)."""
    keys = [names] if isinstance(names, str) else list(names)
    return first_of([f"{place}.{key}" for place in PLACES for key in keys])


def expanded(value: Any) -> Any:
    """`value` with the shorthands written out."""
    if isinstance(value, list):
        return [expanded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"@person"}:
        return person(value["@person"])
    if set(value) == {"@first"}:
        return first_of(value["@first"])
    return {key: expanded(item) for key, item in value.items()}


def _field(key: str, told: Mapping[str, Any]) -> Field:
    properties = told.get("properties")
    plain = {name: value for name, value in told.items() if name != "properties"}
    field = field_from_json(key, {"label": label_of(key), **plain, "default": expanded(told.get("default"))})
    shown_when = told.get("depends_on")
    return replace(
        field,
        properties=None if properties is None else read_fields(properties),
        depends_on=condition_from_json(shown_when) if shown_when else None,
        secret=bool(told.get("secret", False)),
    )


def _sync_mode(told: Mapping[str, Any] | None) -> SyncMode | None:
    return SyncMode(default=told["default"], choices=tuple(told["choices"])) if told else None


def _preset(told: Mapping[str, Any]) -> Preset:
    return Preset(
        name=told["name"],
        action=told["action"],
        trigger=told["trigger"],
        fields=expanded(told.get("fields", {})),
        requires_settings=tuple(told.get("requires_settings", ())),
    )
