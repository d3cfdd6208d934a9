"""What goes into a call: which calls a connection makes, about whom, in whose name."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import msgspec

from common.ids import BASE36
from delivery.models import Connection
from delivery.services.targets import Identifier, Identifiers
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from engine.payloads import (
    CallKind,
    Computation,
    Identity,
    ValueFormat,
    as_json,
    audience_call,
    email_anonymous_id,
    nested,
)
from spaces.models import Space

TO_BASE36 = bytes(ord(BASE36[byte % 36]) for byte in range(256))


class UnknownConnectorError(LookupError):
    """The installed version has no connector of this name: its folder was removed."""


@dataclass(kw_only=True, slots=True)
class Call:
    """One identifier of one profile to be sent the new value."""

    profile_id: int
    identifier: Identifier
    identifiers: Identifiers
    value: bool
    was_sent: bool
    # The value of a trait as JSON text.
    json: str | None = None
    # Enriched traits, and the identifier where it has no standard place: names in the call and JSON texts.
    extra: dict[str, str] | None = None


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
        value_format=cast(ValueFormat, connection.value_format),
        includes_key=connection.include_audience_key,
        columns=tuple(connection.computation_columns),
    )


def call_kinds(connection: Connection) -> list[CallKind]:
    """The calls of one change about a user, in the order in which they are sent."""
    kinds: list[CallKind] = []
    if connection.send_identify:
        kinds.append("identify")
    if connection.send_track:
        kinds.append("track")
    return kinds


def leaving_event(connection: Connection) -> str:
    """The Track name of a call that takes the value away; a trait has one name for all its values."""
    return connection.enter_event if connection.computation_class == "trait" else connection.exit_event


def connector_of(destination: Destination) -> DestinationDefinition:
    found = catalog.definition(destination.connector)
    if found is None:
        raise UnknownConnectorError(f"There is no connector {destination.connector!r} in this installation.")
    return found


class Templates:
    """Payloads of one connection and moment as JSON text, each shape of call built once and then filled in.

    Building and encoding a call for everybody would take most of the time of a large change.
    """

    def __init__(
        self,
        *,
        computation: Computation,
        integrations: Mapping[str, Any],
        enter_event: str,
        exit_event: str,
        now: datetime,
    ) -> None:
        self._computation = computation
        self._integrations = integrations
        self._events = {True: enter_event, False: exit_event}
        self._now = now
        self._parts: dict[tuple[Any, ...], list[str]] = {}

    def text(
        self,
        *,
        kind: CallKind,
        value: bool,
        identity: Identity,
        message_id: str,
        extra: Mapping[str, str] | None = None,
        json: str | None = None,
    ) -> str:
        """What `as_json(audience_call(…))` gives for this identity; `extra` are (dotted) names and JSON texts.

        `json` is the value of a trait as JSON text, in place of `value`; of a computation with columns an object of
        them, or "null" when there is no row any more.
        """
        user_id, anonymous_id, email = identity.user_id, identity.anonymous_id, identity.email
        if email is not None and user_id is None and anonymous_id is None:
            anonymous_id = email_anonymous_id(email)
        values = (user_id, anonymous_id, email, identity.device_id)
        names = tuple(extra) if extra else ()
        is_group = identity.group_id is not None
        is_row = json is not None and json != NO_VALUE and bool(self._computation.columns)
        shape = (
            kind,
            value,
            json is None,
            is_row,
            is_group,
            identity.device_type,
            names,
            *(one is None for one in values),
        )
        parts = self._parts.get(shape)
        if parts is None:
            shown: Any = value if json is None else ROW_PLACES if is_row else VALUE_PLACE
            parts = self._parts[shape] = self._build(kind, value, identity, values, names, shown=shown)
        filled = {PLACES[4]: f'"{message_id}"', VALUE_PLACE: json or "", ROW_PLACE: (json or "")[1:-1]}
        for place, one in zip(PLACES, values, strict=False):
            if one is not None:
                filled[place] = encode(one).decode()
        if is_group:
            filled[PLACES[5]] = encode(identity.group_id).decode()
        if extra:
            for number, text in enumerate(extra.values()):
                filled[extra_place(number)] = text
        return "".join([filled.get(part, part) for part in parts])

    def _build(
        self,
        kind: CallKind,
        value: bool,
        identity: Identity,
        values: tuple[str | None, ...],
        names: tuple[str, ...],
        *,
        shown: Any,
    ) -> list[str]:
        places = [None if one is None else place for one, place in zip(values, PLACES, strict=False)]
        call = audience_call(
            kind=kind,
            computation=self._computation,
            value=shown,
            identity=Identity(
                user_id=places[0],
                anonymous_id=places[1],
                email=places[2],
                device_id=places[3],
                device_type=identity.device_type,
                id_type=identity.id_type,
                group_id=None if identity.group_id is None else PLACES[5],
            ),
            event_name=self._events[value],
            integrations=self._integrations,
            message_id=PLACES[4],
            now=self._now,
            traits=nested({name: extra_place(number) for number, name in enumerate(names)}),
        )
        return SPLIT.split(as_json(call).decode())


def extra_place(number: int) -> str:
    return f"{_NONCE}-x{number}"


# Stand for user id, anonymous id, e-mail, device id, message id and group id; random, so that nobody's data holds them.
_NONCE = secrets.token_hex(8)
PLACES = tuple(f"{_NONCE}-{number}" for number in range(6))
VALUE_PLACE = f"{_NONCE}-v"
# Stands for all members of an object: name and value.
ROW_PLACES = {f"{_NONCE}-r": f"{_NONCE}-r"}
ROW_PLACE = f'{_NONCE}-r":"{_NONCE}-r'
SPLIT = re.compile(f'"({ROW_PLACE}|{_NONCE}-(?:[0-5]|v|x[0-9]+))"')
NO_VALUE = "null"
encode = msgspec.json.encode
