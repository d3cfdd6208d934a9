"""The context that an action is given for one event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from destinations.kit.definition import NO_TOKEN, Context, Token
from destinations.kit.membership import membership, personas
from destinations.kit.steering import Steering

_PLAIN = Steering()


def event_context(
    settings: Mapping[str, Any],
    event: Mapping[str, Any],
    *,
    steering: Steering = _PLAIN,
    mapping: Mapping[str, Any] | None = None,
    operator: Mapping[str, str] | None = None,
    token: Token = NO_TOKEN,
    now: datetime | None = None,
) -> Context:
    about = personas(event)
    key, external_id, audience_settings = list_of(about)
    return Context(
        settings=settings,
        event=event,
        audience_settings=audience_settings,
        external_audience_id=external_id,
        computation_key=key,
        membership=membership(event, about, steering.sync_mode),
        sync_mode=steering.sync_mode,
        matching_key=steering.matching_key,
        hooks=steering.hooks,
        mapping=mapping or {},
        operator=operator or {},
        token=token,
        now=now,
    )


def list_of(about: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """Of `context.personas`: the key of the computation, the id of its list at the vendor, the audience's settings."""
    settings = about.get("audience_settings")
    return (
        str(about.get("computation_key") or ""),
        str(about.get("external_audience_id") or ""),
        settings if isinstance(settings, dict) else {},
    )
