"""What a publication changes in the calls themselves: the payloads of a few real people, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery.models import Connection
from destinations.models import Destination
from engine.journeys.places import steps_of
from journeys.models import JourneyStep, JourneyVersion, Run
from journeys.selectors.people import Person, people_of
from journeys.services.differing import ValueChange, value_changes
from journeys.services.keys import SENDING
from journeys.services.review import PublishReview
from journeys.services.step_connections import destinations_of, unsaved_connection
from journeys.services.would_send import Sender, WouldCall, identifiers_of
from profiles.masking import masked
from profiles.models import USERS, Profile
from profiles.selectors.search import identifiers_of as identifier_rows
from spaces.models import Space

PEOPLE = 5
MOST_CONNECTIONS = 20


@dataclass(frozen=True, kw_only=True)
class CallChange:
    """One call of a kind: `before` or `after` is None where there is no such call. `changes`: single values."""

    kind: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    changes: tuple[ValueChange, ...]


@dataclass(frozen=True, kw_only=True)
class PersonSample:
    """`problem`: why a call would not reach the tool under the new version, "" when all do."""

    person: Person
    calls: tuple[CallChange, ...]
    problem: str


@dataclass(frozen=True, kw_only=True)
class ConnectionSample:
    """A destination of a step whose calls change. `change`: added, removed or changed."""

    step_id: str
    step_name: str
    key: str
    destination: str
    change: str
    people: tuple[PersonSample, ...]


def payload_samples(found: PublishReview, *, shows_pii: bool, now: datetime) -> list[ConnectionSample]:
    """For every connection that is added, removed or set up otherwise: the calls of up to five real people.

    They are people of the version before, else the latest profiles of the space. Nothing is sent.
    """
    changed = _changed(found)[:MOST_CONNECTIONS]
    if not changed:
        return []
    space = found.version.journey.space
    rows = {row.step_id: row for row in JourneyStep.objects.filter(journey_id=found.version.journey_id)}
    known = destinations_of(space, [*steps_of(found.version.definition), *_steps_before(found)])
    people = _people(space, found.previous, shows_pii=shows_pii)
    samples = []
    for step, destination_id, before, after in changed:
        destination = known.get(destination_id)
        if destination is None:
            continue
        row = rows.get(step["id"]) or JourneyStep(step_id=step["id"], name=step.get("name") or "")
        sides = [_sender(space, row, destination, spec) for spec in (before, after)]
        samples.append(
            ConnectionSample(
                step_id=step["id"],
                step_name=str(step.get("name") or step["id"]),
                key=row.key,
                destination=destination.name,
                change="added" if before is None else "removed" if after is None else "changed",
                people=tuple(_sample(person, sides, shows_pii, now) for person in people),
            )
        )
    return samples


Changed = tuple[Mapping[str, Any], str, Mapping[str, Any] | None, Mapping[str, Any] | None]


def _changed(found: PublishReview) -> list[Changed]:
    """(step, destination, spec before, spec after) of the connections that differ."""
    before = {step["id"]: step for step in _steps_before(found) if step["type"] in SENDING}
    changed: list[Changed] = []
    for step in steps_of(found.version.definition):
        if step["type"] not in SENDING:
            continue
        old, new = _specs(before.pop(step["id"], {})), _specs(step)
        changed += [
            (step, one, old.get(one), new.get(one))
            for one in dict.fromkeys([*old, *new])
            if one and old.get(one) != new.get(one)
        ]
    for step in before.values():
        changed += [(step, one, spec, None) for one, spec in _specs(step).items()]
    return changed


def _steps_before(found: PublishReview) -> list[dict[str, Any]]:
    return steps_of(found.previous.definition) if found.previous is not None else []


def _specs(step: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(spec.get("destination") or ""): spec for spec in step.get("connections", ())}


def _sender(space: Space, row: JourneyStep, destination: Destination, spec: Mapping[str, Any] | None) -> Sender | None:
    if spec is None:
        return None
    connection: Connection = unsaved_connection(space=space, row=row, destination=destination, spec=spec)
    return Sender(space=space, connection=connection, names=[connection.destination.name])


def _people(space: Space, previous: JourneyVersion | None, *, shows_pii: bool) -> list[Person]:
    ids: list[int] = []
    if previous is not None:
        recent = Run.objects.in_space(space).filter(version_id=previous.pk).order_by("-id")[: PEOPLE * 4]
        ids = list(dict.fromkeys(run.profile_id for run in recent))[:PEOPLE]
    if not ids:
        latest = Profile.objects.in_space(space).filter(collection=USERS).order_by("-id")
        ids = list(latest.values_list("id", flat=True)[:PEOPLE])
    found = people_of(space, ids, shows_pii=shows_pii)
    return [found[profile_id] for profile_id in ids if profile_id in found]


def _sample(person: Person, sides: Sequence[Sender | None], shows_pii: bool, now: datetime) -> PersonSample:
    before, after = ([] if side is None else _calls(side, person, now) for side in sides)
    reason = next((call.detail for call in after if call.outcome != "built"), "")
    old = {call.kind: call.payload for call in before if call.payload}
    new = {call.kind: call.payload for call in after if call.payload}
    calls = tuple(
        CallChange(
            kind=kind,
            before=_shown(old.get(kind), shows_pii),
            after=_shown(new.get(kind), shows_pii),
            changes=tuple(value_changes(_shown(old[kind], shows_pii) or {}, _shown(new[kind], shows_pii) or {}))
            if kind in old and kind in new
            else (),
        )
        for kind in dict.fromkeys([*old, *new])
    )
    return PersonSample(person=person, calls=calls, problem=reason)


def _calls(sender: Sender, person: Person, now: datetime) -> list[WouldCall]:
    """The first call of each kind: the others differ in the identifier alone."""
    values: dict[str, list[str]] = {}
    for row in identifier_rows(sender.space, [person.profile.id]).get(person.profile.id, []):
        values.setdefault(row.id_type, []).append(row.original)
    calls = sender.calls(
        identifiers=identifiers_of(values),
        traits=person.profile.traits,
        value=True,
        sent={},
        now=now,
        with_requests=False,
    )
    first: dict[str, WouldCall] = {}
    for call in calls:
        first.setdefault(call.kind, call)
    return list(first.values())


def _shown(payload: Mapping[str, Any] | None, shows_pii: bool) -> dict[str, Any] | None:
    if payload is None:
        return None
    return dict(payload) if shows_pii else dict(masked(dict(payload)))
