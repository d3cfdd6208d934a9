"""The destinations of a step that sends, as its JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.journeys.key_order import alphabetical
from engine.journeys.reading import Reader

ENTER_EVENT, EXIT_EVENT = "Audience Entered", "Audience Exited"
VALUE_FORMATS = ("boolean", "string")
SETUPS = ("default", "customized")
TRAIT_KEYS = ("segment", "destination")
IDENTIFIER_KEYS = ("segment", "destination", "strategy")
MOST_CONNECTIONS = 100
MOST_ROWS = 100
Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class StepConnection:
    """`destination` is the public id of a configured destination. `traits` and `identifiers` are Trait Activation."""

    destination: str
    send_identify: bool = True
    send_track: bool = True
    enter_event: str = ENTER_EVENT
    exit_event: str = EXIT_EVENT
    send_mobile_ids: bool = False
    value_format: str = "boolean"
    include_audience_key: bool = True
    setup: str = "default"
    traits: tuple[Row, ...] = ()
    identifiers: tuple[Row, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Canonical: the two sends are always there, the others only if they are not at their default."""
        found: dict[str, Any] = {
            "destination": self.destination,
            "send_identify": self.send_identify,
            "send_track": self.send_track,
        }
        for key in OPTIONAL_KEYS:
            value = getattr(self, key)
            if value != getattr(_PLAIN, key):
                found[key] = list(value) if isinstance(value, tuple) else value
        return found


_PLAIN = StepConnection(destination="")
REQUIRED_KEYS = ("destination", "send_identify", "send_track")
OPTIONAL_KEYS = (
    "enter_event", "exit_event", "send_mobile_ids", "value_format", "include_audience_key", "setup", "traits",
    "identifiers", "settings",
)  # fmt: skip
CONNECTION_KEYS = REQUIRED_KEYS + OPTIONAL_KEYS


def read_connections(reader: Reader, raw: Mapping[str, Any], path: str) -> tuple[StepConnection, ...]:
    """All connections under "connections" that have the right form."""
    items = reader.objects(raw, path, "connections", most=MOST_CONNECTIONS)
    return tuple(_connection(reader, item, place) for item, place in items)


def _connection(reader: Reader, raw: Mapping[str, Any], path: str) -> StepConnection:
    reader.known_keys(raw, path, CONNECTION_KEYS)
    return StepConnection(
        destination=reader.text(raw, path, "destination", "the id of a destination") or "",
        send_identify=reader.optional_flag(raw, path, "send_identify", default=True),
        send_track=reader.optional_flag(raw, path, "send_track", default=True),
        enter_event=reader.optional_text(raw, path, "enter_event", default=ENTER_EVENT),
        exit_event=reader.optional_text(raw, path, "exit_event", default=EXIT_EVENT),
        send_mobile_ids=reader.optional_flag(raw, path, "send_mobile_ids", default=False),
        value_format=_choice(reader, raw, path, "value_format", VALUE_FORMATS),
        include_audience_key=reader.optional_flag(raw, path, "include_audience_key", default=True),
        setup=_choice(reader, raw, path, "setup", SETUPS),
        traits=_rows(reader, raw, path, "traits", TRAIT_KEYS),
        identifiers=_rows(reader, raw, path, "identifiers", IDENTIFIER_KEYS),
        settings=_settings(reader, raw, path),
    )


def _choice(reader: Reader, raw: Mapping[str, Any], path: str, key: str, choices: tuple[str, ...]) -> str:
    value = raw.get(key, choices[0])
    if value in choices:
        return str(value)
    reader.problem(f"{path}/{key}", "unknown_choice", f"Use one of: {', '.join(choices)}.")
    return choices[0]


def _rows(reader: Reader, raw: Mapping[str, Any], path: str, key: str, members: tuple[str, ...]) -> tuple[Row, ...]:
    found = []
    for row, place in reader.objects(raw, path, key, most=MOST_ROWS):
        reader.known_keys(row, place, members)
        texts = {member: reader.text(row, place, member, f"the {member} of this row") for member in members}
        found.append({member: text or "" for member, text in texts.items()})
    return tuple(found)


def _settings(reader: Reader, raw: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    value = raw.get("settings")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        reader.problem(f"{path}/settings", "wrong_type", '"settings" is an object.')
        return {}
    kept: Mapping[str, Any] = alphabetical(value)
    return kept
