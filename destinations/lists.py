"""Talking to list destinations: making the list, looking whether it is still there, sending one batch."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from destinations.config import DestinationConfig
from destinations.kit.conversation import converse, item_verdicts
from destinations.kit.definition import Audience, Context, ListEntry
from destinations.kit.http import AnyResponse, Request
from destinations.kit.verdicts import DELIVERED, Verdict

Conversation = Generator[Request, AnyResponse, tuple[Verdict, str]]


def list_context(
    config: DestinationConfig, audience: Audience, *, settings: Mapping[str, Any], external_id: str
) -> Context:
    """`settings` are those of the connection (`audience_settings`)."""
    return Context(
        settings=config.settings,
        audience_settings=settings,
        external_audience_id=external_id,
        computation_key=audience.key,
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


def ensure_audience(config: DestinationConfig, context: Context, audience: Audience) -> Conversation:
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
        verdict, found = yield from converse(lambda: get(context, audience))
        if verdict.outcome == "delivered" and found:
            return verdict, str(found)
        if verdict.outcome == "delivered":
            detail = "The list no longer exists at the destination. Remove the destination and add it again."
            return Verdict(outcome="failed", code="LIST_NOT_FOUND", detail=detail, status=404), ""
        return verdict, ""
    create = definition.create_audience
    verdict, made = yield from converse(lambda: create(context, audience))
    return verdict, str(made) if verdict.outcome == "delivered" and made else ""


def send_batch(
    config: DestinationConfig,
    context: Context,
    audience: Audience,
    adds: Sequence[ListEntry],
    removes: Sequence[ListEntry],
) -> Generator[Request, AnyResponse, list[Verdict]]:
    """One batch (at most `config.batch_size` entries). The verdicts are those of the adds, then the removes."""
    definition = config.definition
    if definition is None or definition.sync_batch is None:
        raise ValueError(f"{config.name} is no list destination.")
    sync = definition.sync_batch
    verdict, result = yield from converse(lambda: sync(context, audience, adds, removes))
    return item_verdicts(verdict, result, len(adds) + len(removes))
