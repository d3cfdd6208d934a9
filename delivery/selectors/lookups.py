"""What a URL or a query string names: connections, and filters of calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404

from common.errors import FieldError, ProductError
from delivery.models import Connection
from delivery.selectors.calls import STATUSES, CallFilter
from profiles.masking import masked
from profiles.models import Profile
from spaces.models import Member, Space


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
    """The filter of a query string; FilterError names the parameter that means nothing here."""
    state, connection_id = given("status", ""), given("connection", "")
    segment_id, message_id = given("profile", ""), given("message_id", "")
    errors: list[FieldError] = []
    if state and state not in STATUSES:
        errors.append(FieldError(path="/status", code="invalid", detail=f"Use one of {', '.join(STATUSES)}."))
    connection = Connection.objects.in_space(space).filter(public_id=connection_id).first() if connection_id else None
    if connection_id and connection is None:
        errors.append(FieldError(path="/connection", code="not_found", detail="This space has no such connection."))
    profile_id = None
    if segment_id:
        profile = Profile.objects.in_space(space).filter(segment_id=segment_id).first()
        if profile is None:
            errors.append(FieldError(path="/profile", code="not_found", detail="This space has no such profile."))
        else:
            profile_id = profile.id
    if errors:
        raise FilterError(" ".join(error.detail for error in errors), errors)
    return CallFilter(status=state or None, connection=connection, profile_id=profile_id, message_id=message_id or None)


def shows(member: Member) -> Callable[[Any], Any]:
    """How payloads are shown to this member: as they are, or without personal data."""
    return (lambda value: value) if member.has_pii_access else masked
