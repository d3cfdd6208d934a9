"""Storing the messages of one space: everything that `pipeline.py` does between the claim and the counters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from delivery.services.copying import copy_rows, escape
from engine.events import Call, epoch_ms
from engine.identity import NO_IDENTIFIERS, Extracted, Issue, Rules
from ingest.inbound import Mark, Message
from ingest.merging import merge_profiles
from ingest.message_keys import claim_keys
from ingest.resolving import Resolved, bind, extract_all, new_ids, new_segment_id, resolve
from profiles.models import EventType
from profiles.services.traits import TraitState, TraitWrite, lock_traits, store_traits

_encode = msgspec.json.encode
_encode_lines = msgspec.json.Encoder().encode_lines
NULL = "\\N"
DUPLICATE = "duplicate"
EVENT_TYPES = {"track": EventType.TRACK.value, "page": EventType.PAGE.value, "screen": EventType.SCREEN.value}


class MergeNeededError(Exception):
    """Profiles have to be merged, which needs the space alone."""


@dataclass(kw_only=True)
class Rejection:
    """A row of `rejected_message`."""

    space_id: int
    message: Message
    code: str
    detail: str


@dataclass(kw_only=True)
class Tally:
    """What a micro-batch counts and reports, written last because these rows are shared by all workers.

    `counts`: (space, source, hour) -> [received, stored, duplicate, rejected]. `marks`: what became of messages that
    were not simply stored, by the row of their request.
    """

    counts: dict[tuple[int, int, datetime], list[int]] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    issues: list[tuple[int, datetime, Issue, str | None]] = field(default_factory=list)
    calls: list[tuple[int, Call]] = field(default_factory=list)
    marks: dict[int, list[Mark]] = field(default_factory=dict)
    # (profile, message) that go on to destinations of their source; no profile: the space does not know the person.
    sent_on: list[tuple[int | None, Message]] = field(default_factory=list)
    has_changes: bool = False

    # The row of the request counted last: its messages come one after the other.
    _last: tuple[datetime, int, list[int]] | None = None

    def count(self, space_id: int, message: Message, place: int) -> None:
        last = self._last
        if last is None or last[0] is not message.received_at or last[1] != message.source_id:
            hour = message.received_at.replace(minute=0, second=0, microsecond=0)
            row = self.counts.setdefault((space_id, message.source_id, hour), [0, 0, 0, 0])
            last = self._last = (message.received_at, message.source_id, row)
        row = last[2]
        row[0] += 1
        row[place] += 1

    def reject(self, space_id: int, message: Message, code: str, detail: str) -> None:
        self.count(space_id, message, 3)
        self.mark(message, Mark(message.position, code, detail))
        self.rejections.append(Rejection(space_id=space_id, message=message, code=code, detail=detail))

    def mark(self, message: Message, mark: Mark) -> None:
        self.marks.setdefault(message.row_id, []).append(mark)

    def add(self, other: Tally) -> None:
        for key, row in other.counts.items():
            mine = self.counts.setdefault(key, [0, 0, 0, 0])
            for place, count in enumerate(row):
                mine[place] += count
        self.rejections += other.rejections
        self.issues += other.issues
        self.calls += other.calls
        self.sent_on += other.sent_on
        for row_id, found in other.marks.items():
            self.marks.setdefault(row_id, []).extend(found)
        self.has_changes = self.has_changes or other.has_changes


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """Messages of one space that are checked and counted: `fresh` are those to store, `found` their identifiers.

    `direct` are the sources whose events go on to destinations.
    """

    space_id: int
    fresh: list[Message]
    rules: Rules
    found: list[Extracted]
    tally: Tally
    direct: Collection[int]


def admit(space_id: int, messages: Sequence[Message], *, direct: Collection[int], now: datetime) -> Admitted:
    """Take in one space's messages: rejected ones are counted, duplicates found and counted, identifiers read."""
    tally = Tally()
    accepted = [message for message in messages if message.call is not None]
    if len(accepted) < len(messages):
        for message in messages:
            if message.call is None:
                tally.reject(space_id, message, message.code, message.detail)
    fresh: list[Message] = []
    for message, is_new in zip(accepted, claim_keys(space_id, accepted, now), strict=True):
        tally.count(space_id, message, 1 if is_new else 2)
        if not is_new:
            tally.mark(message, Mark(message.position, DUPLICATE))
        elif not message.is_named:
            tally.mark(message, Mark(message.position, given_id=message.message_id))
        if is_new and message.call is not None:
            if not message.call.is_kept_out and message.call.type != "alias":
                fresh.append(message)
            elif message.source_id in direct and not message.call.is_own:
                tally.sent_on.append((None, message))
    rules, found = extract_all(space_id, fresh)
    return Admitted(space_id=space_id, fresh=fresh, rules=rules, found=found, tally=tally, direct=direct)


def store(admitted: Admitted, *, is_alone: bool, now: datetime) -> None:
    """Store what was admitted, in the caller's transaction. `is_alone`: it holds the lock that merging needs.

    Raises MergeNeededError or IdentityConflictError before it has touched the tally, so that it can be called again.
    """
    space_id, fresh, found, tally = admitted.space_id, admitted.fresh, admitted.found, admitted.tally
    direct = admitted.direct
    resolved = resolve(space_id, admitted.rules, found, [message.received_at for message in fresh])
    resolver = resolved.resolver
    stored_merges = {merge.loser: resolver.current(merge.loser) for merge in resolver.merges if merge.loser > 0}
    if stored_merges and not is_alone:
        raise MergeNeededError
    created = [profile_id for profile_id in resolver.created if resolver.current(profile_id) == profile_id]
    numbers = dict(zip(created, new_ids(len(created)), strict=True)) if created else {}
    bind(space_id, resolved, numbers, fresh)
    for message, item in zip(fresh, found, strict=True):
        if item.issues:
            tally.issues += [(space_id, message.received_at, issue, message.message_id) for issue in item.issues]
    tally.issues += [
        (space_id, fresh[number].received_at, issue, fresh[number].message_id) for number, issue in resolver.issues
    ]

    batch = _Batch(space_id=space_id, now=now)
    links: set[tuple[int, int]] = set()
    for message, user, account in zip(fresh, resolved.users, resolved.accounts, strict=True):
        call = message.call
        if call is None or user is None:
            _unresolve(space_id, tally, message)
            continue
        profile_id = user if user > 0 else numbers[user]
        batch.touch(profile_id, message, call)
        if account is not None:
            account_id = account if account > 0 else numbers[account]
            links.add((account_id, profile_id))
            batch.touch(account_id, message, call, is_account=True)
        if message.source_id in direct:
            tally.sent_on.append((profile_id, message))
        tally.calls.append((space_id, call))
    by_number = {number: resolver.profiles[temporary].collection for temporary, number in numbers.items()}
    touched_traits = batch.write_profiles(by_number, stored_merges)
    merge_profiles(space_id=space_id, survivors=stored_merges, now=now)
    _link(space_id, links, now)
    batch.copy_events()
    batch.tell_audiences(touched_traits, set(stored_merges.values()), links, resolved, numbers)
    tally.has_changes = True


def _unresolve(space_id: int, tally: Tally, message: Message) -> None:
    """A message without a usable identifier: it was counted as stored, and is rejected after all."""
    hour = message.received_at.replace(minute=0, second=0, microsecond=0)
    row = tally.counts[space_id, message.source_id, hour]
    row[0] -= 1
    row[1] -= 1
    tally.reject(space_id, message, "no_user_anon_id", f"{NO_IDENTIFIERS}: every identifier is blocked or has no rule.")
    tally.issues.append((space_id, message.received_at, Issue(NO_IDENTIFIERS, "", ""), message.message_id))


def _link(space_id: int, links: set[tuple[int, int]], now: datetime) -> None:
    if not links:
        return
    rows = _encode([{"a": account_id, "p": profile_id} for account_id, profile_id in sorted(links)]).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO account_link (space_id, account_id, profile_id, created_at) SELECT %s, a, p, %s "
            "FROM json_to_recordset(%s) AS i(a bigint, p bigint) ORDER BY a, p ON CONFLICT DO NOTHING",
            [space_id, now, rows],
        )


class _Escaped(dict[str | None, str]):
    """Values as COPY reads them; the same names and people come again and again."""

    def __missing__(self, value: str | None) -> str:
        text = self[value] = NULL if value is None else escape(value)
        return text


def _json_texts(values: Sequence[dict[str, Any] | datetime], *, unquoted: bool = False) -> list[str]:
    """Each as JSON as COPY reads it, which has backslashes alone to escape. All at once costs half as much."""
    lines = _encode_lines(values).decode()
    if unquoted:
        lines = lines.replace('"', "")
    if "\\" in lines:
        lines = lines.replace("\\", "\\\\")
    return lines.split("\n")[:-1]


def _ids(ids: set[int]) -> str:
    return "{" + ",".join(map(str, sorted(ids))) + "}"


@dataclass(kw_only=True)
class _Batch:
    """What is collected per profile while the messages are walked once."""

    space_id: int
    now: datetime
    events: list[tuple[int, Message, Call]] = field(default_factory=list)
    writes: dict[int, list[TraitWrite]] = field(default_factory=dict)
    first: dict[int, Message] = field(default_factory=dict)
    last: dict[int, Message] = field(default_factory=dict)

    def touch(self, profile_id: int, message: Message, call: Call, *, is_account: bool = False) -> None:
        self.first.setdefault(profile_id, message)
        self.last[profile_id] = message
        if call.type in EVENT_TYPES:
            self.events.append((profile_id, message, call))
        elif call.traits and is_account == (call.type == "group"):
            at = epoch_ms(min(call.ts, message.received_at))  # a clock that runs ahead must not keep later calls out
            self.writes.setdefault(profile_id, []).append(TraitWrite(at, call.traits))

    def write_profiles(self, new: dict[int, int], merges: dict[int, int]) -> set[int]:
        """Insert the new profiles (id -> collection) and write traits. Returns the profiles whose traits changed."""
        wanted = (self.writes.keys() | merges.keys() | set(merges.values())) - new.keys()
        states = lock_traits(space_id=self.space_id, profile_ids=wanted)
        for profile_id in new:
            states[profile_id] = TraitState()
        for loser, winner in merges.items():
            states[winner].absorb(states.pop(loser))
        for profile_id, writes in self.writes.items():
            writes.sort(key=lambda write: write.at)
            for write in writes:
                states[profile_id].write(write)
        self._insert({profile_id: states.pop(profile_id) for profile_id in new}, new)
        last_ids = {
            profile_id: message.message_id
            for profile_id in states
            if (message := self.last.get(profile_id)) is not None and message.message_id is not None
        }
        store_traits(space_id=self.space_id, states=states, last_message_ids=last_ids, now=self.now)
        return {profile_id for profile_id in self.writes if profile_id in new or states[profile_id].changed}

    def _insert(self, states: dict[int, TraitState], new: dict[int, int]) -> None:
        if not states:
            return
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at, "
                "updated_at, first_message_id, last_message_id) FROM STDIN"
            ) as copy,
        ):
            for profile_id, state in states.items():
                first, last = self.first[profile_id], self.last[profile_id]
                copy.write_row(
                    (
                        self.space_id,
                        profile_id,
                        new[profile_id],
                        new_segment_id(new[profile_id]),
                        _encode(state.traits).decode(),
                        _encode(state.times).decode(),
                        0,
                        first.received_at,
                        first.received_at,
                        first.message_id,
                        last.message_id,
                    )
                )

    def copy_events(self) -> None:
        if not self.events:
            return
        properties = _json_texts([call.properties for _, _, call in self.events])
        contexts = _json_texts([call.context for _, _, call in self.events])
        # As JSON they are texts of figures and signs that COPY reads as they are.
        times = _json_texts([call.ts for _, _, call in self.events], unquoted=True)
        escaped = _Escaped()
        rows: list[str] = []
        last: datetime | None = None
        received = ""
        for (profile_id, message, call), ts, property_text, context in zip(
            self.events, times, properties, contexts, strict=True
        ):
            if last is not message.received_at:
                last = message.received_at
                received = last.isoformat()
            rows.append(
                f"{self.space_id}\t{profile_id}\t{EVENT_TYPES[call.type]}\t{escaped[call.name]}\t{ts}\t"
                f"{received}\t{message.source_id}\t{escape(message.message_id or '')}\t{escaped[call.user_id]}\t"
                f"{escaped[call.anonymous_id]}\t{property_text}\t{context if call.context else NULL}"
            )
        copy_rows(
            "event",
            "space_id, profile_id, type, name, ts, received_at, source_id, message_id, user_id, anonymous_id, "
            "properties, context",
            rows,
        )

    def tell_audiences(
        self,
        trait_profiles: set[int],
        survivors: set[int],
        links: set[tuple[int, int]],
        resolved: Resolved,
        numbers: dict[int, int],
    ) -> None:
        """Queue the touched profiles for evaluation: one row, and one for those of whom anything may have changed."""
        current = resolved.resolver.current
        whole = survivors | {profile_id for link in links for profile_id in link}
        for item in resolved.resolver.attached:
            profile_id = current(item.profile_id)
            whole.add(numbers.get(profile_id, profile_id))
        latest = max({message.received_at for _, message, _ in self.events}, default=self.now)
        names = {f"{kind}:{name}" for kind, name in {(call.type, call.name) for _, _, call in self.events}}
        keys = {key for profile_id in trait_profiles for write in self.writes[profile_id] for key in write.traits}
        touched = ({profile_id for profile_id, _, _ in self.events} | trait_profiles) - whole
        rows: list[tuple[Any, ...]] = []
        if touched:
            rows.append((self.space_id, _ids(touched), sorted(names), sorted(keys), latest))
        if whole:
            rows.append((self.space_id, _ids(whole), None, None, latest))
        with connection.cursor() as cursor:
            for row in rows:
                cursor.execute(
                    "INSERT INTO changed_profiles (space_id, profile_ids, events, traits, max_received_at) "
                    "VALUES (%s, %s::bigint[], %s, %s, %s)",
                    row,
                )
