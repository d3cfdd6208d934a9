"""Talking to list destinations: making the list, looking whether it is still there, sending one batch."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from destinations.config import DestinationConfig
from destinations.kit.batches import chunks
from destinations.kit.conversation import Tokens, converse, item_verdicts
from destinations.kit.definition import Audience, Context, ListEntry
from destinations.kit.http import AnyResponse, Request
from destinations.kit.verdicts import DELIVERED, Verdict
from destinations.pipeline import Call, mapped_call, run_batch
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


def _send_mapped(
    config: DestinationConfig, context: Context, entries: Sequence[ListEntry], tokens: Tokens | None
) -> BatchConversation:
    """Through the mappings of the destination: an entry goes by every enabled one whose trigger matches its event."""
    verdicts: list[Verdict] = [_unmatched(config)] * len(entries)
    batches: dict[Any, list[tuple[int, Call]]] = {}
    for place, entry in enumerate(entries):
        event = _with_list(entry.event, context)
        for mapping in config.enabled_mappings:
            if not mapping.matches(event):
                continue
            call = mapped_call(config, mapping, event, context.now)
            if call.problem is not None:
                verdicts[place] = _worse(verdicts[place], call.problem)
            else:
                # Calls that cannot go together have no key: each is a batch of its own.
                key = call.batch_key
                batches.setdefault((place, mapping.id) if key is None else key, []).append((place, call))
    for batch in batches.values():
        for part in _parts(batch):
            calls = [call for _place, call in part]
            if calls[0].batch_key is None:
                found = [(yield from calls[0].run(tokens))]
            else:
                found = yield from run_batch(calls, tokens)
            for (place, _call), verdict in zip(part, found, strict=True):
                verdicts[place] = _worse(verdicts[place], verdict)
    return verdicts


def _parts(batch: Sequence[tuple[int, Call]]) -> list[Sequence[tuple[int, Call]]]:
    """A batch in pieces of the mapping's size and bytes."""
    size, most = max(1, batch[0][1].batch_size), batch[0][1].batch_bytes
    parts: list[Sequence[tuple[int, Call]]] = []
    for chunk in chunks(batch, size):
        begin = used = 0
        for end, (_place, call) in enumerate(chunk):
            more = call.payload_bytes
            if used and used + more > most:
                parts.append(chunk[begin:end])
                begin, used = end, 0
            used += more
        parts.append(chunk[begin:])
    return parts


def _with_list(event: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    """The event as an action expects it: with the id of the list and the settings of the audience."""
    about = event.get("context") or {}
    personas = {**(about.get("personas") or {})}
    if context.external_audience_id:
        personas["external_audience_id"] = context.external_audience_id
    if context.audience_settings:
        personas["audience_settings"] = dict(context.audience_settings)
    return {**event, "context": {**about, "personas": personas}}


def _unmatched(config: DestinationConfig) -> Verdict:
    if not config.enabled_mappings:
        detail = "No mapping of the destination is enabled. Enable one."
    else:
        detail = "You may not have any subscriptions that match this event."
    return Verdict(outcome="filtered", code="NO_MATCHING_MAPPING", detail=detail)


def _worse(one: Verdict, other: Verdict) -> Verdict:
    return other if _BADNESS[other.outcome] >= _BADNESS[one.outcome] else one
