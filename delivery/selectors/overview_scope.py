"""What a query string of the overview names: destination, computation, mapping, period, and what to leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from common.errors import FieldError, InvalidError
from delivery.models import Connection, EngageSourceMember
from delivery.selectors.overview import STEPS, Scope
from delivery.selectors.periods import USUAL, read_period
from destinations.models import Destination, Mapping
from spaces.models import Space

Given = Callable[[str, str], str]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The scope, and what was chosen to get it."""

    scope: Scope
    computation: str = ""
    mapping: Mapping | None = None

    @property
    def destination(self) -> Destination | None:
        return self.scope.destination

    def query(self, *, is_fixed: bool = False, **more: str) -> str:
        """The query string of this choice with changes; "" leaves a parameter out.

        `is_fixed` names the period by its times, so that a list opened later holds what the number counted.
        """
        scope = self.scope
        period = scope.period
        values: dict[str, Any] = {
            "destination": scope.destination.public_id if scope.destination else "",
            "computation": self.computation,
            "mapping": scope.mapping,
            "kind": scope.kind,
            "event": scope.event if scope.event is not None else "",
            "named_event": "0" if scope.event == "" else "",
            "passed": "" if scope.with_passed or scope.destination is None else "0",
        }
        if is_fixed or period.key == "custom":
            values |= period.query
        elif period.key != USUAL:
            values["range"] = period.key
        values |= more
        return urlencode({name: value for name, value in values.items() if value})


def read_choice(
    space: Space, given: Given, *, now: datetime, destination: Destination | None = None, computation: str = ""
) -> Choice:
    """The choice of a query string; a fixed `destination` or `computation` stands above it.

    InvalidError names every parameter that means nothing here.
    """
    errors: list[FieldError] = []
    given = _without_nul(given)
    destination = destination or _destination(space, given("destination", ""), errors)
    computation = computation or given("computation", "").strip()
    mapping = _mapping(destination, given("mapping", ""), errors)
    if errors:
        raise InvalidError(" ".join(error.detail for error in errors), errors)
    rows = Connection.objects.in_space(space).select_related("destination", "space").order_by("pk")
    everything = list(rows.filter(computation_id=computation) if computation else rows)
    if computation and not everything:
        raise InvalidError.at("/computation", "Nothing of this space with this id is connected to a destination.")
    event = given("event", "")
    with_passed = destination is not None and given("passed", "") != "0" and mapping is None
    own = [one for one in everything if destination is None or one.destination_id == destination.pk]
    scope = Scope(
        space=space,
        period=read_period(given, now=now),
        connections=own,
        destination=destination,
        passed_by=_passed_by(destination, everything) if destination is not None else [],
        with_passed=with_passed,
        mapping=mapping.public_id if mapping else "",
        kind=given("kind", ""),
        event=event if event else ("" if given("named_event", "") == "0" else None),
    )
    return Choice(scope=scope, computation=computation, mapping=mapping)


def read_step(given: Given) -> tuple[str, str | None]:
    """(step, reason) of a query string; InvalidError for a step that there is not, reason None for any."""
    step = given("step", "")
    if step not in STEPS:
        raise InvalidError.at("/step", f"Use one of {', '.join(STEPS)}.")
    code = given("reason", "").replace("\x00", "")
    return step, code or None


def computations(space: Space) -> list[tuple[str, str]]:
    """(id, name) of everything that is or was connected, by name."""
    rows = Connection.objects.in_space(space).values_list("computation_id", "computation_name").distinct()
    found = dict(rows)
    return sorted(found.items(), key=lambda pair: (pair[1].lower(), pair[0]))


def destinations(space: Space) -> list[Destination]:
    return list(Destination.objects.in_space(space).filter(deleted_at=None).order_by("name"))


def _destination(space: Space, public_id: str, errors: list[FieldError]) -> Destination | None:
    if not public_id:
        return None
    found: Destination | None = Destination.objects.in_space(space).filter(public_id=public_id).first()
    if found is None:
        detail = "This space has no such destination."
        errors.append(FieldError(path="/destination", code="not_found", detail=detail))
    return found


def _mapping(destination: Destination | None, public_id: str, errors: list[FieldError]) -> Mapping | None:
    if not public_id:
        return None
    found: Mapping | None = None
    if destination is not None:
        found = Mapping.objects.filter(destination=destination, public_id=public_id).first()
    if found is None:
        detail = "The destination has no such mapping." if destination else "Choose the destination of the mapping too."
        errors.append(FieldError(path="/mapping", code="not_found", detail=detail))
    return found


def _passed_by(destination: Destination, among: list[Connection]) -> list[Connection]:
    """Connections of the other destinations that are or were on the same Engage source, but not those of sources."""
    member = EngageSourceMember.objects.filter(destination=destination).first()
    if member is None:
        return []
    near = set(
        EngageSourceMember.objects.filter(source_id=member.source_id)
        .exclude(destination=destination)
        .values_list("destination_id", flat=True)
    )
    return [one for one in among if one.destination_id in near and not one.is_direct]


def _without_nul(given: Given) -> Given:
    """PostgreSQL takes no NUL characters."""
    return lambda name, default: given(name, default).replace("\x00", "")
