"""What goes into a call: which calls a connection makes, about whom, in whose name."""

from __future__ import annotations

import os
from dataclasses import dataclass

from common.ids import BASE36
from delivery.models import Connection
from delivery.services.targets import Identifier, Identifiers
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from engine.payloads import CallKind, Computation
from spaces.models import Space

TO_BASE36 = bytes(ord(BASE36[byte % 36]) for byte in range(256))


class UnknownConnectorError(LookupError):
    """The installed version has no connector of this name: its folder was removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One identifier of one profile to be sent the new value."""

    profile_id: int
    identifier: Identifier
    identifiers: Identifiers
    value: bool
    was_sent: bool


def message_ids(count: int) -> list[str]:
    """`personas_` + 21 characters each, from one read of the system's randomness."""
    text = os.urandom(21 * count).translate(TO_BASE36).decode()
    return ["personas_" + text[start : start + 21] for start in range(0, 21 * count, 21)]


def computation_of(space: Space, connection: Connection) -> Computation:
    """What `context.personas` says in the calls of this connection."""
    return Computation(
        id=connection.computation_id,
        key=connection.computation_key,
        name=connection.computation_name,
        space_id=space.public_id,
        computation_class=connection.computation_class,
        external_audience_id=connection.external_audience_id,
        audience_settings=connection.settings or None,
    )


def call_kinds(connection: Connection) -> list[CallKind]:
    """The calls of one change, in the order in which they are sent."""
    kinds: list[CallKind] = []
    if connection.send_identify:
        kinds.append("identify")
    if connection.send_track:
        kinds.append("track")
    return kinds


def connector_of(destination: Destination) -> DestinationDefinition:
    found = catalog.definition(destination.connector)
    if found is None:
        raise UnknownConnectorError(f"There is no connector {destination.connector!r} in this installation.")
    return found
