"""Why a decision about a profile was made: the condition again, over what was stored at that instant.

Events, identifiers and unchanged traits and memberships are looked at as they were. What was written over since is said
to be unknown; nothing is guessed, and the recorded decision always stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q

from audiences.models import Audience, Membership
from engine.conditions import (
    Condition,
    ConditionError,
    EventRecord,
    Evidence,
    Options,
    ProfileState,
    describe,
    evaluate,
    mentions,
    parse,
)
from profiles.masking import masked, masked_identifier
from profiles.models import Event, EventType, ExternalId, Profile
from spaces.models import Space

MOST_EVENTS = 5_000
NO_OPTIONS = Options()
OPERATORS = {
    "gte": "at least",
    "gt": "more than",
    "lte": "at most",
    "lt": "fewer than",
    "eq": "exactly",
}
REWRITTEN = "It was written over since; what it was then is not stored."
REWRITTEN_CONDITION = "A value that decided this was written over since. The decision stands as it was made."
OTHERWISE = (
    "What is stored now does not show why: events were removed since, or values changed. The decision stands as it "
    "was made."
)
TOO_MANY = f"The person has more than {MOST_EVENTS:,} such events; the latest of them were looked at."


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One part of a condition. `holds` None = it cannot be told any more. `events`: (id, time) of those counted."""

    depth: int
    sentence: str
    holds: bool | None
    found: str = ""
    events: tuple[tuple[int, datetime], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """`held` is the recorded decision; `caveat` says what the facts cannot show."""

    sentence: str
    held: bool
    facts: tuple[Fact, ...] = ()
    caveat: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A condition that was judged at an instant. `options` are those it was judged with."""

    definition: Mapping[str, Any]
    at: datetime
    held: bool
    options: Options = NO_OPTIONS


def explain(*, space: Space, profile: Profile, decision: Decision, shows_pii: bool) -> Explanation | None:
    """None when the decision has no condition that can be read."""
    try:
        condition = parse(decision.definition)
    except ConditionError:
        return None
    events, is_cut = _events(space, profile, condition, decision.at)
    memberships, lost_audiences = _memberships(space, profile, condition, decision.at)
    lost_traits = _rewritten_traits(profile, condition, decision.at)
    state = ProfileState(
        traits=profile.traits,
        identifiers=_identifiers(space, profile, decision.at),
        events=events,
        memberships=memberships,
    )
    verdict = evaluate(condition, state, decision.at, decision.options)
    lost = _lost_paths(decision.definition, lost_traits, lost_audiences)
    facts = tuple(_facts(verdict.evidence, lost, shows_pii=shows_pii))
    is_lost = any(fact.holds is None for fact in facts)
    caveat = TOO_MANY if is_cut else ""
    if verdict.is_member is not decision.held:
        caveat = REWRITTEN_CONDITION if is_lost else OTHERWISE
    return Explanation(sentence=describe(condition), held=decision.held, facts=facts, caveat=caveat)


def _events(space: Space, profile: Profile, condition: Condition, at: datetime) -> tuple[list[EventRecord], bool]:
    """The events that the condition looks at and that had been received by then."""
    wanted = Q(pk__in=[])
    kinds = {choice.label: choice.value for choice in EventType}
    for kind, name in mentions(condition).events:
        wanted |= Q(type=kinds[kind]) if name is None else Q(type=kinds[kind], name=name)
    if not mentions(condition).events:
        return [], False
    rows = list(
        Event.objects.in_space(space)
        .filter(wanted, profile_id=profile.id, received_at__lte=at)
        .order_by("-ts", "-id")[: MOST_EVENTS + 1]
    )
    found = [
        EventRecord(
            id=str(row.id),
            type=EventType(row.type).label,
            name=row.name,
            timestamp=row.ts,
            received_at=row.received_at,
            properties=row.properties,
        )
        for row in rows[:MOST_EVENTS]
    ]
    return found, len(rows) > MOST_EVENTS


def _memberships(
    space: Space, profile: Profile, condition: Condition, at: datetime
) -> tuple[frozenset[str], frozenset[str]]:
    """The names of audiences that the profile was in, and of those where that cannot be told any more."""
    named = mentions(condition).audiences
    if not named:
        return frozenset(), frozenset()
    audiences = Audience.objects.in_space(space).filter(Q(key__in=named) | Q(public_id__in=named))
    stored = {
        row.audience_id: row
        for row in Membership.objects.filter(
            space_id=space.pk, profile_id=profile.id, audience_id__in=[audience.pk for audience in audiences]
        )
    }
    inside: set[str] = set()
    lost: set[str] = set()
    for audience in audiences:
        row = stored.get(audience.pk)
        names = {audience.key, audience.public_id} & set(named)
        if row is not None and row.changed_at > at:
            lost |= names
        if row is not None and row.is_member:
            inside |= names
    return frozenset(inside), frozenset(lost)


def _identifiers(space: Space, profile: Profile, at: datetime) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in ExternalId.objects.in_space(space).filter(profile_id=profile.id, created_at__lte=at):
        found.setdefault(row.id_type, []).append(row.original)
    return found


def _rewritten_traits(profile: Profile, condition: Condition, at: datetime) -> frozenset[str]:
    """Top-level keys of traits that were written after the decision."""
    limit = at.timestamp() * 1000
    times = profile.trait_times or {}
    return frozenset(
        key
        for key in mentions(condition).traits
        if isinstance(written := times.get(key), int | float) and written > limit
    )


def _lost_paths(definition: Mapping[str, Any], traits: frozenset[str], audiences: frozenset[str]) -> frozenset[str]:
    """JSON pointers of the nodes whose values at the time are not stored."""
    found = set()
    for path, node in _nodes(definition.get("where"), "/where"):
        if node.get("audience") in audiences or traits.intersection(_traits_of(node)):
            found.add(path)
    return frozenset(found)


def _traits_of(node: Any) -> Iterator[str]:
    """The top-level keys of the traits that a leaf compares, also as the value of a property."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "trait" and isinstance(value, str):
                yield value.partition(".")[0]
            elif key not in {"all", "any", "not"}:
                yield from _traits_of(value)
    elif isinstance(node, list):
        for item in node:
            yield from _traits_of(item)


def _nodes(node: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(node, Mapping):
        return
    yield path, node
    for key in ("all", "any"):
        for index, child in enumerate(node.get(key) or []):
            yield from _nodes(child, f"{path}/{key}/{index}")
    if "not" in node:
        yield from _nodes(node["not"], f"{path}/not")


def _facts(evidence: Evidence, lost: frozenset[str], *, shows_pii: bool, depth: int = 0) -> Iterator[Fact]:
    """The tree as lines, groups before their parts. What rests on something unknown is unknown."""
    if not evidence.facts and [child.holds for child in evidence.children] == [evidence.holds]:
        # A group of one says what its part says.
        yield from _facts(evidence.children[0], lost, shows_pii=shows_pii, depth=depth)
        return
    is_lost = evidence.path in lost
    children = [
        fact for child in evidence.children for fact in _facts(child, lost, shows_pii=shows_pii, depth=depth + 1)
    ]
    rests_on_lost = any(child.holds is None for child in children)
    yield Fact(
        depth=depth,
        sentence=evidence.sentence,
        holds=None if is_lost or rests_on_lost else evidence.holds,
        found=REWRITTEN if is_lost else _found(evidence.facts, shows_pii=shows_pii),
        events=tuple(
            (int(event["id"]), datetime.fromisoformat(event["timestamp"]).astimezone(UTC))
            for event in evidence.facts.get("events", ())
        ),
    )
    yield from children


def _found(facts: Mapping[str, Any], *, shows_pii: bool) -> str:
    """What was found, in words."""
    if "count" in facts:
        operator, number = next(iter(facts["wanted"].items()))
        return f"{facts['count']} found, {OPERATORS[operator]} {number} wanted"
    if "value" in facts:
        value = facts["value"] if shows_pii else masked(facts["value"])
        return "not set" if facts["isMissing"] else f"is {value_words(value)}"
    if "isMember" in facts:
        return "was a member" if facts["isMember"] else "was not a member"
    if "values" in facts:
        return _listed(facts["values"], shows_pii)
    if "missing" in facts:
        return "has no user ID, e-mail address or mobile ID"
    return ""


def value_words(value: Any) -> str:
    """A value of a trait as conditions write it: true and 12 as they are, text in quotation marks."""
    return f"“{value}”" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _listed(values: Sequence[str], shows_pii: bool) -> str:
    shown = [value if shows_pii else masked_identifier("email", value) for value in values[:3]]
    return ", ".join(shown) if shown else "none"
