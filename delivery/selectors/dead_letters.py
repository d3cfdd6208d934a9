"""Dead letters: calls that failed for good, or were not sent since their destination was off; and choosing them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Self

from django.db import connection as database

from delivery.models import Connection
from destinations.models import Destination
from profiles.models import Profile
from spaces.models import Space

DESTINATION_DISABLED = "DESTINATION_DISABLED"
# The predicate of the index `delivery_log_dead`, word for word.
DEAD = "(l.outcome = 'failed' OR l.reason = 'DESTINATION_DISABLED')"
# The profile of calls whose person was deleted (services.forgetting): they cannot be sent again.
ERASED = 0
# Reasons of calls for which no request could be built; mending the settings or the mapping helps.
UNBUILT = frozenset(
    {"MAPPING_FAILED", "PAYLOAD_VALIDATION_FAILED", "INVALID_SETTINGS", "UNKNOWN_INTEGRATION", "INTERNAL"}
)

GROUPS = """
SELECT g.connection_id, g.reason, g.calls, g.oldest, g.newest, d.detail FROM (
    SELECT l.connection_id, coalesce(l.reason, '') AS reason, count(*) AS calls, min(l.finished_at) AS oldest,
        max(l.finished_at) AS newest, max(l.id) AS last_id
    FROM delivery_log l WHERE {where} GROUP BY 1, 2
) g CROSS JOIN LATERAL (
    SELECT l.detail FROM delivery_log l WHERE l.connection_id = g.connection_id AND l.id = g.last_id LIMIT 1
) d ORDER BY g.calls DESC, g.reason, g.connection_id
"""
COUNTS = "SELECT l.connection_id, count(*), max(l.id) FROM delivery_log l WHERE {where} GROUP BY 1"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which dead letters of a space; a member that is None (or empty) chooses all. Times are those of the failure."""

    connection_id: int | None = None
    destination_id: int | None = None
    reason: str | None = None
    profile_id: int | None = None
    message_id: str | None = None
    ids: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        found = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        for name in ("since", "until"):
            if name in values:
                values[name] = datetime.fromisoformat(values[name])
        return cls(**values | {"ids": tuple(values.get("ids", ()))})

    def where(self, space: Space) -> tuple[str, dict[str, Any]]:
        """Conditions on `delivery_log l`, and their parameters."""
        parts = ["l.space_id = %(space)s", DEAD, f"l.profile_id <> {ERASED}"]
        params: dict[str, Any] = {"space": space.pk}
        for name, condition in CONDITIONS.items():
            value = getattr(self, name)
            if value not in (None, ()):
                parts.append(condition)
                params[name] = list(value) if isinstance(value, tuple) else value
        return " AND ".join(parts), params


CONDITIONS = {
    "connection_id": "l.connection_id = %(connection_id)s",
    "destination_id": "l.destination_id = %(destination_id)s",
    "reason": "coalesce(l.reason, '') = %(reason)s",
    "profile_id": "l.profile_id = %(profile_id)s",
    "message_id": "l.message_id = %(message_id)s",
    "ids": "l.id = ANY(%(ids)s)",
    "since": "l.finished_at >= %(since)s",
    "until": "l.finished_at < %(until)s",
}


@dataclass(kw_only=True)
class Group:
    """Dead letters of one reason and connection; `detail` is the sentence of the newest."""

    connection: Connection | None
    reason: str
    calls: int
    oldest: datetime
    newest: datetime
    detail: str

    @property
    def is_unbuilt(self) -> bool:
        return self.reason in UNBUILT

    @property
    def is_skipped(self) -> bool:
        return self.reason == DESTINATION_DISABLED


def groups(space: Space, selection: Selection) -> list[Group]:
    """By reason and connection, the most first."""
    where, params = selection.where(space)
    with database.cursor() as cursor:
        cursor.execute(GROUPS.format(where=where), params)
        rows = cursor.fetchall()
    connections = Connection.objects.in_space(space).select_related("destination").in_bulk({row[0] for row in rows})
    return [
        Group(
            connection=connections.get(connection_id),
            reason=reason,
            calls=calls,
            oldest=oldest,
            newest=newest,
            detail=detail or "",
        )
        for connection_id, reason, calls, oldest, newest, detail in rows
    ]


def count(space: Space, selection: Selection) -> int:
    return sum(calls for calls, _last in counts(space, selection).values())


def counts(space: Space, selection: Selection) -> dict[int, tuple[int, int]]:
    """How many there are of each connection, and the id of the last one."""
    where, params = selection.where(space)
    with database.cursor() as cursor:
        cursor.execute(COUNTS.format(where=where), params)
        return {connection_id: (calls, last) for connection_id, calls, last in cursor.fetchall()}


def why_not(connection: Connection | None) -> str:
    """Why dead letters of a connection cannot be sent now; "" when they can."""
    if connection is None or connection.removed_at is not None:
        return "the destination was removed from the computation"
    if connection.destination.deleted_at is not None:
        return f"{connection.destination.name} was deleted"
    if not connection.destination.is_enabled:
        return f"{connection.destination.name} is off: enable it first"
    if not connection.is_enabled:
        return f"the connection of {connection.computation_name} to {connection.destination.name} is paused"
    return ""


def as_query(space: Space, selection: Selection) -> dict[str, str]:
    """The parameters of the page that shows the selection; ids have none."""
    query: dict[str, str] = {}
    if selection.connection_id is not None:
        connection = Connection.objects.in_space(space).filter(pk=selection.connection_id).first()
        query["connection"] = connection.public_id if connection is not None else ""
    if selection.destination_id is not None:
        destination = Destination.objects.in_space(space).filter(pk=selection.destination_id).first()
        query["destination"] = destination.public_id if destination is not None else ""
    if selection.profile_id is not None:
        profile = Profile.objects.in_space(space).filter(id=selection.profile_id).first()
        query["profile"] = profile.segment_id if profile is not None else ""
    query |= {"reason": selection.reason or "", "message_id": selection.message_id or ""}
    query |= {
        name: moment.isoformat() if moment is not None else ""
        for name, moment in (("from", selection.since), ("to", selection.until))
    }
    return {name: value for name, value in query.items() if value}
