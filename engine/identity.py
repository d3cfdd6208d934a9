"""Identity rules: which identifiers a call carries, and what they do to the profiles (ingestion-and-profiles.md §4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from engine.events import LONGEST_ID, Call

USERS = 0
ACCOUNTS = 1
MOST_MERGES = 100
MOST_MAPPINGS = 1_000
# Of each rule's values: how many are remembered as read, and how long they may be.
MOST_REMEMBERED = 10_000
LONGEST_REMEMBERED = 100
PERIODS = {"weekly": timedelta(days=7), "monthly": timedelta(days=30), "annually": timedelta(days=365)}
# ingestion-and-profiles.md §4.2: suggested for every identifier.
SUGGESTED_BLOCKS: tuple[dict[str, str], ...] = (
    {"kind": "regex", "value": "^[0-]*$"},
    {"kind": "exact", "value": "-1"},
    {"kind": "exact", "value": "null"},
    {"kind": "exact", "value": "anonymous"},
)
DEFAULT_TYPES = (
    "user_id",
    "email",
    "android.id",
    "android.idfa",
    "android.push_token",
    "anonymous_id",
    "ga_client_id",
    "ios.id",
    "ios.idfa",
    "ios.push_token",
)

NO_IDENTIFIERS = "No matching identifiers on event"
LIMIT_EXCEEDED = "Identifier value limit exceeded"
TIME_LIMIT_EXCEEDED = "Identifier value time limit exceeded"
BLOCKED = "ID value blocked"
MERGE_LIMIT_EXCEEDED = "Profile merge limit exceeded"
MAPPING_LIMIT_EXCEEDED = "Identifier mapping limit exceeded"


class Identifier(NamedTuple):
    """How an identifier is looked up: `value` is lower case."""

    collection: int
    id_type: str
    value: str


class Found(NamedTuple):
    """An identifier of a call; `original` is what the caller sent."""

    key: Identifier
    original: str


class Issue(NamedTuple):
    violation: str
    id_type: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule of one identifier type. `trait_key` names a trait or property that also holds it, "" = none."""

    id_type: str
    collection: int = USERS
    value_limit: int = 5
    period: str = "ever"
    priority: int = 3
    exact_blocks: frozenset[str] = frozenset()
    regex_blocks: tuple[re.Pattern[str], ...] = ()
    trait_key: str = ""
    # Values read lately: the same people come again and again, and reading one costs ten look-ups.
    _read: dict[str, Found | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def blocks(self, value: str) -> bool:
        if value in self.exact_blocks:
            return True
        for pattern in self.regex_blocks:  # noqa: SIM110 - any() costs three times as much, for every identifier
            if pattern.search(value):
                return True
        return False

    def read(self, value: str) -> Found | None:
        """The identifier that a call means by `value`; None when it is blocked or too long."""
        try:
            return self._read[value]
        except KeyError:
            pass
        lower = value.lower()
        is_usable = len(lower) <= LONGEST_ID and not self.blocks(lower)
        found = Found(Identifier(self.collection, self.id_type, lower), value) if is_usable else None
        if len(value) <= LONGEST_REMEMBERED:
            if len(self._read) >= MOST_REMEMBERED:
                self._read.clear()
            self._read[value] = found
        return found


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All identifier rules of a space, by (collection, type)."""

    by_type: Mapping[tuple[int, str], Rule]
    placed: tuple[Rule, ...] = field(default=())


def make_rule(
    *,
    id_type: str,
    collection: int,
    value_limit: int,
    period: str,
    priority: int,
    blocked_values: Iterable[Mapping[str, str]],
    trait_key: str = "",
) -> Rule:
    """A rule with its blocked values compiled; a pattern that does not compile blocks nothing."""
    exact: set[str] = set()
    patterns: list[re.Pattern[str]] = []
    for block in blocked_values:
        if block.get("kind") == "exact":
            exact.add(block.get("value", "").lower())
            continue
        try:
            patterns.append(re.compile(block.get("value", ""), re.IGNORECASE))
        except re.error:
            continue
    return Rule(
        id_type=id_type,
        collection=collection,
        value_limit=value_limit,
        period=period,
        priority=priority,
        exact_blocks=frozenset(exact),
        regex_blocks=tuple(patterns),
        trait_key=trait_key,
    )


def make_rules(rules: Iterable[Rule]) -> Rules:
    every = tuple(rules)
    return Rules(
        by_type={(rule.collection, rule.id_type): rule for rule in every},
        placed=tuple(rule for rule in every if rule.trait_key and rule.collection == USERS),
    )


def default_limit(id_type: str) -> int:
    return 1 if id_type == "user_id" else 5


def default_priorities(id_types: Iterable[str]) -> dict[str, int]:
    """user_id 1, email 2, the rest alphabetical from 3."""
    rest = sorted(set(id_types) - {"user_id", "email"})
    return {"user_id": 1, "email": 2} | {name: place for place, name in enumerate(rest, start=3)}


def default_rules() -> Rules:
    priorities = default_priorities(DEFAULT_TYPES)
    users = [
        make_rule(
            id_type=name,
            collection=USERS,
            value_limit=default_limit(name),
            period="ever",
            priority=priorities[name],
            blocked_values=SUGGESTED_BLOCKS,
        )
        for name in DEFAULT_TYPES
    ]
    group = make_rule(
        id_type="group_id",
        collection=ACCOUNTS,
        value_limit=5,
        period="ever",
        priority=1,
        blocked_values=SUGGESTED_BLOCKS,
    )
    return make_rules([*users, group])


class Extracted(msgspec.Struct, gc=False):
    """What a call says about who it is: identifiers of the user and (group calls) of the account."""

    users: list[Found]
    accounts: list[Found]
    issues: list[Issue]
    unknown_types: set[tuple[int, str]]


# Fields of the context that may hold identifiers.
_CONTEXT_PLACES = frozenset({"traits", "device", "integrations", "externalIds"})


def has_ids_alone(call: Call, rules: Rules) -> bool:
    """Whether userId and anonymousId are the only identifiers that `extract` can find in the call."""
    return (
        not call.traits
        and call.group_id is None
        and not rules.placed
        and "email" not in call.properties
        and _CONTEXT_PLACES.isdisjoint(call.context)
    )


_EXTERNAL_TYPE = re.compile(r"[a-z0-9_][a-z0-9_.\-]{0,59}")


def extract(call: Call, rules: Rules) -> Extracted:  # noqa: PLR0912 - one branch for each place
    """The identifiers of a call in the places of §4.1, blocked ones dropped. `unknown_types` have no rule yet."""
    found = Extracted([], [], [], set())
    if call.user_id is not None:
        _add(found, rules, USERS, "user_id", call.user_id)
    if call.anonymous_id is not None:
        _add(found, rules, USERS, "anonymous_id", call.anonymous_id)
    context = call.context
    context_traits = context.get("traits") if context else None
    places: list[dict[str, Any]] = [call.properties]
    if call.traits and call.type != "group":  # the traits of a group call are the account's
        places.append(call.traits)
    if isinstance(context_traits, dict):
        places.append(context_traits)
    for place in places:
        if "email" in place:
            _add(found, rules, USERS, "email", place["email"])
    for rule in rules.placed:
        for place in places:
            for key in _spellings(rule.trait_key):
                if key in place:
                    _add(found, rules, USERS, rule.id_type, place[key])
    if "device" in context or "integrations" in context:
        _add_from_context(found, rules, context)
    if "externalIds" in context:
        _add_external(found, rules, call)
    if call.group_id is not None:
        _add(found, rules, ACCOUNTS, "group_id", call.group_id)
    return found


def _add(found: Extracted, rules: Rules, collection: int, id_type: str, value: Any) -> None:
    rule = rules.by_type.get((collection, id_type))
    if rule is None or not isinstance(value, str) or not value:
        return
    read = rule.read(value)
    if read is None:
        found.issues.append(Issue(BLOCKED, id_type, value[:LONGEST_ID]))
        return
    target = found.users if collection == USERS else found.accounts
    if target:
        key = read.key
        for other in target:
            if other.key == key:
                return
    target.append(read)


def _spellings(key: str) -> set[str]:
    camel = re.sub(r"_+([a-z0-9])", lambda match: match.group(1).upper(), key)
    snake = re.sub(r"(?<!^)([A-Z])", lambda match: "_" + match.group(1), key).lower()
    return {key, camel, snake}


def _add_from_context(found: Extracted, rules: Rules, context: dict[str, Any]) -> None:
    device = context.get("device")
    if isinstance(device, dict):
        platform = device.get("type")
        platform = platform.lower() if isinstance(platform, str) else ""
        if platform in ("android", "ios"):
            _add(found, rules, USERS, f"{platform}.id", device.get("id"))
            _add(found, rules, USERS, f"{platform}.push_token", device.get("token"))
            if device.get("adTrackingEnabled") is True:
                _add(found, rules, USERS, f"{platform}.idfa", device.get("advertisingId"))
    integrations = context.get("integrations")
    if isinstance(integrations, dict):
        google, braze = integrations.get("Google Analytics"), integrations.get("Braze")
        if isinstance(google, dict):
            _add(found, rules, USERS, "ga_client_id", google.get("clientId"))
        if isinstance(braze, dict):
            _add(found, rules, USERS, "braze_id", braze.get("braze_id"))


def _add_external(found: Extracted, rules: Rules, call: Call) -> None:
    given = call.context.get("externalIds")
    if not isinstance(given, list):
        return
    for item in given[:100]:
        if not isinstance(item, dict) or item.get("encoding") != "none":
            continue
        id_type, value = item.get("type"), item.get("id")
        collection = {"users": USERS, "accounts": ACCOUNTS}.get(str(item.get("collection")))
        if not isinstance(id_type, str) or not isinstance(value, str) or collection is None:
            continue
        if not _EXTERNAL_TYPE.fullmatch(id_type) or (collection == ACCOUNTS and call.group_id is None):
            continue
        if (collection, id_type) not in rules.by_type:
            found.unknown_types.add((collection, id_type))
        _add(found, rules, collection, id_type, value)


@dataclass(slots=True)
class KnownProfile:
    """What is bound to a profile: per type, value -> when it was bound. `age` orders survivors, lowest first."""

    id: int
    collection: int
    age: datetime
    merges: int = 0
    ids: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def mappings(self) -> int:
        return sum(len(values) for values in self.ids.values())


class Attached(NamedTuple):
    found: Found
    profile_id: int
    call: int  # the caller's number of the message that brought it


class Merge(NamedTuple):
    winner: int
    loser: int


def sole_owner(owners: Mapping[Identifier, int], identifiers: Sequence[Found]) -> int | None:
    """The profile to which all of them are bound already; None when there is no such one."""
    only: int | None = None
    for item in identifiers:
        owner = owners.get(item.key)
        if owner is None or (only is not None and owner != only):
            return None
        only = owner
    return only


class Resolver:
    """Resolves the calls of one micro-batch in order against a snapshot, and collects what has to be written.

    `owners` maps each known identifier of the batch to its profile; `profiles` must hold every profile of a message
    that adds or merges something. New profiles get negative numbers, for the caller to replace. The lists of
    identifiers must live as long as the resolver.
    """

    def __init__(self, rules: Rules, owners: dict[Identifier, int], profiles: dict[int, KnownProfile]) -> None:
        self.rules = rules
        self.owners = owners
        self.profiles = profiles
        self.created: list[int] = []
        self.attached: list[Attached] = []
        self.merges: list[Merge] = []
        self.issues: list[tuple[int, Issue]] = []
        self._survivors: dict[int, int] = {}
        # The one owner of a list of identifiers, by the list: bound identifiers stay bound.
        self._sole: dict[int, int] = {}
        self._next = -1

    def current(self, profile_id: int) -> int:
        """The profile that `profile_id` has become through merges of this batch."""
        while profile_id in self._survivors:
            profile_id = self._survivors[profile_id]
        return profile_id

    def resolve(self, call: int, identifiers: Sequence[Found], now: datetime) -> int | None:
        """The profile of a call with these identifiers; None when it has none."""
        owners = self.owners
        only = self._sole.get(id(identifiers))
        if only is None and (only := sole_owner(owners, identifiers)) is not None:
            self._sole[id(identifiers)] = only
        if only is not None:
            return self.current(only)
        remaining = sorted(identifiers, key=self._priority)
        while remaining:
            ids = {self.current(owners[item.key]) for item in remaining if item.key in owners}
            new = [item for item in remaining if item.key not in owners]
            if not ids:
                exceeded = self._exceeded(None, [], new, now)
                if exceeded is None:
                    return self._create(call, new, now)
            else:
                # A profile made in this batch is younger than any stored one, whatever the clocks say.
                held = sorted((self.profiles[i] for i in ids), key=lambda item: (item.id < 0, item.age, abs(item.id)))
                if sum(profile.merges + 1 for profile in held) - 1 > MOST_MERGES and len(held) > 1:
                    return self._attach_only(call, MERGE_LIMIT_EXCEEDED, remaining)
                if new and sum(profile.mappings() for profile in held) + len(new) > MOST_MAPPINGS:
                    return self._attach_only(call, MAPPING_LIMIT_EXCEEDED, remaining)
                exceeded = self._exceeded(held[0], held[1:], new, now)
                if exceeded is None:
                    return self._join(call, held, new, now)
            dropped = remaining.pop()
            self.issues.append((call, Issue(exceeded, dropped.key.id_type, dropped.original)))
        return None

    def _priority(self, item: Found) -> int:
        rule = self.rules.by_type.get((item.key.collection, item.key.id_type))
        return rule.priority if rule else 1_000

    def _exceeded(
        self, survivor: KnownProfile | None, others: list[KnownProfile], new: list[Found], now: datetime
    ) -> str | None:
        """The violation that joining these would be. Types to which nothing is added are not looked at."""
        collection = new[0].key.collection if new else survivor.collection if survivor else USERS
        added: dict[str, dict[str, datetime]] = {}
        for profile in others:
            for id_type, values in profile.ids.items():
                added.setdefault(id_type, {}).update(values)
        for item in new:
            added.setdefault(item.key.id_type, {})[item.key.value] = now
        for id_type, values in added.items():
            rule = self.rules.by_type.get((collection, id_type))
            if rule is None:
                continue
            bound = values | (survivor.ids.get(id_type, {}) if survivor else {})
            span = PERIODS.get(rule.period)
            count = len(bound) if span is None else sum(1 for at in bound.values() if at > now - span)
            if count > rule.value_limit:
                return LIMIT_EXCEEDED if span is None else TIME_LIMIT_EXCEEDED
        return None

    def _create(self, call: int, new: list[Found], now: datetime) -> int:
        profile = KnownProfile(id=self._next, collection=new[0].key.collection, age=now)
        self._next -= 1
        self.profiles[profile.id] = profile
        self.created.append(profile.id)
        self._bind(call, profile, new, now)
        return profile.id

    def _join(self, call: int, held: list[KnownProfile], new: list[Found], now: datetime) -> int:
        winner = held[0]
        for loser in held[1:]:
            self._survivors[loser.id] = winner.id
            self.merges.append(Merge(winner.id, loser.id))
            winner.merges += loser.merges + 1
            for id_type, values in loser.ids.items():
                winner.ids.setdefault(id_type, {}).update(values)
        self._bind(call, winner, new, now)
        return winner.id

    def _bind(self, call: int, profile: KnownProfile, new: list[Found], now: datetime) -> None:
        for item in new:
            self.owners[item.key] = profile.id
            profile.ids.setdefault(item.key.id_type, {})[item.key.value] = now
            self.attached.append(Attached(item, profile.id, call))

    def _attach_only(self, call: int, violation: str, remaining: list[Found]) -> int:
        """The event resolves to the profile of its strongest known identifier; nothing is added or merged."""
        known = next(item for item in remaining if item.key in self.owners)
        self.issues.append((call, Issue(violation, known.key.id_type, known.original)))
        return self.current(self.owners[known.key])
