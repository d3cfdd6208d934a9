"""What a connector is made of. A folder under `destinations/connectors/` holds one `definition`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from destinations.kit.http import Request, Response
from engine.mapping.fields import Field

EVENT_TYPES = ("identify", "track", "page", "screen", "group", "alias")

# An action yields requests and is given the responses; a response that is no success is raised inside it as HttpError.
Conversation = Generator[Request, Response, Any]


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What an action knows besides its payload.

    `settings` are the destination's with the secrets merged in; `event` is the raw call; `membership` is True for
    entering, False for leaving, None when the event says nothing of it (spec: connectors, section 6).
    """

    settings: Mapping[str, Any]
    event: Mapping[str, Any] = msgspec.field(default_factory=dict)
    audience_settings: Mapping[str, Any] = msgspec.field(default_factory=dict)
    external_audience_id: str = ""
    computation_key: str = ""
    membership: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The audience behind a list: what creating it at the vendor needs, and what a sync says of it."""

    id: str
    key: str
    name: str
    space_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One person in a batch of a list destination. `event` is the audience call that put the entry here."""

    message_id: str
    id_type: str
    id_value: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that a destination can do with an event.

    `perform(context, payload)` returns one Request, or is a generator that yields Requests and receives Responses.
    `perform_batch(context, payloads)` is such a generator that returns a list of ItemResult in the order of the
    payloads, or nothing when all went well. `default_trigger` is FQL and prefills a new mapping.
    """

    key: str
    title: str
    perform: Callable[[Context, dict[str, Any]], Request | Conversation]
    description: str = ""
    default_trigger: str = ""
    fields: tuple[Field, ...] = ()
    perform_batch: Callable[[Context, list[dict[str, Any]]], Conversation] | None = None

    def default_fields(self) -> dict[str, Any]:
        """The field mapping that a new mapping starts with."""
        return {item.key: item.default for item in self.fields if item.default is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A mapping installed with the destination: enabled when all of `requires_settings` are filled in.

    `fields` come on top of the action's defaults.
    """

    name: str
    action: str
    trigger: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    requires_settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationDefinition:
    """A connector, as the catalog shows it and the workers run it.

    kind "event": calls one by one as they happen; "list": batches of people at a cadence, by `sync_batch(context,
    audience, adds, removes)`, a generator that returns ItemResults for adds then removes, or nothing when all went
    well. `create_audience(context, audience)` returns the vendor's id of a new list; `get_audience(context, audience)`
    returns it when the list is still there, else None.

    framework "actions" has mappings; "classic" takes each supported event as it is, by `classic(context, event)`.
    `name` is the name in `integrations` objects. `requests_per_second` None is no cap. `identifiers` says in words
    what the destination needs to find a person; `needs_schema_column` that a property must be created there first.
    `required_traits` are keys that it matches by, sent along whenever the profile has them (Zendesk: name).
    `audience_settings` are asked for per connected audience. `test_connection(context)` proves the settings without
    sending a person. `icon` and `docs` are read from the folder.
    """

    slug: str
    name: str
    kind: Literal["event", "list"] = "event"
    framework: Literal["actions", "classic"] = "actions"
    description: str = ""
    supported: tuple[str, ...] = EVENT_TYPES
    settings: tuple[Field, ...] = ()
    audience_settings: tuple[Field, ...] = ()
    actions: tuple[Action, ...] = ()
    presets: tuple[Preset, ...] = ()
    requests_per_second: int | None = None
    list_interval_minutes: int = 60
    batch_size: int = 1000
    identifiers: str = ""
    needs_schema_column: bool = False
    required_traits: tuple[str, ...] = ()
    classic: Callable[[Context, dict[str, Any]], Request | Conversation] | None = None
    create_audience: Callable[[Context, Audience], Conversation] | None = None
    get_audience: Callable[[Context, Audience], Conversation] | None = None
    sync_batch: Callable[[Context, Audience, Sequence[ListEntry], Sequence[ListEntry]], Conversation] | None = None
    test_connection: Callable[[Context], Request | Conversation] | None = None
    icon: str = ""
    docs: str = ""

    def __post_init__(self) -> None:
        if self.kind == "list" and self.sync_batch is None:
            raise ValueError(f"The list connector {self.slug!r} needs sync_batch.")
        if self.kind == "event" and self.framework == "classic" and self.classic is None:
            raise ValueError(f"The classic connector {self.slug!r} needs the function `classic`.")
        if self.kind == "event" and self.framework == "actions" and not self.actions:
            raise ValueError(f"The connector {self.slug!r} needs at least one action.")
        keys = [action.key for action in self.actions]
        unknown = [preset.action for preset in self.presets if preset.action not in keys]
        if unknown or len(set(keys)) != len(keys):
            raise ValueError(f"The connector {self.slug!r} repeats an action key or has presets for unknown ones.")

    def action(self, key: str) -> Action | None:
        return next((action for action in self.actions if action.key == key), None)

    @property
    def secret_keys(self) -> frozenset[str]:
        return frozenset(item.key for item in self.settings if item.is_secret)
