"""The destinations of a step: from the JSON of the definition to connections, built, checked, and kept in step.

A draft has no `Connection` rows, so nothing can be sent from it; they appear when a version is published.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import FieldError, InvalidError
from delivery.models import Connection
from delivery.services import connections as delivery_connections
from delivery.services.connection_rules import connection_problems
from delivery.services.connections import ComputationRef, ConnectionNotValidError
from destinations.models import Destination
from journeys.models import JourneyStep
from spaces.models import Space, User

StepJson = Mapping[str, Any]

COMPUTATION_CLASS = "audience"  # what payloads carry for a step that sends (destinations-and-sync.md §3.3)

# The key of the definition, the field of a connection, and what it is when the definition does not say.
FIELDS: tuple[tuple[str, str, Any], ...] = (
    ("send_identify", "send_identify", True),
    ("send_track", "send_track", True),
    ("send_mobile_ids", "send_mobile_ids", False),
    ("enter_event", "enter_event", "Audience Entered"),
    ("exit_event", "exit_event", "Audience Exited"),
    ("value_format", "value_format", "boolean"),
    ("include_audience_key", "include_audience_key", True),
    ("setup", "setup", "default"),
    ("traits", "trait_mappings", []),
    ("identifiers", "identifier_mappings", []),
    ("settings", "settings", {}),
)
JSON_NAMES = {field: key for key, field, _ in FIELDS}


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What publishing or editing did to the connections of one step."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def fields_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Connection` from one item of a step's `connections`; absent ones have their default."""
    return {field: copy.copy(spec.get(key, default)) for key, field, default in FIELDS}


def computation_ref(row: JourneyStep, *, name: str = "") -> ComputationRef:
    """The step as a computation. `name` is what the step is called in the version that sends."""
    return ComputationRef(
        computation_class=COMPUTATION_CLASS,
        computation_id=row.public_id,
        key=row.key,
        name=name or row.name,
    )


def unsaved_connection(
    *, space: Space, row: JourneyStep, destination: Destination, spec: Mapping[str, Any]
) -> Connection:
    """The connection as it would be saved: for tests, dry runs and checks. Its key is "" before the first save."""
    ref = computation_ref(row)
    return Connection(
        space=space,
        destination=destination,
        computation_class=ref.computation_class,
        computation_id=ref.computation_id,
        computation_key=ref.key,
        computation_name=ref.name,
        include_anonymous=ref.include_anonymous,
        **fields_of(spec),
    )


def destinations_of(space: Space, steps: Iterable[StepJson]) -> dict[str, Destination]:
    """The destinations that these steps name, by public id; those that are gone are missing."""
    wanted = {spec["destination"] for step in steps for spec in step.get("connections", ()) if spec.get("destination")}
    if not wanted:
        return {}
    found = Destination.objects.in_space(space).filter(public_id__in=wanted, deleted_at=None)
    return {destination.public_id: destination for destination in found}


def spec_problems(
    *, space: Space, row: JourneyStep, destination: Destination, spec: Mapping[str, Any]
) -> list[FieldError]:
    """What delivery would refuse, with paths inside the item of `connections`."""
    found = connection_problems(unsaved_connection(space=space, row=row, destination=destination, spec=spec))
    return [FieldError(path=_json_path(error.path), code=error.code, detail=error.detail) for error in found]


def live_connections(row: JourneyStep) -> list[Connection]:
    """The connections through which the step sends now."""
    return list(
        Connection.objects.filter(space_id=row.space_id, computation_id=row.public_id, removed_at=None)
        .select_related("destination", "space", "space__workspace")
        .order_by("id")
    )


def sync_connections(
    *, space: Space, row: JourneyStep, step: StepJson, path: str, first_sync: bool, actor: User | None
) -> Synced:
    """Make the step's connections those of its definition: add, change, remove; what did not change is not touched.

    `first_sync`: people joined this step before, and a new connection gets them too. Raises InvalidError with `path`
    (the step's place) before what delivery refuses.
    """
    live = {connection.destination.public_id: connection for connection in live_connections(row)}
    known = destinations_of(space, [step])
    wanted = {spec["destination"]: (number, spec) for number, spec in enumerate(step.get("connections", ()))}
    added, changed = [], []
    for public_id, (number, spec) in wanted.items():
        place = f"{path}/connections/{number}"
        destination = known.get(public_id)
        if destination is None:
            raise InvalidError.at(
                f"{place}/destination", "This destination was deleted. Choose another one.", "unknown"
            )
        try:
            connection = live.get(public_id)
            if connection is None:
                delivery_connections.connect(
                    space=space,
                    computation=computation_ref(row, name=str(step.get("name", ""))),
                    destination=destination,
                    first_sync=first_sync,
                    actor=actor,
                    **fields_of(spec),
                )
                added.append(destination.name)
            elif changes := _differences(connection, spec):
                delivery_connections.update(connection=connection, actor=actor, **changes)
                changed.append(destination.name)
        except ConnectionNotValidError as error:
            raise _at(place, error) from error
    gone = [connection for public_id, connection in live.items() if public_id not in wanted]
    for connection in gone:
        delivery_connections.remove(connection=connection, actor=actor)
    Connection.objects.filter(computation_id=row.public_id, removed_at=None).exclude(
        computation_name=step.get("name", "")
    ).update(computation_name=step.get("name", ""))
    return Synced(
        added=tuple(added), changed=tuple(changed), removed=tuple(connection.destination.name for connection in gone)
    )


def remove_connections(*, row: JourneyStep, actor: User | None) -> int:
    """Nothing is sent for this step any more; calls that wait are superseded. Returns how many were removed."""
    live = live_connections(row)
    for connection in live:
        delivery_connections.remove(connection=connection, actor=actor)
    return len(live)


def _differences(connection: Connection, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields_of(spec).items() if getattr(connection, name) != value}


def _json_path(path: str) -> str:
    first, _, rest = path.strip("/").partition("/")
    return "/" + "/".join(part for part in (JSON_NAMES.get(first, first), rest) if part)


def _at(place: str, error: ConnectionNotValidError) -> InvalidError:
    errors = [
        FieldError(path=f"{place}{_json_path(one.path)}", code=one.code, detail=one.detail) for one in error.errors
    ]
    return InvalidError(error.detail, errors)
