"""A destination compiled for running: settings with secrets, definition, mappings. Cached until the row changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from django.conf import settings as django_settings

from common.secrets import SecretsError, decrypt
from destinations.catalog import definition as find_definition
from destinations.field_values import check_values
from destinations.filter_rules import compile_filters
from destinations.kit.contexts import event_context
from destinations.kit.definition import Action, Context, DestinationDefinition, Token
from destinations.kit.steering import Steering, read_steering
from destinations.models import Destination, DestinationFilter
from destinations.models import Mapping as MappingRow
from destinations.resolving import MappingProblem, Resolver, compile_mapping
from engine.filters.rules import Rule
from engine.fql import FqlError, parse

_CACHED = 1000
# However much a vendor takes at once, a worker holds no more list entries in memory.
MOST_ENTRIES = 20_000
PLAIN = Steering()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMapping:
    """A mapping ready to run. `problem` says why it cannot: a trigger or fields that do not parse, no such action."""

    id: str
    name: str
    is_enabled: bool
    action: Action | None
    trigger: str
    matches: Callable[[Any], bool]
    resolver: Resolver | None
    problem: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    steering: Steering = PLAIN

    @property
    def batch_size(self) -> int:
        """The most calls that go together; 0 when each goes alone."""
        return self.steering.batch_size if self.steering.is_batched else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationConfig:
    """Everything that `pipeline.plan` needs. `settings` hold the secrets: never show, log or store them.

    `definition` is None when the installed version has no such connector. `secret_values` are the texts to redact.
    `requests_per_second` None is no cap.
    """

    id: int
    public_id: str
    space_id: int
    name: str
    connector: str
    definition: DestinationDefinition | None
    settings: Mapping[str, Any]
    operator: Mapping[str, str]
    token: Token
    settings_problem: str
    secret_values: tuple[str, ...]
    mappings: tuple[CompiledMapping, ...]
    enabled_mappings: tuple[CompiledMapping, ...]
    is_enabled: bool
    requests_per_second: int | None
    updated_at: datetime
    filters: tuple[Rule, ...] = ()

    def context(
        self, event: Mapping[str, Any], mapping: CompiledMapping | None = None, *, now: datetime | None = None
    ) -> Context:
        """What an action knows of one event, beside its payload."""
        return event_context(
            self.settings,
            event,
            steering=mapping.steering if mapping else PLAIN,
            mapping=mapping.fields if mapping else None,
            operator=self.operator,
            token=self.token,
            now=now,
        )

    @property
    def batch_size(self) -> int:
        """The most list entries in one batch: the destination's own, that of its mappings, else the connector's."""
        own = self.settings.get("batchSize")
        if own:
            return int(own)
        usual = self.definition.batch_size if self.definition else 1000
        return min(MOST_ENTRIES, max([mapping.batch_size for mapping in self.enabled_mappings], default=0) or usual)

    @property
    def list_interval_seconds(self) -> int:
        """The cadence of a list destination: the operator's, else the destination's own, else the connector's."""
        if django_settings.ENGAGE_LIST_INTERVAL_SECONDS:
            return int(django_settings.ENGAGE_LIST_INTERVAL_SECONDS)
        own = self.settings.get("intervalMinutes")
        return 60 * int(own or (self.definition.list_interval_minutes if self.definition else 60))


_cache: dict[int, DestinationConfig] = {}


def load_config(destination_id: int) -> DestinationConfig | None:
    """The compiled destination, or None when it was deleted.

    One look at `updated_at` by primary key; compiled again only when that changed (every change to a mapping or a
    filter touches its destination). Load once per block of calls, not per call.
    """
    updated_at = (
        Destination.objects.filter(pk=destination_id, deleted_at=None).values_list("updated_at", flat=True).first()
    )
    if updated_at is None:
        _cache.pop(destination_id, None)
        return None
    cached = _cache.get(destination_id)
    if cached is not None and cached.updated_at == updated_at:
        return cached
    destination = Destination.objects.prefetch_related("mappings", "filters").get(pk=destination_id)
    config = build_config(destination, list(destination.mappings.all()), list(destination.filters.all()))
    if len(_cache) >= _CACHED:
        _cache.clear()
    _cache[destination_id] = config
    return config


def build_config(
    destination: Destination, mappings: list[MappingRow], filters: Sequence[DestinationFilter] = ()
) -> DestinationConfig:
    """Compile a destination, also one that is not saved yet."""
    definition = find_definition(destination.connector)
    problem = ""
    secrets: dict[str, Any] = {}
    token: dict[str, Any] = {}
    try:
        secrets, token = decrypt(destination.secrets), decrypt(destination.token)
    except SecretsError as error:
        problem = str(error)
    settings = {**destination.settings, **secrets}
    if definition is None:
        problem = f"The connector {destination.connector!r} is not installed."
    elif not problem:
        settings, errors = check_values(definition.settings, settings)
        problem = " ".join(error.detail for error in errors)
    operator = operator_settings(definition) if definition else {}
    compiled = tuple(_compile(definition, mapping) for mapping in mappings) if definition else ()
    return DestinationConfig(
        id=destination.pk,
        public_id=destination.public_id,
        space_id=destination.space_id,
        name=destination.name,
        connector=destination.connector,
        definition=definition,
        settings=settings,
        operator=operator,
        token=_token(settings, token),
        settings_problem=problem,
        secret_values=secret_texts({"secrets": secrets, "token": token, "operator": operator}),
        mappings=compiled,
        enabled_mappings=tuple(mapping for mapping in compiled if mapping.is_enabled),
        is_enabled=destination.is_enabled and destination.paused_at is None,
        requests_per_second=destination.requests_per_second or (definition.requests_per_second if definition else None),
        updated_at=destination.updated_at,
        filters=compile_filters(filters),
    )


def operator_settings(definition: DestinationDefinition) -> Mapping[str, str]:
    """What the operator gave for a connector in ENGAGE_CONNECTOR_SETTINGS, as far as the connector declares it."""
    declared = {item.key for item in definition.operator_settings}
    if definition.auth is not None:
        declared |= {item.key for item in definition.auth.fields}
    given = django_settings.ENGAGE_CONNECTOR_SETTINGS.get(definition.slug, {})
    return {key: str(value) for key, value in given.items() if key in declared}


def _token(settings: Mapping[str, Any], stored: Mapping[str, Any]) -> Token:
    """The token that signing in gave last, else the one of the settings."""
    if stored:
        return msgspec.convert(stored, Token)
    return Token(
        access_token=str(settings.get("oauth_access_token") or ""),
        refresh_token=str(settings.get("oauth_refresh_token") or ""),
    )


def secret_texts(value: Any) -> tuple[str, ...]:
    """Every form in which a secret could show: as it is, in JSON, in a URL; longest first."""
    found: set[str] = set()

    def collect(item: Any) -> None:
        if isinstance(item, dict):
            for member in item.values():
                collect(member)
        elif isinstance(item, list):
            for member in item:
                collect(member)
        elif isinstance(item, str) and item:
            found.update((item, json.dumps(item)[1:-1], json.dumps(item, ensure_ascii=False)[1:-1], quote(item, "")))

    collect(value)
    return tuple(sorted(found, key=len, reverse=True))


def _never(_event: Any) -> bool:
    return False


def _compile(definition: DestinationDefinition, mapping: MappingRow) -> CompiledMapping:
    action = definition.action(mapping.action)
    matches: Callable[[Any], bool] = _never
    resolver: Resolver | None = None
    problem = ""
    steering = PLAIN
    try:
        matches = parse(mapping.trigger).matches
    except FqlError as error:
        problem = f"The trigger cannot be read: {error}"
    if action is None:
        problem = f"{definition.name} has no action {mapping.action!r}."
    else:
        try:
            steering = read_steering(
                action,
                mapping.fields,
                batch_size=definition.batch_size,
                always_batched=definition.kind == "list",
            )
            resolver = compile_mapping(mapping.fields, action.fields, is_batch=steering.is_batched)
        except MappingProblem as error:
            problem = problem or str(error)
    return CompiledMapping(
        id=mapping.public_id,
        name=mapping.name,
        is_enabled=mapping.is_enabled,
        action=action,
        trigger=mapping.trigger,
        matches=matches,
        resolver=resolver,
        problem=problem,
        fields=mapping.fields,
        steering=steering,
    )
