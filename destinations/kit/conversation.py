"""Driving an action: requests out, responses in, one verdict at the end; signing in on the way where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

import msgspec

from destinations.kit.auth import Auth
from destinations.kit.definition import Context, Conversation, Token
from destinations.kit.errors import DeliveryError, NetworkError
from destinations.kit.http import AnyResponse, HttpError, Request, as_response
from destinations.kit.verdicts import DELIVERED, ItemResult, Verdict, judge, judge_error

UNAUTHORIZED = 401

Outcome = tuple[Verdict, Any]
Talk = Generator[Request, AnyResponse, Outcome]
Start = Callable[[Context], Request | Conversation]


class Tokens:
    """The token that all conversations with one destination share. `keep` stores a new one."""

    def __init__(self, token: Token, keep: Callable[[Token], None] | None = None) -> None:
        self.current = token
        self._keep = keep

    def renew(self, token: Token) -> None:
        self.current = token
        if self._keep is not None:
            self._keep(token)


def converse(start: Start, context: Context, *, auth: Auth | None = None, tokens: Tokens | None = None) -> Talk:
    """Run `start(context)` to a verdict and its result. Errors of the kit become verdicts, others pass.

    With an auth scheme that can renew its token: one is asked for when there is none, and after a 401 a new one, once,
    and the whole is run again. A verdict with status 401 then means that signing in does not help.
    """
    if auth is None:
        return (yield from _judged(lambda: start(context), {}))
    shared = tokens or Tokens(context.token)
    used = shared.current
    if auth.refresh is not None and not used.access_token:
        refused = yield from _renew(auth, context, shared)
        if refused is not None:
            return refused, None
        return (yield from _signed(start, context, auth, shared.current))
    verdict, result = yield from _signed(start, context, auth, used)
    if verdict.status != UNAUTHORIZED or auth.refresh is None:
        return verdict, result
    if shared.current == used:
        refused = yield from _renew(auth, context, shared)
        if refused is not None:
            return refused, None
    return (yield from _signed(start, context, auth, shared.current))


def _signed(start: Start, context: Context, auth: Auth, token: Token) -> Talk:
    known = msgspec.structs.replace(context, token=token)
    return (yield from _judged(lambda: start(known), auth.headers(known)))


def _renew(auth: Auth, context: Context, tokens: Tokens) -> Generator[Request, AnyResponse, Verdict | None]:
    """Put a new token into `tokens`; the verdict when there is none to be had."""
    refresh = auth.refresh
    assert refresh is not None
    known = msgspec.structs.replace(context, token=tokens.current)
    verdict, token = yield from _judged(lambda: refresh(known), {})
    if verdict.outcome != "delivered":
        return verdict
    tokens.renew(token)
    return None


def drive(conversation: Conversation, headers: Mapping[str, str]) -> Generator[Request, AnyResponse, Any]:
    """Yield the requests of an action; hand it each response, or raise HttpError in it; return what it returns."""
    try:
        request = next(conversation)
        while True:
            try:
                response = as_response((yield _with_headers(request, headers)))
            except NetworkError as error:
                request = conversation.throw(error)
                continue
            request = conversation.send(response) if response.is_success else conversation.throw(HttpError(response))
    except StopIteration as stop:
        return stop.value
    finally:
        conversation.close()


def _with_headers(request: Request, headers: Mapping[str, str]) -> Request:
    if not headers:
        return request
    own = {name.lower() for name in request.headers}
    added = {name: value for name, value in headers.items() if name.lower() not in own}
    return msgspec.structs.replace(request, headers={**added, **request.headers}) if added else request


def _judged(start: Callable[[], Request | Conversation], headers: Mapping[str, str]) -> Talk:
    try:
        begun = start()
        if isinstance(begun, Request):
            response = as_response((yield _with_headers(begun, headers)))
            return judge(response), response
        result = yield from drive(begun, headers)
    except HttpError as error:
        return judge(error.response), None
    except DeliveryError as error:
        return judge_error(error), None
    if isinstance(result, ItemResult):
        return result.verdict(), result
    return DELIVERED, result


def item_verdicts(verdict: Verdict, result: Any, count: int) -> list[Verdict]:
    """The verdict of each item of a batch: the batch's own, or its ItemResults one by one.

    An item that the connector did not answer for counts as a 500, to be tried again.
    """
    if verdict.outcome != "delivered" or not isinstance(result, list):
        return [verdict] * count
    return [item.verdict() for item in item_results(result, count)]


def item_results(result: list[ItemResult], count: int) -> list[ItemResult]:
    """The results of a batch of `count`, with one for every item that the connector did not answer for."""
    missing = ItemResult(
        status=500, code="PAYLOAD_VALIDATION_FAILED", message="The connector did not answer for this item."
    )
    return [*result[:count], *[missing] * (count - len(result))]
