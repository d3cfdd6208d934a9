"""Talking to list destinations: making the list, looking whether it is still there, sending one batch."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from destinations.config import CompiledMapping, DestinationConfig
from destinations.kit.contexts import list_of
from destinations.kit.conversation import Tokens, converse, item_verdicts
from destinations.kit.definition import Audience, Context, Item, ListEntry
from destinations.kit.http import AnyResponse, Request
from destinations.kit.membership import membership, personas
from destinations.kit.verdicts import DELIVERED, Verdict
from destinations.pipeline import Call, batch_key, mapped_payload, run_items
from engine.filters.rules import apply_rules

Conversation = Generator[Request, AnyResponse, tuple[Verdict, str]]
BatchConversation = Generator[Request, AnyResponse, list[Verdict]]

# The worst of what several mappings made of one entry counts.
_BADNESS = {"filtered": 0, "delivered": 1, "failed": 2, "retry": 3}


def list_context(
    config: DestinationConfig,
    audience: Audience,
    *,
    settings: Mapping[str, Any],
    external_id: str,
    now: datetime | None = None,
) -> Context:
    """`settings` are those of the connection (`audience_settings`)."""
    return Context(
        settings=config.settings,
        audience_settings=settings,
        external_audience_id=external_id,
        computation_key=audience.key,
        operator=config.operator,
        token=config.token,
        now=now,
    )


def readiness(config: DestinationConfig) -> Verdict | None:
    """Why the destination cannot take a batch now; None when it can."""
    if config.definition is None:
        return Verdict(outcome="failed", code="UNKNOWN_INTEGRATION", detail=config.settings_problem)
    if config.definition.kind != "list":
        return Verdict(outcome="failed", code="UNSUPPORTED_EVENT_TYPE", detail="This destination takes single calls.")
    if config.settings_problem:
        return Verdict(outcome="failed", code="INVALID_SETTINGS", detail=config.settings_problem)
    return None


def ensure_audience(
    config: DestinationConfig, context: Context, audience: Audience, tokens: Tokens | None = None
) -> Conversation:
    """The id of the list at the vendor: the one known, when it is still there, or that of a new list.

    Returns (verdict, external id); the id is "" for a connector without lists of its own. Store it on the connection.
    """
    definition = config.definition
    if definition is None or definition.create_audience is None:
        return DELIVERED, context.external_audience_id
    if context.external_audience_id:
        if definition.get_audience is None:
            return DELIVERED, context.external_audience_id
        get = definition.get_audience
        verdict, found = yield from converse(
            lambda known: get(known, audience), context, auth=definition.auth, tokens=tokens
        )
        if verdict.outcome == "delivered" and found:
            return verdict, str(found)
        if verdict.outcome == "delivered" or verdict.status == 404:
            detail = "The list no longer exists at the destination. Remove the destination and add it again."
            return Verdict(outcome="failed", code="LIST_NOT_FOUND", detail=detail, status=404), ""
        return verdict, ""
    create = definition.create_audience
    verdict, made = yield from converse(
        lambda known: create(known, audience), context, auth=definition.auth, tokens=tokens
    )
    return verdict, str(made) if verdict.outcome == "delivered" and made else ""


def send_batch(
    config: DestinationConfig,
    context: Context,
    audience: Audience,
    adds: Sequence[ListEntry],
    removes: Sequence[ListEntry],
    *,
    tokens: Tokens | None = None,
) -> BatchConversation:
    """One batch (at most `config.batch_size` entries). The verdicts are those of the adds, then the removes."""
    definition = config.definition
    if definition is None or definition.kind != "list":
        raise ValueError(f"{config.name} is no list destination.")
    if not config.filters:
        return (yield from _send(config, context, audience, (adds, removes), tokens))
    passed, verdicts = _filtered(config, [*adds, *removes])
    going_in = [entry for entry in passed[: len(adds)] if entry is not None]
    going_out = [entry for entry in passed[len(adds) :] if entry is not None]
    if going_in or going_out:
        found = iter((yield from _send(config, context, audience, (going_in, going_out), tokens)))
        verdicts = [next(found) if verdict is None else verdict for verdict in verdicts]
    return [verdict for verdict in verdicts if verdict is not None]


def _send(
    config: DestinationConfig,
    context: Context,
    audience: Audience,
    entries: tuple[Sequence[ListEntry], Sequence[ListEntry]],
    tokens: Tokens | None,
) -> BatchConversation:
    """The adds and the removes as the filters left them."""
    adds, removes = entries
    definition = config.definition
    assert definition is not None
    if definition.sync_batch is None:
        return (yield from _send_mapped(config, context, [*adds, *removes], tokens))
    sync = definition.sync_batch
    verdict, result = yield from converse(
        lambda known: sync(known, audience, adds, removes), context, auth=definition.auth, tokens=tokens
    )
    return item_verdicts(verdict, result, len(adds) + len(removes))


def _filtered(
    config: DestinationConfig, entries: Sequence[ListEntry]
) -> tuple[list[ListEntry | None], list[Verdict | None]]:
    """The entries as the filters leave them, or in their place None and a verdict."""
    passed: list[ListEntry | None] = []
    verdicts: list[Verdict | None] = []
    for entry in entries:
        judgement = apply_rules(config.filters, entry.event, is_retry=entry.is_retry)
        if judgement.stopped is None:
            passed.append(msgspec.structs.replace(entry, event=judgement.event))
            verdicts.append(None)
        else:
            passed.append(None)
            detail = judgement.stopped.sentence
            verdicts.append(Verdict(outcome="filtered", code="FILTERED_BY_RULES", detail=detail))
    return passed, verdicts


@dataclass(slots=True)
class _Pile:
    """Entries that a mapping sends together: their places among all entries, and what is sent of each."""

    mapping: CompiledMapping
    places: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    def parts(self) -> Iterator[tuple[list[int], list[Item]]]:
        """In pieces of the mapping's size and bytes."""
        for begin, end in self._bounds():
            items = self.items[begin:end]
            if begin:
                items = [msgspec.structs.replace(item, index=place) for place, item in enumerate(items)]
            yield self.places[begin:end], items

    def _bounds(self) -> Iterator[tuple[int, int]]:
        size, most = max(1, self.mapping.batch_size), self.mapping.steering.batch_bytes
        for start in range(0, len(self.items), size):
            begin, end = start, min(start + size, len(self.items))
            payloads = [item.payload for item in self.items[begin:end]]
            # Encoding all at once is much quicker than one by one, and nearly always enough.
            sizes = [_bytes(one) for one in payloads] if _bytes(payloads) > most else []
            used = 0
            for place, more in enumerate(sizes, start):
                if used and used + more > most:
                    yield begin, place
                    begin, used = place, 0
                used += more
            yield begin, end


def _bytes(value: Any) -> int:
    return len(msgspec.json.encode(value))


def _send_mapped(
    config: DestinationConfig, context: Context, entries: Sequence[ListEntry], tokens: Tokens | None
) -> BatchConversation:
    """Through the mappings of the destination: an entry goes by every enabled one whose trigger matches its event."""
    verdicts: list[Verdict] = [_unmatched(config)] * len(entries)
    piles: dict[Hashable, _Pile] = {}
    completion = _Completion(context)
    enabled = [(mapping, mapping.matches) for mapping in config.enabled_mappings]
    for place, entry in enumerate(entries):
        event = completion.of(entry.event)
        for mapping, matches in enabled:
            if not matches(event):
                continue
            payload, problem = mapped_payload(mapping, event)
            if problem is not None:
                verdicts[place] = _worse(verdicts[place], problem)
                continue
            pile = completion.piles.get(mapping.id)
            if pile is None:
                key = batch_key(mapping, payload, about=completion.key) if mapping.batch_size else (mapping.id, place)
                pile = piles.setdefault(key, _Pile(mapping))
                if mapping.batch_size and not mapping.steering.batch_keys:
                    # Whatever its payload says.
                    completion.piles[mapping.id] = pile
            going = membership(event, completion.about, mapping.steering.sync_mode)
            pile.items.append(Item(index=len(pile.items), payload=payload, membership=going, event=event))
            pile.places.append(place)
    for pile in piles.values():
        for places, items in pile.parts():
            found = yield from _send_items(config, pile.mapping, items, context.now, tokens)
            for place, verdict in zip(places, found, strict=True):
                verdicts[place] = _worse(verdicts[place], verdict)
    return verdicts


def _send_items(
    config: DestinationConfig, mapping: CompiledMapping, items: list[Item], now: datetime | None, tokens: Tokens | None
) -> BatchConversation:
    assert config.definition is not None
    first = items[0]
    call = Call(mapping, config.definition, config.context(first.event, mapping, now=now), first.payload)
    if not mapping.batch_size:
        return [(yield from call.run(tokens))]
    return (yield from run_items(call, items, tokens))


class _Completion:
    """Events as an action expects them: with the id of the list and the settings of the audience.

    Neighbours nearly always share their `context` (the very object), which is then completed once. Of the event that
    was completed last, `about` is what it says of its audience, `key` tells lists apart that must not go together, and
    `piles` are those known so far that take all its neighbours, by mapping.
    """

    def __init__(self, context: Context) -> None:
        self._own: dict[str, Any] = {}
        if context.external_audience_id:
            self._own["external_audience_id"] = context.external_audience_id
        if context.audience_settings:
            self._own["audience_settings"] = dict(context.audience_settings)
        self._seen: Any = None
        self._completed: Mapping[str, Any] = {}
        self.about: Mapping[str, Any] = {}
        self.key = b""
        self.piles: dict[str, _Pile] = {}

    def of(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        about = event.get("context")
        if about is None or about is not self._seen:
            self._seen = about
            self._completed = self._complete(about or {})
            self.about = personas({"context": self._completed})
            self.key = msgspec.json.encode(list_of(self._completed["personas"]))
            self.piles = {}
        return event if self._completed is about else {**event, "context": self._completed}

    def _complete(self, about: Mapping[str, Any]) -> Mapping[str, Any]:
        known = about.get("personas") or {}
        told = {**known, **self._own}
        is_complete = known and msgspec.json.encode(told) == msgspec.json.encode(known)
        return about if is_complete else {**about, "personas": told}


def _unmatched(config: DestinationConfig) -> Verdict:
    if not config.enabled_mappings:
        detail = "No mapping of the destination is enabled. Enable one."
    else:
        detail = "You may not have any subscriptions that match this event."
    return Verdict(outcome="filtered", code="NO_MATCHING_MAPPING", detail=detail)


def _worse(one: Verdict, other: Verdict) -> Verdict:
    return other if _BADNESS[other.outcome] >= _BADNESS[one.outcome] else one
