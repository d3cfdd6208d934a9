"""Trait Activation: what a Customized Setup may hold, and what its two lists mean (destinations-and-sync.md §6).

`trait_mappings`: rows `{"segment", "destination"}`, the key of a trait (dots lead into objects) and the name it gets:
`traits.<destination>` of Identify, `properties.<destination>` of Track, with the value the profile has when the call is
queued. `identifier_mappings`: rows `{"segment", "destination", "strategy"}`, an identifier type, its name at the
destination and which of its values are sent: "first" added, "last" added or "all".

Where an identifier goes: user_id, email, anonymous_id and the mobile ids have their place in a call (`userId`,
`traits.email` or `context.traits.email`, `anonymousId`, `context.device`) and keep it; a destination name of their own
is added as `traits.<destination>` / `properties.<destination>`. Any other identifier goes there only. A dotted name
leads into objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from common.errors import FieldError
from destinations.kit.definition import DestinationDefinition
from engine.payloads import overlaps

STRATEGIES = {"first": "First added", "last": "Last added", "all": "All"}
MOST_ALL = 3
MOST_ROWS = 100
NAME_LENGTH = 255
TRAITS, IDENTIFIERS = "trait_mappings", "identifier_mappings"
MEMBERS = {TRAITS: ("segment", "destination"), IDENTIFIERS: ("segment", "destination", "strategy")}
OWN_NAMES = ("audience_key", "trait_key")

Row = dict[str, str]


def enrichment_refusal(definition: DestinationDefinition) -> str:
    """Why this destination takes no enriched traits, "" when it does (F025). ID Sync works with all of them."""
    if definition.kind == "event" and definition.framework == "classic":
        return f"{definition.name} is a classic destination, which takes no enriched traits. ID Sync works with it."
    return ""


def cleaned(rows: Any) -> Any:
    """Rows without blanks around their texts; a missing destination is the same name as the segment's."""
    if not isinstance(rows, list):
        return rows
    return [_cleaned_row(row) if isinstance(row, dict) else row for row in rows]


def _cleaned_row(row: dict[str, Any]) -> dict[str, Any]:
    found = {key: value.strip() if isinstance(value, str) else value for key, value in row.items()}
    if found.get("destination") in ("", None) and found.get("segment"):
        found["destination"] = found["segment"]
    return found


def trait_problems(rows: Any, *, computation_key: str, path: str = TRAITS) -> list[FieldError]:
    """All that is wrong with a list of traits. `path` begins the paths of the errors."""
    found = _shape_problems(rows, TRAITS, path)
    if found:
        return found
    taken: dict[str, int] = {}
    for number, row in enumerate(rows):
        found += _name_problems(row["segment"], f"/{path}/{number}/segment", "trait")
        place = f"/{path}/{number}/destination"
        name = row["destination"]
        wrong = _name_problems(name, place, "name at the destination")
        if not wrong and name in (*OWN_NAMES, computation_key):
            wrong = [_error(place, "reserved", f"{name} is what the call itself says. Choose another name.")]
        if not wrong and (other := _overlap(name, taken)):
            detail = f"{name} is taken already" if name == other else f"{name} and {other} cannot hold each other"
            wrong = [_error(place, "duplicate", f"{detail}. Choose another name.")]
        taken.setdefault(name, number)
        found += wrong
    return found


def identifier_problems(
    rows: Any, *, computation_key: str, known_types: Iterable[str], trait_names: Iterable[str] = ()
) -> list[FieldError]:
    """All that is wrong with the list of ID Sync."""
    found = _shape_problems(rows, IDENTIFIERS, IDENTIFIERS)
    if found:
        return found
    types = set(known_types)
    seen: set[str] = set()
    taken = dict.fromkeys(trait_names, 0)
    alls = 0
    for number, row in enumerate(rows):
        at = f"/{IDENTIFIERS}/{number}"
        id_type, name, strategy = row["segment"], row["destination"], row["strategy"]
        wrong = _name_problems(id_type, f"{at}/segment", "identifier")
        if not wrong and id_type in seen:
            wrong = [_error(f"{at}/segment", "duplicate", f"{id_type} is chosen twice. Remove one of the rows.")]
        elif not wrong and id_type not in types:
            detail = f"This space has no identifier {id_type}. It has: {', '.join(sorted(types))}."
            wrong = [_error(f"{at}/segment", "unknown", detail)]
        seen.add(id_type)
        found += wrong
        wrong = _name_problems(name, f"{at}/destination", "name at the destination")
        if not wrong and name in (*OWN_NAMES, computation_key):
            detail = f"{name} is what the call itself says. Choose another name."
            wrong = [_error(f"{at}/destination", "reserved", detail)]
        if not wrong and name != id_type and (other := _overlap(name, taken)):
            detail = f"The trait {other} is sent under this name already. Choose another one."
            wrong = [_error(f"{at}/destination", "duplicate", detail)]
        found += wrong
        if strategy not in STRATEGIES:
            detail = "Choose which values are sent: first, last or all."
            found.append(_error(f"{at}/strategy", "unknown", detail))
        alls += strategy == "all"
        if strategy == "all" and alls > MOST_ALL:
            detail = f"At most {MOST_ALL} identifiers can send all values. Choose first or last added here."
            found.append(_error(f"{at}/strategy", "too_many", detail))
    return found


def _shape_problems(rows: Any, kind: str, path: str) -> list[FieldError]:
    members = MEMBERS[kind]
    if not isinstance(rows, list):
        return [_error(f"/{path}", "invalid", f"Give a list of objects with {', '.join(members)}.")]
    if len(rows) > MOST_ROWS:
        return [_error(f"/{path}", "too_many", f"There are more than {MOST_ROWS} rows. Remove some.")]
    found = []
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            found.append(_error(f"/{path}/{number}", "invalid", f"Give an object with {', '.join(members)}."))
            continue
        found += [
            _error(f"/{path}/{number}/{name}", "required", "This is missing, or is no text.")
            for name in members
            if not isinstance(row.get(name), str)
        ]
        found += [
            _error(
                f"/{path}/{number}/{name}", "unknown", f"There is no member of this name: give {', '.join(members)}."
            )
            for name in row
            if name not in members
        ]
    return found


def _name_problems(name: str, path: str, what: str) -> list[FieldError]:
    if not name:
        return [_error(path, "required", f"Choose the {what}.")]
    if len(name) > NAME_LENGTH or not name.isprintable():
        return [_error(path, "invalid", f"Use up to {NAME_LENGTH} printable characters for the {what}.")]
    if "" in name.split("."):
        return [_error(path, "invalid", "Write a name on both sides of each dot.")]
    return []


def _overlap(name: str, taken: Iterable[str]) -> str:
    """A taken name that is this one, is inside it, or that it is inside of."""
    return next((other for other in taken if overlaps(name, other)), "")


def _error(path: str, code: str, detail: str) -> FieldError:
    return FieldError(path=path, code=code, detail=detail)
