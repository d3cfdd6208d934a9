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
    audience_settings = about.get("audience_settings")
    return Context(
        settings=settings,
        event=event,
        audience_settings=audience_settings if isinstance(audience_settings, dict) else {},
        external_audience_id=str(about.get("external_audience_id") or ""),
        computation_key=str(about.get("computation_key") or ""),
        membership=membership(event, about, steering.sync_mode),
        sync_mode=steering.sync_mode,
        matching_key=steering.matching_key,
        hooks=steering.hooks,
        mapping=mapping or {},
        operator=operator or {},
        token=token,
        now=now,
    )
