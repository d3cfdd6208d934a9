"""What a connector is made of: each folder of `connectors/` holds one `definition` (docs/connectors.md)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from destinations.kit.http import Request, Response
from engine.mapping.fields import Field

if TYPE_CHECKING:
    from destinations.kit.auth import Auth
    from destinations.kit.verdicts import ItemResult

EVENT_TYPES = ("identify", "track", "page", "screen", "group", "alias")
SYNC_MODES = ("add", "update", "upsert", "delete", "mirror")
SYNC_MODE_KEY = "__segment_internal_sync_mode"
MATCHING_KEY = "__segment_internal_matching_key"
HOOK_KEYS = ("onMappingSave", "retlOnMappingSave")

# An action yields requests and is given the responses; a response that is no success is raised inside it as HttpError.
Conversation = Generator[Request, Response, Any]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What signing in gave. `extra` holds what else the answer said, such as `instance_url`."""

    access_token: str = ""
    refresh_token: str = ""
    extra: Mapping[str, str] = msgspec.field(default_factory=dict)


NO_TOKEN = Token()


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What an action knows besides its payload. In a batch it is that of the first event.

    `settings` are the destination's with the secrets merged in; `operator` what the installation as a whole has with
    the vendor (`DestinationDefinition.operator_settings`); `token` is the one of the auth scheme. `event` is the raw
    call, `mapping` the field mapping as it was configured. `membership` is True for entering, False for leaving, None
    when the event says nothing of it (spec: connectors, section 6). `hooks` are the outputs that the mapping's hooks
    stored, by hook key. `now` is the moment of the attempt.
    """

    settings: Mapping[str, Any]
    event: Mapping[str, Any] = msgspec.field(default_factory=dict)
    audience_settings: Mapping[str, Any] = msgspec.field(default_factory=dict)
    external_audience_id: str = ""
    computation_key: str = ""
    membership: bool | None = None
    sync_mode: str | None = None
    matching_key: str | None = None
    mapping: Mapping[str, Any] = msgspec.field(default_factory=dict)
    hooks: Mapping[str, Mapping[str, Any]] = msgspec.field(default_factory=dict)
    operator: Mapping[str, str] = msgspec.field(default_factory=dict)
    token: Token = NO_TOKEN
    now: datetime | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a batch: its place in it, its payload, what it says of the membership, and the raw call."""

    index: int
    payload: dict[str, Any]
    membership: bool | None = None
    event: Mapping[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The audience behind a list: what creating it at the vendor needs, and what a sync says of it."""

    id: str
    key: str
    name: str
    space_id: str


class ListEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One person in a batch of a list: `event` is the audience call of the entry. `is_retry`: it was sent before."""

    message_id: str
    id_type: str
    id_value: str
    event: Mapping[str, Any]
    is_retry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncMode:
    """That a mapping chooses how records are written; the action reads `context.sync_mode`, None when none is set."""

    default: str
    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = {self.default, *self.choices} - set(SYNC_MODES)
        if unknown or self.default not in self.choices:
            raise ValueError(f"A sync mode is one of {', '.join(SYNC_MODES)}, and the default one of the choices.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Runs when the mapping is saved: creates or picks something at the vendor and stores what it found.

    `perform(context, inputs)` yields requests and returns the outputs, which later runs read as `context.hooks[key]`.
    """

    key: str
    label: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    perform: Callable[[Context, dict[str, Any]], Conversation]
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that a destination can do with an event.

    `perform(context, payload)` returns one Request, or is a generator that yields Requests and receives Responses.
    `perform_batch(context, items)` is such a generator that returns ItemResults in the order of the items, or nothing
    when all went well. One of the two is enough: a single event then goes as a batch of one, many go one by one.
    `confirm(context, results)` is for vendors that work on a batch later: it is run after `perform_batch` when results
    carry tickets, asks until the vendor has decided (`yield pause(seconds)` in between) and returns the results as
    they are then. When it fails, what `perform_batch` said stays.
    `default_trigger` is FQL and prefills a new mapping. `choices` fetches the choices of dynamic fields:
    `choices[field key](context, payload)` yields requests and returns `Choice`s.
    """

    key: str
    title: str
    perform: Callable[[Context, dict[str, Any]], Request | Conversation] | None = None
    perform_batch: Callable[[Context, list[Item]], Conversation] | None = None
    confirm: Callable[[Context, list[ItemResult]], Conversation] | None = None
    description: str = ""
    default_trigger: str = ""
    fields: tuple[Field, ...] = ()
    sync_mode: SyncMode | None = None
    hooks: tuple[Hook, ...] = ()
    choices: Mapping[str, Callable[[Context, dict[str, Any]], Conversation]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.perform is None and self.perform_batch is None:
            raise ValueError(f"The action {self.key!r} needs perform or perform_batch.")

    def default_fields(self) -> dict[str, Any]:
        """The field mapping that a new mapping starts with."""
        found = {item.key: item.default for item in self.fields if item.default is not None}
        return {**found, SYNC_MODE_KEY: self.sync_mode.default} if self.sync_mode else found

    def run(self, context: Context, payload: dict[str, Any], event: Mapping[str, Any]) -> Request | Conversation:
        """Start the action for one event."""
        if self.perform is not None:
            return self.perform(context, payload)
        return self._run_as_batch(context, Item(index=0, payload=payload, membership=context.membership, event=event))

    def _run_as_batch(self, context: Context, item: Item) -> Conversation:
        assert self.perform_batch is not None
        results = yield from self.perform_batch(context, [item])
        return results[0] if isinstance(results, list) and results else results


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

    kind "event": calls one by one as they happen (or in batches, where a mapping says so). kind "list": the net
    changes of an audience at a cadence, in batches of at most `batch_size`.

    framework "actions" has mappings. "classic" takes what comes as it is: an event connector by `classic(context,
    event)`, or up to `batch_size` events together by `classic_batch(context, items)` (as `perform_batch`), a list
    connector by `sync_batch(context, audience, adds, removes)`, a generator that returns ItemResults
    for adds then removes, or nothing when all went well. "function" is a destination function: it runs as a
    classic one and takes enriched traits (F025).

    `create_audience(context, audience)` returns the vendor's id of a new list; `get_audience(context, audience)`
    returns it when the list of `context.external_audience_id` is still there, else None. `audience_settings` are asked
    for per connected audience.

    `auth` signs every request and renews tokens; its fields are added to `settings`. `operator_settings` belong to the
    installation: the operator gives them in ENGAGE_CONNECTOR_SETTINGS, connectors read `context.operator`.
    `test_connection(context)` proves the settings without sending a person. `delete_user(context, ids)` forgets one.

    `name` is the name in `integrations` objects; `aliases` are further slugs by which clients and published test cases
    name the connector. `requests_per_second` None is no cap; it counts requests, or what is sent, however many requests
    that takes (`cap_counts`). `identifiers` says in words what the destination needs to find a person;
    `needs_schema_column` that a property must be created there first. `required_traits` are keys that it matches by,
    sent along whenever the profile has them (Zendesk: name). `has_history` False: people who were members before the
    destination was connected are not sent (F126). `entry_identifiers` are the identifier types that a list of this
    vendor finds people by: a call about any other (a bare user id) is not made, unless traits go with it; empty means
    all. With `newest_identifier_only` an entry is sent for the most recently added of them alone (F130).
    `is_experimental` is shown as a badge. `icon` and `docs` are read from the folder.
    """

    slug: str
    name: str
    kind: Literal["event", "list"] = "event"
    framework: Literal["actions", "classic", "function"] = "actions"
    description: str = ""
    aliases: tuple[str, ...] = ()
    supported: tuple[str, ...] = EVENT_TYPES
    auth: Auth | None = None
    settings: tuple[Field, ...] = ()
    operator_settings: tuple[Field, ...] = ()
    audience_settings: tuple[Field, ...] = ()
    actions: tuple[Action, ...] = ()
    presets: tuple[Preset, ...] = ()
    requests_per_second: int | None = None
    cap_counts: Literal["requests", "objects"] = "requests"
    list_interval_minutes: int = 60
    batch_size: int = 1000
    identifiers: str = ""
    needs_schema_column: bool = False
    required_traits: tuple[str, ...] = ()
    has_history: bool = True
    entry_identifiers: tuple[str, ...] = ()
    newest_identifier_only: bool = False
    is_experimental: bool = False
    classic: Callable[[Context, dict[str, Any]], Request | Conversation] | None = None
    classic_batch: Callable[[Context, list[Item]], Conversation] | None = None
    create_audience: Callable[[Context, Audience], Conversation] | None = None
    get_audience: Callable[[Context, Audience], Conversation] | None = None
    sync_batch: Callable[[Context, Audience, Sequence[ListEntry], Sequence[ListEntry]], Conversation] | None = None
    test_connection: Callable[[Context], Request | Conversation] | None = None
    delete_user: Callable[[Context, Mapping[str, str]], Request | Conversation] | None = None
    icon: str = ""
    docs: str = ""

    def __post_init__(self) -> None:
        if self.framework == "classic" and self.kind == "list" and self.sync_batch is None:
            raise ValueError(f"The classic list connector {self.slug!r} needs sync_batch.")
        if self.framework != "actions" and self.kind == "event" and self.classic is None:
            raise ValueError(f"The classic connector {self.slug!r} needs the function `classic`.")
        if self.framework == "actions" and not self.actions:
            raise ValueError(f"The connector {self.slug!r} needs at least one action.")
        keys = [action.key for action in self.actions]
        unknown = [preset.action for preset in self.presets if preset.action not in keys]
        if unknown or len(set(keys)) != len(keys):
            raise ValueError(f"The connector {self.slug!r} repeats an action key or has presets for unknown ones.")
        if self.auth is not None:
            known = {item.key for item in self.settings}
            added = tuple(item for item in self.auth.fields if item.key not in known)
            object.__setattr__(self, "settings", (*self.settings, *added))

    def action(self, key: str) -> Action | None:
        return next((action for action in self.actions if action.key == key), None)

    def is_selectable(self, *, is_of_accounts: bool = False) -> bool:
        """Whether it takes any call that a computation makes: Identify or Track, of accounts Group as well (F128)."""
        taken = {"identify", "track", "group"} if is_of_accounts else {"identify", "track"}
        return self.kind == "list" or not taken.isdisjoint(self.supported)

    @property
    def secret_keys(self) -> frozenset[str]:
        return frozenset(item.key for item in self.settings if item.is_secret)
