"""Whether an event says that somebody entered or left an audience (spec: connectors, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLASSES = ("audience", "journey_step")
_MEMBERS = {"track": "properties", "identify": "traits"}
_ADDED = {
    "add": ("new",),
    "update": ("updated",),
    "upsert": ("new", "updated"),
    "mirror": ("new", "updated"),
}


def personas(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """`context.personas` of a call that the product emitted; empty for any other."""
    context = event.get("context")
    found = context.get("personas") if isinstance(context, dict) else None
    return found if isinstance(found, dict) else {}


def membership(event: Mapping[str, Any], about: Mapping[str, Any], sync_mode: str | None = None) -> bool | None:
    """True = add, False = remove, None = the event does not say. Only a boolean counts, not the text "true".

    A step of an event-triggered journey has no value under its key: it is an add (spec: destinations-and-sync, 3.4).
    Rows of a table (track calls new, updated, deleted) are judged by the sync mode of the mapping.
    """
    kind = event.get("type")
    computation_class = about.get("computation_class")
    if computation_class in CLASSES and kind in _MEMBERS:
        members = event.get(_MEMBERS[kind])
        key = about.get("computation_key")
        value = members.get(key) if isinstance(members, dict) else None
        if isinstance(value, bool):
            return value
        if computation_class == "journey_step" and isinstance(members, dict) and _is_journey_step(members, key):
            return True
    if kind == "track":
        name = event.get("event")
        if name in _ADDED.get(sync_mode or "", ()):
            return True
        if name == "deleted" and sync_mode in ("delete", "mirror"):
            return False
    return None


def _is_journey_step(members: Mapping[str, Any], key: Any) -> bool:
    return key not in members and isinstance(members.get("journey_metadata"), dict)


def computed(event: Mapping[str, Any]) -> dict[str, Any]:
    """The audience, trait or step that a call of the product is about: `{key: value}`; empty for any other call.

    For vendors that refuse people with traits they do not know: this one has to be there, the others may be missing.
    """
    key = personas(event).get("computation_key")
    members = event.get(_MEMBERS.get(str(event.get("type")), ""))
    if not isinstance(key, str) or not isinstance(members, dict):
        return {}
    if key in members:
        return {key: members[key]}
    return {key: True} if _is_journey_step(members, key) else {}
