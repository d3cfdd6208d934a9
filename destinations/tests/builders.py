"""Destinations for tests, typed and valid."""

from __future__ import annotations

import itertools
from typing import Any

from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.services.destinations import create_destination
from destinations.services.mappings import create_mapping
from spaces.models import Space

_numbers = itertools.count(1)


def make_destination(
    *,
    space: Space,
    connector: str = "webhook",
    name: str = "",
    settings: dict[str, Any] | None = None,
    is_enabled: bool = True,
) -> Destination:
    """With its preset mappings, as the service makes it."""
    return create_destination(
        space=space,
        actor=None,
        connector=connector,
        name=name or f"Destination {next(_numbers)}",
        settings={"url": "https://example.org/hook"} if settings is None else settings,
        is_enabled=is_enabled,
    )


def make_mapping(
    *,
    destination: Destination,
    name: str = "",
    trigger: str | None = None,
    fields: dict[str, Any] | None = None,
    is_enabled: bool = True,
) -> MappingRow:
    return create_mapping(
        destination=destination,
        actor=None,
        action="send",
        name=name or f"Mapping {next(_numbers)}",
        trigger=trigger,
        fields=fields,
        is_enabled=is_enabled,
    )


def audience_event(**changes: Any) -> dict[str, Any]:
    """An `Audience Entered` call as the product emits it to Webhook (Actions)."""
    return {
        "type": "track",
        "event": "Audience Entered",
        "userId": "u1",
        "messageId": "personas_1",
        "properties": {"audience_key": "vip", "vip": True},
        "context": {"personas": {"computation_class": "audience", "computation_key": "vip", "space_id": "spa_1"}},
        "integrations": {"All": False, "Webhook (Actions)": True},
        **changes,
    }
