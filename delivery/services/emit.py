"""From membership changes to calls in the outbox, in the transaction that made the changes (design.md §6).

Per connection and change one call for each identifier (`targets`), compared with what was last sent: no repeats, and
exits only to those who were sent as entered. Event destinations get `delivery` rows, list destinations net changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from django.db import connection as database
from django.db.models import QuerySet

from common.locks import LockClass
from common.tasks import enqueue
from delivery.models import Connection, Outcome
from delivery.services import account_members, counters, emit_lists, engage_sources, skipping, tallies
from delivery.services.account_members import GROUP_ID
from delivery.services.calls import (
    Call,
    Templates,
    call_kinds,
    computation_of,
    connector_of,
    encode,
    leaving_event,
    message_ids,
)
from delivery.services.copying import copy_rows, escape
from delivery.services.counters import Count
from delivery.services.engage_sources import Routing
from delivery.services.enrichment import Enriched, Values, enriched_by, extra_of, load_values
from delivery.services.sent_values import Noted, note, remember
from delivery.services.tallies import Tally
from delivery.services.targets import (
    CARRIED,
    NOBODY,
    NOBODY_YET,
    UNSENT,
    Identifier,
    Identifiers,
    IdSync,
    allowed_types,
    carried,
    entering,
    has_any,
    id_sync_of,
    identity_of,
    leaving,
    load_identifiers,
    load_sent,
    looked_up,
    newest_only,
    trait_sent,
)
from delivery.tasks import deliver, sync_lists
from engine.payloads import CallKind, integrations_for
from profiles.models import ACCOUNTS
from spaces.models import Space

SLICE = 5_000
NO_IDENTIFIER = "NO_IDENTIFIER"
NO_IDENTIFIER_DETAIL = (
    "The profile has none of the identifiers that this connection sends: no user id and no e-mail address. It is sent "
    "when it gains one."
)
NO_KNOWN_IDENTIFIER_DETAIL = (
    "The profile has none of the identifiers that {name} finds people by: {types}. It is sent when it gains one."
)
NO_CHOSEN_IDENTIFIER_DETAIL = (
    "The profile has none of the identifiers that ID Sync chose for this connection: {types}. It is sent when it gains "
    "one."
)
NO_GROUP_ID_DETAIL = "The account has no group id that a Group call could carry. It is sent when it gains one."
NULL = "\\N"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The new value of a computation for one profile.

    Of an audience `value` says whether the profile is in it. Of a trait it says whether there is a value, and `json`
    is the value as JSON text ("null" without one).
    """

    profile_id: int
    value: bool
    json: str | None = None

    def for_profile(self, profile_id: int) -> Change:
        return Change(profile_id=profile_id, value=self.value, json=self.json)


Part = Literal["all", "accounts", "users"]


def connected_computations(*, space: Space, computation_ids: Sequence[str]) -> set[str]:
    """Which of these computations have a connection that `emit_changes` has something to do for."""
    if not computation_ids:
        return set()
    wanted = _switched_on(space).filter(computation_id__in=computation_ids)
    return set(wanted.order_by().values_list("computation_id", flat=True))


def _switched_on(space: Space) -> QuerySet[Connection]:
    return Connection.objects.in_space(space).filter(removed_at=None, is_enabled=True, destination__deleted_at=None)


def emit_changes(
    *,
    space: Space,
    computation_id: str,
    changes: Sequence[Change],
    now: datetime,
    connections: Sequence[Connection] | None = None,
    is_first_sync: bool = False,
    only: Mapping[int, Sequence[Identifier]] | None = None,
    part: Part = "all",
) -> int:
    """Queue the calls that these changes cause; returns how many. Runs inside the caller's transaction.

    `only` names the identifiers of each profile that are sent, whatever was sent before: a repair.

    Changes of accounts are sent for the account (Group) and for its users; `part` "accounts" leaves the users out, and
    with "users" the changes are those of users already.

    Paused and removed connections and deleted destinations are passed over: nothing is queued for them. What a
    disabled destination misses is recorded (`skipping`).
    """
    switched_on = list(
        _switched_on(space)
        .filter(computation_id=computation_id)
        .select_related("destination", "destination__always_sent")
        .order_by("id")
    )
    live = [one for one in switched_on if one.destination.is_enabled]
    resting = skipping.skipped(switched_on) if changes and connections is None else []
    chosen = live if connections is None else [one for one in live if one.pk in {given.pk for given in connections}]
    chosen = [*chosen, *resting]
    if is_first_sync:
        # F126: a tool without a past is told of those who enter from now on.
        chosen = [one for one in chosen if connector_of(one.destination).has_history]
    if not chosen or not changes:
        return 0
    routing = engage_sources.routing(space)
    names = {one.pk: _addressed(one, live if one.destination.is_enabled else chosen, routing) for one in chosen}
    with database.cursor() as cursor:
        for connection in chosen:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LockClass.EMISSION, connection.pk])
    emitted, first_id = 0, tallies.last_id()
    enriched = {one.pk: enriched_by(one, connector_of(one.destination)) for one in chosen}
    for round_ in _rounds(space, chosen, changes, part=part, now=now):
        id_types = [GROUP_ID] if round_.is_group else looked_up(round_.connections)
        paths = list({trait.path: None for one in round_.connections for trait in enriched[one.pk]})
        for start in range(0, len(round_.changes), SLICE):
            block = round_.changes[start : start + SLICE]
            ids = [change.profile_id for change in block]
            identifiers = load_identifiers(space_id=space.pk, profile_ids=ids, types=id_types)
            values = load_values(space_id=space.pk, profile_ids=ids, paths=paths)
            for connection in round_.connections:
                emitted += _emit_block(
                    space=space,
                    connection=connection,
                    names=names[connection.pk],
                    routing=routing,
                    changes=block,
                    identifiers=identifiers,
                    enriched=enriched[connection.pk],
                    values=values,
                    now=now,
                    is_first_sync=is_first_sync,
                    only=only,
                    is_group=round_.is_group,
                )
    _wake([one for one in chosen if one.destination.is_enabled])
    return emitted - sum(skipping.skip(connection, after_id=first_id, now=now) for connection in resting)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Round:
    """Changes of one kind of profile over some connections. `is_group`: of accounts, sent by Group."""

    connections: Sequence[Connection]
    changes: Sequence[Change]
    is_group: bool = False


def _rounds(
    space: Space, connections: Sequence[Connection], changes: Sequence[Change], *, part: Part, now: datetime
) -> list[_Round]:
    users = [one for one in connections if one.collection != ACCOUNTS or part == "users"]
    rounds = [_Round(connections=users, changes=changes)] if users else []
    for connection in connections:
        if connection.collection != ACCOUNTS or part == "users":
            continue
        account_members.mark(space=space, connection=connection, changes=changes, now=now)
        is_list = connector_of(connection.destination).kind == "list"
        if connection.send_group and not is_list:
            rounds.append(_Round(connections=[connection], changes=changes, is_group=True))
        if part == "all" and (is_list or call_kinds(connection)):
            own = account_members.of_users(space=space, connection=connection, changes=changes)
            rounds.append(_Round(connections=[connection], changes=own))
    return rounds


def _emit_block(
    *,
    space: Space,
    connection: Connection,
    names: list[str],
    routing: Routing,
    changes: Sequence[Change],
    identifiers: dict[int, Identifiers],
    enriched: Sequence[Enriched],
    values: Values,
    now: datetime,
    is_first_sync: bool,
    only: Mapping[int, Sequence[Identifier]] | None,
    is_group: bool,
) -> int:
    sent = load_sent(
        space_id=space.pk, connection_id=connection.pk, profile_ids=[change.profile_id for change in changes]
    )
    id_sync = None if is_group else id_sync_of(connection)
    types = allowed_types(connection) if id_sync is None else id_sync.types
    newest = newest_only(connection, types)
    if is_group:
        # F142: one call an account, also when several group ids were merged into it.
        types = newest = [GROUP_ID]
    calls: list[Call] = []
    unknown: list[int] = []
    noted = Noted()
    for change in changes:
        own = identifiers.get(change.profile_id, NOBODY)
        before = _sent_before(sent, change)
        if change.value and newest:
            own = own.with_newest_of(newest)
        if id_sync is not None:
            own = id_sync.chosen(own) if change.value else id_sync.leaving(own, before)
        chosen = None if only is None else list(only.get(change.profile_id, ()))
        if change.value:
            wanted = chosen or entering(identifiers=own, types=types, sent=before, is_first_sync=is_first_sync)
            is_unknown = not wanted and not has_any(identifiers=own, types=types)
            if is_unknown:
                unknown.append(change.profile_id)
            _note_entry(noted, change.profile_id, own=own, before=before, wanted=wanted, is_unknown=is_unknown)
        else:
            wanted = chosen or leaving(sent=before)
            if NOBODY_YET in before:
                noted.add(change.profile_id, NOBODY_YET, "false")
        if not wanted:
            continue
        found = extra_of(enriched, values.get(change.profile_id, {})) if enriched else None
        calls += [
            Call(
                profile_id=change.profile_id,
                identifier=identifier,
                identifiers=own,
                value=change.value,
                was_sent=identifier in before,
                json=change.json,
                extra=found if id_sync is None else _with_identifier(found, id_sync, identifier),
            )
            for identifier in wanted
        ]
    emitted: Counter[tuple[str, str]] = Counter()
    before_id = tallies.last_id()
    if calls:
        if connector_of(connection.destination).kind == "list":
            emitted = emit_lists.queue(space=space, connection=connection, names=names, calls=calls, now=now)
        else:
            kinds: list[CallKind] = ["group"] if is_group else call_kinds(connection)
            emitted = _queue(space=space, connection=connection, kinds=kinds, names=names, calls=calls, now=now)
        remember(space=space, connection=connection, calls=calls, now=now)
    note(space=space, connection=connection, noted=noted, now=now)
    detail = NO_GROUP_ID_DETAIL if is_group else _unknown_detail(connection, types if id_sync is not None else None)
    kind = "group" if is_group else _kind_of_unknown(connection)
    _count(
        space=space, connection=connection, emitted=emitted.total(), unknown=unknown, kind=kind, detail=detail, now=now
    )
    passed_over = routing.passed_over(connection.destination_id, names, now=now)
    _tally(connection, emitted, unknown=len(unknown), kind=kind, passed_over=passed_over, before_id=before_id, now=now)
    return emitted.total()


def _sent_before(sent: Mapping[int, dict[Identifier, str]], change: Change) -> dict[Identifier, str]:
    before = sent.get(change.profile_id, {})
    return before if change.json is None else trait_sent(before, value=change.value, json=change.json)


def _addressed(connection: Connection, live: Sequence[Connection], routing: Routing) -> list[str]:
    """The names in `integrations`: what the computation is connected to on the Engage source of the connection."""
    near = routing.same_source(connection.destination_id, [one.destination_id for one in live])
    return list(dict.fromkeys(connector_of(one.destination).name for one in live if one.destination_id in near))


def _unknown_detail(connection: Connection, chosen: Sequence[str] | None) -> str:
    """Why a profile is sent nothing; `chosen` are the types that ID Sync chose."""
    if chosen is not None:
        return NO_CHOSEN_IDENTIFIER_DETAIL.format(types=", ".join(chosen))
    definition = connector_of(connection.destination)
    if not definition.entry_identifiers:
        return NO_IDENTIFIER_DETAIL
    return NO_KNOWN_IDENTIFIER_DETAIL.format(name=definition.name, types=", ".join(definition.entry_identifiers))


def _note_entry(
    noted: Noted,
    profile_id: int,
    *,
    own: Identifiers,
    before: dict[Identifier, str],
    wanted: list[Identifier],
    is_unknown: bool,
) -> None:
    """Keep what an entry says of identifiers without a call: the user id that e-mails carry, and that there is none."""
    if is_unknown:
        noted.add(profile_id, NOBODY_YET, UNSENT)
    elif before.get(NOBODY_YET) == UNSENT:
        noted.add(profile_id, NOBODY_YET, "false")
    if with_mail := carried(identifiers=own, sent=before, wanted=wanted):
        noted.add(profile_id, with_mail, CARRIED)


def _with_identifier(found: dict[str, str] | None, id_sync: IdSync, identifier: Identifier) -> dict[str, str] | None:
    placed = id_sync.placed(identifier)
    if placed is None:
        return found
    name, value = placed
    return {**(found or {}), name: encode(value).decode()}


def _queue(
    *,
    space: Space,
    connection: Connection,
    kinds: Sequence[CallKind],
    names: list[str],
    calls: list[Call],
    now: datetime,
) -> Counter[tuple[str, str]]:
    """Returns how many calls of each (kind, event name)."""
    templates = Templates(
        computation=computation_of(space, connection),
        integrations=integrations_for(names),
        enter_event=connection.enter_event,
        exit_event=leaving_event(connection),
        now=now,
    )
    ids = iter(message_ids(len(calls) * len(kinds)))
    prefix = f"{space.pk}\t{connection.destination_id}\t{connection.pk}\t"
    suffix = f"\t{now.isoformat()}\t{now.isoformat()}"
    rows: list[str] = []
    queued: Counter[tuple[str, str]] = Counter()
    events = {True: connection.enter_event, False: leaving_event(connection)}
    columns = {value: _column(event) for value, event in events.items()}
    for call in calls:
        identity = identity_of(call.identifier, call.identifiers)
        for kind in kinds:
            message_id = next(ids)
            payload = templates.text(
                kind=kind, value=call.value, identity=identity, message_id=message_id, extra=call.extra, json=call.json
            )
            if "\\" in payload:
                payload = payload.replace("\\", "\\\\")
            event = columns[call.value] if kind == "track" else NULL
            rows.append(f"{prefix}{call.profile_id}\t{message_id}\t{kind}\t{event}\t{payload}{suffix}")
            queued[kind, events[call.value] if kind == "track" else ""] += 1
    copy_rows(
        "delivery",
        "space_id, destination_id, connection_id, profile_id, message_id, kind, event, payload, created_at, "
        "next_attempt_at",
        rows,
    )
    return queued


def _column(text: str) -> str:
    return escape(text.replace("\x00", "\ufffd"))


def _count(
    *,
    space: Space,
    connection: Connection,
    emitted: int,
    unknown: list[int],
    kind: str,
    detail: str,
    now: datetime,
) -> None:
    """The books: what was queued, and whom nothing can be sent to (filtered, with a reason, in the log)."""
    counts = [Count.of(connection, counters.EMITTED, calls=emitted + len(unknown))]
    if unknown:
        counts.append(Count.of(connection, Outcome.FILTERED, reason=NO_IDENTIFIER, calls=len(unknown)))
        time = now.isoformat()
        with database.cursor() as cursor:
            cursor.execute("SELECT nextval('delivery_id_seq') FROM generate_series(1, %s)", [len(unknown)])
            ids = [row[0] for row in cursor.fetchall()]
        rows = [
            f"{space.pk}\t{row_id}\t{connection.destination_id}\t{connection.pk}\t{profile_id}\t{message_id}\t{kind}"
            f"\t{{}}\t{time}\t{time}\t0\tfiltered\t{NO_IDENTIFIER}\t{escape(detail)}"
            for row_id, profile_id, message_id in zip(ids, unknown, message_ids(len(unknown)), strict=True)
        ]
        copy_rows(
            "delivery_log",
            "space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload, created_at, "
            "finished_at, attempts, outcome, reason, detail",
            rows,
        )
    counters.add(counts, now=now)


def _tally(
    connection: Connection,
    emitted: Counter[tuple[str, str]],
    *,
    unknown: int,
    kind: str,
    passed_over: Sequence[int],
    before_id: int,
    now: datetime,
) -> None:
    """The overview: what was emitted, and that it passed the other destinations of the Engage source (F042)."""
    if not emitted and not unknown:
        return
    ids = {"first_id": before_id, "last_id": tallies.last_id()}
    counted = [
        Tally.of(connection, tallies.EMITTED, created_at=now, kind=one, event=event, calls=calls, **ids)
        for (one, event), calls in emitted.items()
    ]
    if unknown:
        counted.append(Tally.of(connection, tallies.EMITTED, created_at=now, kind=kind, calls=unknown, **ids))
        counted.append(
            Tally.of(connection, Outcome.FILTERED, created_at=now, kind=kind, reason=NO_IDENTIFIER, calls=unknown)
        )
    tallies.add(
        [
            *counted,
            *(
                replace(
                    Tally.of(
                        connection, tallies.UNADDRESSED, created_at=now, kind=one, event=event, calls=calls, **ids
                    ),
                    destination_id=destination_id,
                )
                for destination_id in passed_over
                for (one, event), calls in emitted.items()
            ),
        ]
    )


def _kind_of_unknown(connection: Connection) -> str:
    return "track" if connection.send_track else "identify"


def _wake(connections: Sequence[Connection]) -> None:
    by_kind: dict[str, set[str]] = defaultdict(set)
    for one in connections:
        by_kind[connector_of(one.destination).kind].add(str(one.destination_id))
    if "event" in by_kind:
        enqueue(deliver, words=by_kind["event"])
    if "list" in by_kind:
        enqueue(sync_lists)
