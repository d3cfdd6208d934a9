"""Asking a destination to delete a person: `DestinationDefinition.delete_user`, once for each of their identifiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from django.utils import timezone

from destinations.config import DestinationConfig, load_config
from destinations.kit.conversation import converse
from destinations.kit.redaction import redact
from destinations.models import DeletionForward, Destination
from destinations.services.tester import hear
from destinations.services.tokens import StoredTokens

State = DeletionForward.State
UNNAMED = "PAYLOAD_VALIDATION_FAILED"


@dataclass(frozen=True, kw_only=True)
class Forwarded:
    """What came of it: `state` WAITING is to be tried again. `detail` may still name the person."""

    state: str
    detail: str


def can_delete(destination: Destination) -> bool:
    """Whether its tool takes requests to delete a person."""
    config = load_config(destination.pk)
    return config is not None and config.definition is not None and config.definition.delete_user is not None


def delete_there(destination: Destination, calls: Iterable[Mapping[str, str]]) -> Forwarded:
    """Make the requests one after the other; the first that fails decides. Asking twice does no harm."""
    config = load_config(destination.pk)
    if config is None or config.definition is None or config.definition.delete_user is None:
        return Forwarded(state=State.BY_HAND, detail="The destination takes no requests to delete a person.")
    if config.settings_problem:
        return Forwarded(state=State.FAILED, detail=config.settings_problem)
    unnamed, asked = "", False
    for ids in calls:
        state, detail = _ask(config, ids)
        if state == State.BY_HAND:
            unnamed = detail
        elif state != State.DONE:
            return Forwarded(state=state, detail=detail)
        else:
            asked = True
    if asked:
        return Forwarded(state=State.DONE, detail="The destination accepted the request.")
    return Forwarded(state=State.BY_HAND, detail=unnamed or "There is no identifier to ask for.")


def _ask(config: DestinationConfig, ids: Mapping[str, str]) -> tuple[str, str]:
    definition = config.definition
    assert definition is not None
    assert definition.delete_user is not None
    tokens = StoredTokens(config)
    delete_user = definition.delete_user
    verdict, _result = hear(
        converse(
            lambda context: delete_user(context, ids),
            config.context({}, now=timezone.now()),
            auth=definition.auth,
            tokens=tokens,
        )
    )
    detail = str(redact(verdict.detail, tokens.secret_values))
    if verdict.outcome in {"delivered", "filtered"} or verdict.status == HTTPStatus.NOT_FOUND:
        return State.DONE, detail
    if verdict.outcome == "retry":
        return State.WAITING, detail
    return (State.BY_HAND if verdict.code == UNNAMED else State.FAILED), detail
