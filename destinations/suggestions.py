"""Values for fields that a mapping leaves empty, found by name in an event and among the traits of the space."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from destinations.kit.definition import Action
from destinations.kit.tables import PLACES, person
from destinations.resolving import RESERVED
from engine.mapping.fields import Field

# What fields of tools are called, and where an event has it.
_TOP_LEVEL = {
    "userid": "$.userId",
    "externalid": "$.userId",
    "customerid": "$.userId",
    "contactid": "$.userId",
    "subscriberkey": "$.userId",
    "anonymousid": "$.anonymousId",
    "groupid": "$.groupId",
    "eventname": "$.event",
    "event": "$.event",
    "timestamp": "$.timestamp",
    "time": "$.timestamp",
    "eventtime": "$.timestamp",
    "occurredat": "$.timestamp",
    "createdat": "$.timestamp",
    "messageid": "$.messageId",
    "eventid": "$.messageId",
    "audiencekey": "$.context.personas.computation_key",
    "computationkey": "$.context.personas.computation_key",
}
_SAME = (
    ("email", "emailaddress", "mail"),
    ("firstname", "fname", "givenname"),
    ("lastname", "lname", "surname", "familyname"),
    ("phone", "phonenumber", "mobile", "mobilephone", "telephone"),
    ("name", "fullname"),
    ("postalcode", "zip", "zipcode", "postcode"),
    ("street", "address1", "streetaddress"),
    ("birthday", "dateofbirth", "dob"),
    ("company", "companyname", "organization"),
)
_DEPTH = 4
_IGNORED = ("_", "context.library", "integrations")


def suggest(
    action: Action, fields: Mapping[str, Any], event: Mapping[str, Any], *, traits: Sequence[str] = ()
) -> dict[str, Any]:
    """Mapping values by field key, for fields that are shown and have none: the field's default first, then by name.

    `traits` are keys of traits seen in the space: a call may carry them although this event does not.
    """
    places = _places(event, traits)
    found = {}
    for item in action.fields:
        if item.hidden or item.key in RESERVED or fields.get(item.key) not in (None, ""):
            continue
        value = item.default if item.default is not None else _by_name(item, places)
        if value is not None:
            found[item.key] = value
    return found


def _by_name(item: Field, places: Mapping[str, list[tuple[str, Any]]]) -> Any:
    for name in _names(item):
        for path, sample in places.get(name, ()):
            if _fits(item, sample):
                return _value(path)
    for name in _names(item):
        if name in _TOP_LEVEL and item.type != "object":
            return {"@path": _TOP_LEVEL[name]}
    return None


def _names(item: Field) -> list[str]:
    """What the field may be called in an event: its key, its label, and words that mean the same."""
    own = [_plain(item.key), _plain(item.label)]
    others = [word for words in _SAME for word in words if any(name in words for name in own)]
    return list(dict.fromkeys([name for name in [*own, *others] if name]))


def _places(event: Mapping[str, Any], traits: Sequence[str]) -> dict[str, list[tuple[str, Any]]]:
    """Paths by plain name: those of the event in the order in which people look, then traits of the space."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for path, value in _paths(event):
        found.setdefault(_plain(path.rpartition(".")[2]), []).append((f"$.{path}", value))
    for key in traits:
        found.setdefault(_plain(key.rpartition(".")[2]), []).append((f"$.traits.{key}", ""))
    return found


def _paths(event: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for place in ("traits", "properties"):
        yield from _members(event.get(place), place, 1)
    context = event.get("context")
    if isinstance(context, Mapping):
        yield from _members(context.get("traits"), "context.traits", 2)
        rest = {key: value for key, value in context.items() if key != "traits"}
        yield from _members(rest, "context", 1)
    for key, value in event.items():
        if key not in ("traits", "properties", "context", "integrations"):
            yield key, value


def _members(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping) or depth > _DEPTH:
        return
    for key, inner in value.items():
        here = f"{path}.{key}"
        if "." in str(key) or here.startswith(_IGNORED):
            continue
        yield here, inner
        yield from _members(inner, here, depth + 1)


def _value(path: str) -> Any:
    """What is known of a person may stand in any of three places; everything else stays where it is."""
    for place in PLACES:
        if path.startswith(f"{place}."):
            return person(path.removeprefix(f"{place}."))
    return {"@path": path}


def _fits(item: Field, sample: Any) -> bool:
    if item.multiple:
        return isinstance(sample, list | str)
    if item.type == "object":
        return isinstance(sample, Mapping)
    if item.type == "boolean":
        return isinstance(sample, bool)
    if item.type in ("number", "integer"):
        return isinstance(sample, int | float) and not isinstance(sample, bool)
    return not isinstance(sample, Mapping | list | bool)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
