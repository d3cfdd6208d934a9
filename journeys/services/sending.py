"""The destinations of a *Send to destinations* or *Show an ad* step, as a person edits them (journeys.md §4).

A draft keeps them in its definition and sends nothing; in a published version the same edits reach its connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import ConflictError, InvalidError
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from journeys.models import JourneyStep, JourneyVersion, VersionState
from journeys.services import drafts, live_edits
from journeys.services.keys import SENDING
from journeys.services.step_connections import FIELDS, destinations_of
from spaces.models import Space, User

# An ad is shown to the people of a list; other destinations get calls (journeys.md §2).
KINDS = {"send_to_destinations": ("event", "list"), "show_ad": ("list",)}


@dataclass(frozen=True, kw_only=True)
class StepDestination:
    """One destination of a step. `destination` is None when it was deleted after it was chosen."""

    spec: Mapping[str, Any]
    destination: Destination | None
    connector: DestinationDefinition | None

    @property
    def is_list(self) -> bool:
        return self.connector is not None and self.connector.kind == "list"


def sending_step(version: JourneyVersion, step_id: str) -> dict[str, Any] | None:
    """The step's part of the definition, or None when the version has no such step or it does not send."""
    for step in version.definition["steps"]:
        if step["id"] == step_id and step["type"] in SENDING:
            found: dict[str, Any] = step
            return found
    return None


def destinations_in(space: Space, step: Mapping[str, Any]) -> list[StepDestination]:
    """The step's destinations in their order."""
    known = destinations_of(space, [step])
    found = []
    for spec in step.get("connections", ()):
        destination = known.get(spec.get("destination", ""))
        connector = catalog.definition(destination.connector) if destination else None
        found.append(StepDestination(spec=spec, destination=destination, connector=connector))
    return found


def choosable(space: Space, step: Mapping[str, Any]) -> dict[str, list[StepDestination]]:
    """Enabled destinations that the step does not have yet, "event" and "list" apart (F002)."""
    taken = {spec.get("destination") for spec in step.get("connections", ())}
    found: dict[str, list[StepDestination]] = {kind: [] for kind in KINDS[step["type"]]}
    rows = Destination.objects.in_space(space).filter(deleted_at=None, is_enabled=True).order_by("name")
    for destination in rows.exclude(public_id__in=taken):
        connector = catalog.definition(destination.connector)
        if connector is not None and connector.kind in found:
            found[connector.kind].append(StepDestination(spec={}, destination=destination, connector=connector))
    return found


def spec_of(destination: Destination, values: Mapping[str, Any]) -> dict[str, Any]:
    """An item of the step's `connections` from the fields of a connection; what is at its default is left out.

    The two calls are always written: they are what a reader of the definition looks for.
    """
    spec: dict[str, Any] = {"destination": destination.public_id}
    for key, field, default in FIELDS:
        if field in values and (values[field] != default or key in ("send_identify", "send_track")):
            spec[key] = values[field]
    return spec


def new_spec(destination: Destination, connector: DestinationDefinition) -> dict[str, Any]:
    """A destination as it is first attached: with the calls that it takes."""
    taken = ("identify", "track") if connector.kind == "list" else connector.supported
    return {
        "destination": destination.public_id,
        "send_identify": "identify" in taken,
        "send_track": "track" in taken,
    }


def attach(
    *,
    version: JourneyVersion,
    step_id: str,
    destinations: Sequence[str],
    author: User | None,
    revision: int | None = None,
) -> JourneyVersion:
    """Attach destinations, by public id, to a step (F009). InvalidError for one that cannot be chosen."""
    step = _step(version, step_id)
    offered = {
        one.destination.public_id: one
        for group in choosable(version.journey.space, step).values()
        for one in group
        if one.destination is not None
    }
    if not destinations:
        raise InvalidError.at("/destination", "Choose at least one destination.", "required")
    specs = list(step.get("connections", ()))
    names = []
    for public_id in dict.fromkeys(destinations):
        one = offered.get(public_id)
        if one is None or one.destination is None or one.connector is None:
            detail = "One of the destinations cannot be chosen any more: it was deleted, disabled, or is attached."
            raise InvalidError.at("/destination", detail, "not_available")
        specs.append(new_spec(one.destination, one.connector))
        names.append(one.destination.name)
    return _save(version, step, specs, f"Connect {', '.join(names)}", author=author, revision=revision)


def configure(
    *,
    version: JourneyVersion,
    step_id: str,
    destination: Destination,
    values: Mapping[str, Any],
    author: User | None,
    revision: int | None = None,
) -> JourneyVersion:
    """Store how the step sends to one of its destinations; `values` are those of the connection form."""
    step = _step(version, step_id)
    specs = [
        spec_of(destination, values) | ({"settings": spec["settings"]} if spec.get("settings") else {})
        if spec.get("destination") == destination.public_id
        else spec
        for spec in step.get("connections", ())
    ]
    return _save(version, step, specs, f"Set up {destination.name}", author=author, revision=revision)


def detach(
    *, version: JourneyVersion, step_id: str, destination_id: str, author: User | None, revision: int | None = None
) -> JourneyVersion:
    """Take a destination off a step. In a published version nothing more is sent to it for this step."""
    step = _step(version, step_id)
    specs = [spec for spec in step.get("connections", ()) if spec.get("destination") != destination_id]
    known = destinations_of(version.journey.space, [step]).get(destination_id)
    label = f"Remove {known.name}" if known else "Remove destination"
    return _save(version, step, specs, label, author=author, revision=revision)


def step_row(version: JourneyVersion, step: Mapping[str, Any]) -> JourneyStep:
    """The stored step with its key; one that was never saved with a name has none yet."""
    stored = JourneyStep.objects.filter(journey=version.journey, step_id=step["id"]).first()
    return stored or JourneyStep(
        space=version.journey.space, journey=version.journey, step_id=step["id"], name=step.get("name") or ""
    )


def _step(version: JourneyVersion, step_id: str) -> dict[str, Any]:
    step = sending_step(version, step_id)
    if step is None:
        raise ConflictError("This step was deleted meanwhile. Go back to the journey.")
    return step


def _save(
    version: JourneyVersion,
    step: Mapping[str, Any],
    connections: list[Any],
    label: str,
    *,
    author: User | None,
    revision: int | None,
) -> JourneyVersion:
    if version.state != VersionState.DRAFT:
        return live_edits.edit_live_step(
            version=version, step_id=step["id"], connections=connections, changed_by=author
        )
    steps = [
        {**one, "connections": connections} if one["id"] == step["id"] else one for one in version.definition["steps"]
    ]
    return drafts.save_draft(
        version=version,
        definition=version.definition | {"steps": steps},
        revision=version.revision if revision is None else revision,
        label=label,
        author=author,
    )
