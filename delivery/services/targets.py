"""Which identifiers of a profile a change is sent for (destinations-and-sync.md §5)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection as database

from delivery.models import Connection
from delivery.services.copying import bigint_array
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from engine.payloads import Identity, email_anonymous_id

USER_ID, EMAIL, ANONYMOUS_ID = "user_id", "email", "anonymous_id"
GROUP_ID = "group_id"
MOBILE_TYPES = {"ios.idfa": "ios", "android.idfa": "android"}
LOOKED_UP = [USER_ID, EMAIL, ANONYMOUS_ID, *MOBILE_TYPES]
# Of the profile's identifiers, those that have a place of their own in a call.
STANDARD = frozenset(LOOKED_UP)

# `sent_value` of a user id that had no call of its own, since e-mail calls carried it: a run over all members passes it
# over, and an exit needs no call for it either.
CARRIED = '"carried"'
# `sent_value` of a member who has none of the identifiers that the connection sends: one gained later is sent.
NOBODY_YET = ("", "")
UNSENT = '"unsent"'

# One identifier: (type, value as the caller wrote it).
Identifier = tuple[str, str]


@dataclass(slots=True)
class Identifiers:
    """The identifiers of one profile by type, oldest first. `newest_types` are the types, the latest added last."""

    values: dict[str, list[str]] = field(default_factory=dict)
    newest_types: list[str] = field(default_factory=list)

    def latest(self, id_type: str) -> str | None:
        found = self.values.get(id_type)
        return found[-1] if found else None

    def add(self, id_type: str, value: str) -> None:
        self.values.setdefault(id_type, []).append(value)
        if not self.newest_types or self.newest_types[-1] != id_type:
            self.newest_types.append(id_type)

    def with_newest_of(self, types: Sequence[str]) -> Identifiers:
        """Of `types` only the value that was added last; everything else stays."""
        in_order = self.newest_types or list(self.values)
        newest = next((one for one in reversed(in_order) if one in types and self.values.get(one)), None)
        kept = {id_type: values for id_type, values in self.values.items() if id_type not in types}
        return Identifiers(kept if newest is None else {**kept, newest: self.values[newest][-1:]}, self.newest_types)


NOBODY = Identifiers()


@dataclass(frozen=True, slots=True)
class IdSync:
    """The identifiers that a Customized Setup chose (§6): only these are sent, by their strategies."""

    strategies: dict[str, str]
    names: dict[str, str]

    @property
    def types(self) -> list[str]:
        return list(self.strategies)

    def chosen(self, own: Identifiers) -> Identifiers:
        found: dict[str, list[str]] = {}
        for id_type, strategy in self.strategies.items():
            values = own.values.get(id_type)
            if values:
                found[id_type] = values if strategy == "all" else [values[0 if strategy == "first" else -1]]
        return Identifiers(found)

    def leaving(self, own: Identifiers, sent: dict[Identifier, str]) -> Identifiers:
        """What exits say besides their own identifier: as `chosen`, and the user ids that were ever sent."""
        found = self.chosen(own)
        user_ids = [value for value in own.values.get(USER_ID, ()) if (USER_ID, value) in sent]
        return Identifiers({**found.values, **({USER_ID: user_ids} if user_ids else {})})

    def placed(self, identifier: Identifier) -> tuple[str, str] | None:
        """(name, value) to be added for this identifier, besides its standard place."""
        return placed(identifier, self.names.get(identifier[0], identifier[0]))


def placed(identifier: Identifier, name: str) -> tuple[str, str] | None:
    id_type, value = identifier
    return None if id_type in STANDARD and name == id_type else (name, value)


def id_sync_of(connection: Connection) -> IdSync | None:
    """None: the default identifiers, all their values."""
    if connection.setup != Connection.Setup.CUSTOMIZED or not connection.identifier_mappings:
        return None
    rows = connection.identifier_mappings
    return IdSync(
        strategies={row["segment"]: row["strategy"] for row in rows},
        names={row["segment"]: row["destination"] for row in rows},
    )


def looked_up(connections: Sequence[Connection]) -> list[str]:
    """The identifier types that calls of these connections may need; those sent earlier, for exits, are known."""
    custom = {row["segment"] for one in connections for row in one.identifier_mappings}
    return [*LOOKED_UP, *sorted(custom - STANDARD)]


def load_identifiers(
    *, space_id: int, profile_ids: Iterable[int], types: Sequence[str] = LOOKED_UP
) -> dict[int, Identifiers]:
    found: dict[int, Identifiers] = {}
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, id_type, original FROM external_id WHERE space_id = %s "
            "AND profile_id = ANY(%s::bigint[]) AND id_type = ANY(%s) ORDER BY profile_id, created_at, value",
            [space_id, bigint_array(profile_ids), list(types)],
        )
        for profile_id, id_type, value in cursor.fetchall():
            own = found.get(profile_id)
            if own is None:
                own = found[profile_id] = Identifiers()
            own.add(id_type, value)
    return found


def load_sent(*, space_id: int, connection_id: int, profile_ids: Iterable[int]) -> dict[int, dict[Identifier, str]]:
    """What was last emitted per profile and identifier, as JSON text ("true")."""
    found: dict[int, dict[Identifier, str]] = defaultdict(dict)
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, id_type, id_value, value::text FROM sent_value "
            "WHERE space_id = %s AND connection_id = %s AND profile_id = ANY(%s::bigint[]) "
            "ORDER BY sent_at, id_type, id_value",
            [space_id, connection_id, bigint_array(profile_ids)],
        )
        for profile_id, id_type, id_value, value in cursor.fetchall():
            found[profile_id][id_type, id_value] = value
    return found


def definition_of(connection: Connection) -> DestinationDefinition | None:
    return catalog.definition(connection.destination.connector)


def allowed_types(connection: Connection) -> list[str]:
    """The identifier types that calls are made for when no Customized Setup chose any."""
    types = [USER_ID, EMAIL]
    if connection.include_anonymous:
        types.append(ANONYMOUS_ID)
    if connection.send_mobile_ids:
        types += MOBILE_TYPES
    definition = definition_of(connection)
    if definition is None or not definition.entry_identifiers or _sends_traits(connection):
        return types
    return [id_type for id_type in types if id_type in definition.entry_identifiers]


def newest_only(connection: Connection, types: Sequence[str]) -> list[str]:
    """Of which types an entry is made for the most recently added value alone; mostly none (F130)."""
    definition = definition_of(connection)
    if definition is None or not definition.newest_identifier_only:
        return []
    return [id_type for id_type in types if id_type in definition.entry_identifiers]


def _sends_traits(connection: Connection) -> bool:
    """Traits may hold what a vendor finds people by (a phone number), so that a bare user id is worth a call."""
    return connection.setup == Connection.Setup.CUSTOMIZED and bool(connection.trait_mappings)


def entering(
    *, identifiers: Identifiers, types: list[str], sent: dict[Identifier, str], is_first_sync: bool
) -> list[Identifier]:
    """Identifiers that have not been sent as entered.

    After the first sync the latest user id does not get a call of its own when e-mail calls carry it.
    """
    if not sent and len(identifiers.values) == 1 and USER_ID in identifiers.values and USER_ID in types:
        return [(USER_ID, value) for value in identifiers.values[USER_ID]]
    wanted = [
        (id_type, value)
        for id_type in types
        for value in identifiers.values.get(id_type, ())
        if sent.get((id_type, value)) != "true"
    ]
    if identifiers.values.get(EMAIL):
        wanted = [identifier for identifier in wanted if sent.get(identifier) != CARRIED]
    if not is_first_sync and len(wanted) > 1 and any(id_type == EMAIL for id_type, _value in wanted):
        carried = (USER_ID, identifiers.latest(USER_ID))
        wanted = [identifier for identifier in wanted if identifier != carried]
    return wanted


def carried(*, identifiers: Identifiers, sent: dict[Identifier, str], wanted: list[Identifier]) -> Identifier | None:
    """The user id that goes out with e-mail calls only, when that is not known yet."""
    user_id = identifiers.latest(USER_ID)
    if user_id is None or not any(id_type == EMAIL for id_type, _value in wanted):
        return None
    identifier = (USER_ID, user_id)
    return None if identifier in wanted or sent.get(identifier) in ("true", CARRIED) else identifier


def leaving(*, sent: dict[Identifier, str]) -> list[Identifier]:
    """Every identifier that was sent as entered, whatever the settings say now."""
    return [identifier for identifier, value in sent.items() if value == "true"]


def trait_sent(before: dict[Identifier, str], *, value: bool, json: str) -> dict[Identifier, str]:
    """What was sent of a trait, in the words of a membership: "true" is what a new call would only repeat.

    `sent_value` holds a trait's value in a list of one, so that a text never looks like one of the marks above.
    Without a value, "true" are the identifiers that were sent one.
    """
    marks = (CARRIED, UNSENT, "false")
    if value:
        return {one: text if text in marks else _as_flag(text == f"[{json}]") for one, text in before.items()}
    return {one: text if text in marks else _as_flag(text != "[null]") for one, text in before.items()}


def _as_flag(value: bool) -> str:
    return "true" if value else "false"


def has_any(*, identifiers: Identifiers, types: list[str]) -> bool:
    return any(identifiers.values.get(id_type) for id_type in types)


def identity_of(identifier: Identifier, identifiers: Identifiers) -> Identity:
    """Where the identifier goes in the call, and who it says it is about."""
    id_type, value = identifier
    if id_type == USER_ID:
        return Identity(user_id=value)
    if id_type == GROUP_ID:
        return Identity(group_id=value, id_type=GROUP_ID)
    if id_type == EMAIL:
        return Identity(email=value, user_id=identifiers.latest(USER_ID), id_type=EMAIL)
    if id_type == ANONYMOUS_ID:
        return Identity(anonymous_id=value, id_type=ANONYMOUS_ID)
    user_id = identifiers.latest(USER_ID)
    anonymous_id = None
    if user_id is None:
        email = identifiers.latest(EMAIL)
        anonymous_id = identifiers.latest(ANONYMOUS_ID) or (email_anonymous_id(email) if email else None)
    device_type = MOBILE_TYPES.get(id_type)
    if device_type is None:
        if user_id is None and anonymous_id is None:
            anonymous_id = other_anonymous_id(identifier)
        return Identity(user_id=user_id, anonymous_id=anonymous_id, id_type=id_type)
    if user_id is None and anonymous_id is None:
        anonymous_id = value
    return Identity(
        user_id=user_id, anonymous_id=anonymous_id, device_id=value, device_type=device_type, id_type=id_type
    )


def other_anonymous_id(identifier: Identifier) -> str:
    """Whom a call names that carries nothing but an identifier of the space's own (like `eml_…` of an e-mail)."""
    text = ":".join(identifier).encode("utf-8", "surrogatepass")
    return "ext_" + hashlib.sha1(text, usedforsecurity=False).hexdigest()
