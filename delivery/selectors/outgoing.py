"""The outgoing side of the debugger: what the Engage sources emitted, newest first (F028, F030, F031).

Among all of them are also calls that sources send on directly; no Engage source emitted those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from common.errors import FieldError, InvalidError
from delivery.models import SOURCE, Connection, EngageSource, EngageSourceMember
from delivery.selectors.calls import CallRow
from delivery.selectors.messages import STATUSES, MessagePage, Wanted, message_page, newest_id
from delivery.services import engage_sources
from destinations.models import Destination
from spaces.models import Space

KINDS = ("identify", "track", "page", "screen", "group", "alias", "add", "remove")
MOST_NEW = 100
LONGEST = 300


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """What is looked at: all Engage sources or one, and filters; "" is any."""

    space: Space
    source: EngageSource | None = None
    destination: Destination | None = None
    kind: str = ""
    event: str = ""
    user: str = ""
    status: str = ""
    text: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.destination or self.kind or self.event or self.user or self.status or self.text)

    def query(self) -> dict[str, str]:
        found = {
            "source": self.source.public_id if self.source else "",
            "destination": self.destination.public_id if self.destination else "",
            "type": self.kind,
            "name": self.event,
            "user": self.user,
            "status": self.status,
            "q": self.text,
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """An Engage source with its destinations, those that were deleted last."""

    source: EngageSource
    destinations: list[Destination]


def source_rows(space: Space) -> list[SourceRow]:
    """Every Engage source of the space (F028, F029)."""
    sources = engage_sources.sources_of(space)
    members = (
        EngageSourceMember.objects.filter(source__space=space, detached_at=None)
        .select_related("destination")
        .order_by("destination__name")
    )
    by_source: dict[int, list[Destination]] = {source.pk: [] for source in sources}
    for member in members:
        by_source[member.source_id].append(member.destination)
    return [SourceRow(source=source, destinations=by_source[source.pk]) for source in sources]


def read_outgoing(space: Space, given: Callable[[str, str], str]) -> Outgoing:
    """The filters of a query string; InvalidError names those that mean nothing here."""
    errors: list[FieldError] = []
    values = {
        name: given(name, "").replace("\x00", "").strip()[:LONGEST] for name in ("type", "status", "name", "user", "q")
    }
    if values["type"] and values["type"] not in KINDS:
        errors.append(FieldError(path="/type", code="invalid", detail=f"Use one of {', '.join(KINDS)}."))
    if values["status"] and values["status"] not in STATUSES:
        errors.append(FieldError(path="/status", code="invalid", detail=f"Use one of {', '.join(STATUSES)}."))
    source = _named(EngageSource.objects.in_space(space).select_related("space"), given("source", ""), "source", errors)
    destination = _named(Destination.objects.in_space(space), given("destination", ""), "destination", errors)
    if errors:
        raise InvalidError(" ".join(error.detail for error in errors), errors)
    return Outgoing(
        space=space,
        source=source,
        destination=destination,
        kind=values["type"],
        event=values["name"],
        user=values["user"],
        status=values["status"],
        text=values["q"],
    )


def _named(rows: Any, public_id: str, name: str, errors: list[FieldError]) -> Any:
    if not public_id:
        return None
    found = rows.filter(public_id=public_id.replace("\x00", "")).first()
    if found is None:
        errors.append(FieldError(path=f"/{name}", code="not_found", detail=f"This space has no such {name}."))
    return found


def outgoing_page(wanted: Outgoing, *, after: str = "", before: str = "", size: int = 50) -> MessagePage:
    return message_page([_wanted(wanted)], after=after, before=before, size=size)


def newer_than(wanted: Outgoing, last_id: int) -> tuple[list[CallRow], bool]:
    """(calls emitted since, newest first; whether there are more than MOST_NEW, of which the oldest are given)."""
    page = message_page([_wanted(wanted)], before=str(last_id), size=MOST_NEW)
    fresh = [row for row in page.rows if row.id > last_id]
    return fresh, page.before is not None and bool(fresh)


def newest() -> int:
    """Where the stream of calls is now."""
    return newest_id()


def sources_by_destination(space: Space) -> dict[int, EngageSource]:
    """The Engage source of every destination there is or was."""
    members = EngageSourceMember.objects.filter(source__space=space).select_related("source__space")
    return {member.destination_id: member.source for member in members}


def _wanted(outgoing: Outgoing) -> Wanted:
    rows = Connection.objects.in_space(outgoing.space).select_related("destination", "space")
    if outgoing.source is not None:
        rows = rows.filter(destination__engage_member__source=outgoing.source).exclude(computation_class=SOURCE)
    if outgoing.destination is not None:
        rows = rows.filter(destination=outgoing.destination)
    found = Wanted(
        space=outgoing.space,
        connections=list(rows.order_by("pk")),
        status=outgoing.status,
        kind=outgoing.kind,
        text=outgoing.text,
        user=outgoing.user,
    )
    return replace(found, event=outgoing.event) if outgoing.event else found
