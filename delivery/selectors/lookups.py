"""What a URL or a query string names: connections, and filters of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from django.http import Http404

from common.errors import FieldError, ProductError
from delivery.models import Connection
from delivery.selectors.calls import STATUSES, CallFilter
from delivery.selectors.dead_letters import Selection
from destinations.models import Destination
from profiles.masking import masked
from profiles.models import ACCOUNTS, USERS, Profile
from profiles.selectors.search import clean_query, profile_by_segment_id, search_profiles
from spaces.models import Member, Space

KINDS = ("identify", "track", "page", "screen", "group", "alias", "add", "remove")


class _Detailed(Protocol):
    detail: Any


Told = TypeVar("Told", bound=_Detailed)


class FilterError(ProductError):
    """A query parameter that names nothing."""


def find_connection(space: Space, public_id: str) -> Connection:
    found: Connection | None = (
        Connection.objects.in_space(space)
        .filter(public_id=public_id)
        .select_related("destination", "space", "space__workspace")
        .first()
    )
    if found is None:
        raise Http404("This space has no such connection.")
    return found


def call_filter(space: Space, given: Callable[[str, str], str]) -> CallFilter:
    """The filter of a query string; FilterError names the parameters that mean nothing here.

    `profile` is a Segment ID, `person` any identifier; `from` and `to` are times in ISO 8601 (UTC where they say
    nothing else) that bound the emission.
    """
    reading = _Reading(space, given)
    state, kind = given("status", ""), given("kind", "")
    if state and state not in STATUSES:
        reading.refuse("status", f"Use one of {', '.join(STATUSES)}.")
    if kind and kind not in KINDS:
        reading.refuse("kind", f"Use one of {', '.join(KINDS)}.")
    wanted = CallFilter(
        status=state or None,
        connection=reading.connection(),
        destination_id=reading.destination_id(),
        computation_id=given("computation", "") or None,
        profile_id=reading.profile_id(),
        message_id=clean_query(given("message_id", "")) or None,
        reason=clean_query(given("reason", "")) or None,
        kind=kind or None,
        since=reading.moment("from"),
        until=reading.moment("to"),
    )
    reading.finish()
    return wanted


def dead_selection(space: Space, given: Callable[[str, str], str]) -> Selection:
    """The dead letters of a query string, as `call_filter`; `from` and `to` bound the time of the failure."""
    reading = _Reading(space, given)
    connection = reading.connection()
    selection = Selection(
        connection_id=connection.pk if connection is not None else None,
        destination_id=reading.destination_id(),
        reason=clean_query(given("reason", "")) or None,
        profile_id=reading.profile_id(),
        message_id=clean_query(given("message_id", "")) or None,
        since=reading.moment("from"),
        until=reading.moment("to"),
    )
    reading.finish()
    return selection


class _Reading:
    """Looks up what parameters name, and collects what they get wrong."""

    def __init__(self, space: Space, given: Callable[[str, str], str]) -> None:
        self._space = space
        self._given = given
        self._errors: list[FieldError] = []

    def refuse(self, name: str, detail: str, code: str = "invalid") -> None:
        self._errors.append(FieldError(path=f"/{name}", code=code, detail=detail))

    def finish(self) -> None:
        if self._errors:
            raise FilterError(" ".join(error.detail for error in self._errors), self._errors)

    def connection(self) -> Connection | None:
        text = clean_query(self._given("connection", ""))
        if not text:
            return None
        found: Connection | None = (
            Connection.objects.in_space(self._space).select_related("destination").filter(public_id=text).first()
        )
        if found is None:
            self.refuse("connection", "This space has no such connection.", "not_found")
        return found

    def destination_id(self) -> int | None:
        text = clean_query(self._given("destination", ""))
        if not text:
            return None
        found = Destination.objects.in_space(self._space).filter(public_id=text).first()
        if found is None:
            self.refuse("destination", "This space has no such destination.", "not_found")
            return None
        return int(found.pk)

    def profile_id(self) -> int | None:
        segment_id, person = clean_query(self._given("profile", "")), clean_query(self._given("person", ""))
        if segment_id:
            profile = profile_by_segment_id(self._space, segment_id)
            if profile is None:
                self.refuse("profile", "This space has no such profile.", "not_found")
            return profile.id if profile is not None else None
        if person:
            found = find_person(self._space, person)
            if found is None:
                self.refuse("person", "Nobody in this space has this identifier.", "not_found")
            return found.id if found is not None else None
        return None

    def moment(self, name: str) -> datetime | None:
        text = self._given(name, "").strip()
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.refuse(name, f"{name} has to be a time such as 2026-03-15T12:00Z.")
            return None
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def find_person(space: Space, text: str) -> Profile | None:
    """The user or account with this identifier (of any type, or `type:value`) or Segment ID."""
    for collection in (USERS, ACCOUNTS):
        matches = search_profiles(space, text=text, collection=collection, exact=True, size=1).matches
        if matches:
            return matches[0].profile
    return None


def told(member: Member, rows: Iterable[Told]) -> list[Told]:
    """Calls, attempts or samples whose sentences hold no personal data for this member: vendors quote what they got."""
    found = list(rows)
    if not member.has_pii_access:
        for row in found:
            row.detail = masked(row.detail)
    return found


def shows(member: Member) -> Callable[[Any], Any]:
    """How payloads are shown to this member: as they are, or without personal data."""
    return (lambda value: value) if member.has_pii_access else masked
