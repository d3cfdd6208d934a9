"""What the event tester and the previews know of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.urls import reverse
from django.utils import timezone

from delivery.models import Connection
from delivery.services.calls import call_kinds
from delivery.services.enrichment import enriched_by
from destinations import catalog
from destinations.samples import Connected
from destinations.samples import sample_calls as samples_of
from engine.payloads import ValueFormat
from spaces.models import Space


def connected_of(connection: Connection) -> Connected:
    """The connection, saved or not, as the tester takes it: what it emits is what the tester sends (F015)."""
    definition = catalog.definition(connection.destination.connector)
    return Connected(
        computation_id=connection.computation_id,
        computation_key=connection.computation_key,
        computation_name=connection.computation_name,
        computation_class=connection.computation_class,
        kinds=(*call_kinds(connection), *(["group"] if connection.send_group else [])),
        enter_event=connection.enter_event,
        exit_event=connection.exit_event,
        external_audience_id=connection.external_audience_id,
        value_format=cast(ValueFormat, connection.value_format),
        include_audience_key=connection.include_audience_key,
        columns=tuple(connection.computation_columns),
        traits=tuple(one.name for one in enriched_by(connection, definition)) if definition else (),
        is_sample=False,
    )


def tester_url(space: Space, connection: Connection) -> str:
    """The destination's event tester, told which calls this connection emits."""
    where = {"space": space.slug, "destination_id": connection.destination.public_id}
    return f"{reverse('destinations:tester', kwargs=where)}?{connected_of(connection).query_string()}"


def sample_calls(space: Space, connection: Connection) -> Sequence[dict[str, Any]]:
    """One call of each kind that the connection emits, as mappings see them."""
    definition = catalog.definition(connection.destination.connector)
    if definition is None:
        return []
    return samples_of(space=space, definition=definition, connected=connected_of(connection), now=timezone.now())
