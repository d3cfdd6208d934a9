"""Destinations that are connected to a source directly: its events go there as they come, and into the space (F136).

Such a connection is a `Connection` whose computation is the source; everything that happens to a call of a computation
happens to these, apart from how they come about (`source_calls`).
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from common.errors import ConflictError, FieldError
from delivery.models import SOURCE, Connection
from delivery.services import attachments
from delivery.services.connections import ConnectionNotValidError, state
from destinations import catalog
from destinations.models import Destination
from spaces import audit
from spaces.models import Source, User

# engine-domain.md §6: instances of one definition on one source.
MOST_INSTANCES = 25


@transaction.atomic
def connect_source(*, source: Source, destination: Destination, actor: User | None) -> Connection:
    """Send every event of the source to the destination from now on; what was received before is not sent.

    ConnectionNotValidError at /destination: `refusals`. ConflictError: already connected, deleted, of another space, or
    the 26th of its kind.
    """
    locked = Destination.objects.select_for_update(no_key=True).filter(pk=destination.pk, deleted_at=None).first()
    if locked is None or locked.space_id != source.space_id:
        raise ConflictError("This destination was deleted. Choose another one.")
    if problem := refusals([locked]).get(locked.pk):
        raise ConnectionNotValidError(problem, [FieldError(path="/destination", code="unsupported", detail=problem)])
    Source.objects.select_for_update(no_key=True).get(pk=source.pk)
    taken = connections_of_source(source)
    if any(one.destination_id == locked.pk for one in taken):
        raise ConflictError(f"{locked.name} is already connected to {source.name}.")
    if sum(one.destination.connector == locked.connector for one in taken) >= MOST_INSTANCES:
        raise ConflictError(f"A source feeds at most {MOST_INSTANCES} destinations of one kind. Disconnect one first.")
    connection = Connection.objects.create(
        space=source.space,
        destination=locked,
        computation_class=SOURCE,
        computation_id=source.public_id,
        computation_key=source.public_id,
        computation_name=name_of(source.name),
        created_by=actor,
    )
    audit.record(
        space=source.space, actor=actor, action="connection.created", target=connection, after=state(connection)
    )
    return connection


def refusals(destinations: Collection[Destination]) -> dict[int, str]:
    """Why sources cannot feed these destinations, by primary key; those that they can feed are missing."""
    found = {one.pk: problem for one in destinations if (problem := _kind_refusal(one))}
    return attachments.source_refusals(destinations) | found


def _kind_refusal(destination: Destination) -> str:
    definition = catalog.definition(destination.connector)
    if definition is None:
        return f"This installation has no connector {destination.connector!r}. Choose another destination."
    if definition.kind == "list":
        return (
            f"{definition.name} takes lists of people, and a source sends single events. Connect it to an audience, "
            "or choose an event destination."
        )
    return ""


def connections_of_source(source: Source) -> list[Connection]:
    """Those there are, oldest first."""
    rows = Connection.objects.in_space(source.space).select_related("destination", "space", "space__workspace")
    return list(rows.filter(computation_class=SOURCE, computation_id=source.public_id, removed_at=None).order_by("pk"))


def others(source: Source) -> list[Destination]:
    """Destinations of the space that are not connected to the source, by name; `refusals` says which cannot be."""
    taken = [one.destination_id for one in connections_of_source(source)]
    rows = Destination.objects.in_space(source.space).filter(deleted_at=None).exclude(pk__in=taken)
    return list(rows.order_by("name"))


def follow_name(source: Source) -> None:
    """The source was renamed (settings.SOURCE_RENAMED)."""
    rows = Connection.objects.filter(computation_class=SOURCE, computation_id=source.public_id)
    rows.update(computation_name=name_of(source.name))


def name_of(source_name: str) -> str:
    """How a source is called where computations are."""
    return f"Source: {source_name}"
