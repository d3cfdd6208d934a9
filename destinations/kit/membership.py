"""Whether an event says that somebody entered or left an audience (spec: connectors, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def personas(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """`context.personas` of a call that the product emitted; empty for any other."""
    context = event.get("context")
    found = context.get("personas") if isinstance(context, dict) else None
    return found if isinstance(found, dict) else {}


def membership(event: Mapping[str, Any], about: Mapping[str, Any]) -> bool | None:
    """True = add, False = remove, None = the event does not say. Only a boolean counts, not the text "true"."""
    if about.get("computation_class") not in ("audience", "journey_step"):
        return None
    members = event.get("properties" if event.get("type") == "track" else "traits")
    value = members.get(about.get("computation_key")) if isinstance(members, dict) else None
    return value if isinstance(value, bool) else None
