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
_NO_REQUEST = "WAIT"


def pause(seconds: float) -> Request:
    """To be yielded in place of a request: go on after so many seconds, with anything."""
    return Request(method=_NO_REQUEST, url="", timeout=seconds)


def pause_of(request: Request) -> float | None:
    """The seconds of a `pause`; None for a request."""
    return request.timeout if request.method == _NO_REQUEST else None


# While somebody else signs in.
WAIT = pause(0.0)

Outcome = tuple[Verdict, Any]
Talk = Generator[Request, AnyResponse, Outcome]
Start = Callable[[Context], Request | Conversation]


class Tokens:
    """The token that all conversations with one destination share.

    One conversation renews it at a time. Where several processes talk to one destination a subclass locks, reads the
    stored token and keeps the new one.
    """

    def __init__(self, token: Token) -> None:
        self.current = token
        self._is_busy = False
        self._refused: tuple[Token, Verdict] | None = None

    def acquire(self) -> bool:
        """Whether the caller may renew the token now; it calls `release` then."""
        if self._is_busy:
            return False
        self._is_busy = True
        return True

    def release(self) -> None:
        self._is_busy = False

    def reload(self) -> None:
        """Take over a token that somebody else stored."""

    def renew(self, token: Token) -> None:
        """Use a new token from now on."""
        self.current = token

    def refuse(self, verdict: Verdict) -> None:
        """The token there is cannot be renewed."""
        self._refused = (self.current, verdict)

    @property
    def refusal(self) -> Verdict | None:
        """Why the current token cannot be renewed, when that was tried before."""
        return self._refused[1] if self._refused is not None and self._refused[0] == self.current else None


def converse(start: Start, context: Context, *, auth: Auth | None = None, tokens: Tokens | None = None) -> Talk:
    """Run `start(context)` to a verdict and its result. Errors of the kit become verdicts, others pass.

    With an auth scheme that can renew its token: one is asked for when there is none, and after a 401 a new one, once,
    and the whole is run again. A verdict with status 401 then means that signing in does not help.

    Yields requests, and WAIT in place of one while another conversation renews the token: ask again after a moment, by
    sending anything.
    """
    if auth is None:
        return (yield from _judged(lambda: start(context), {}))
    shared = tokens or Tokens(context.token)
    used = shared.current
    if used.access_token or auth.refresh is None:
        verdict, result = yield from _signed(start, context, auth, used)
        if verdict.status != UNAUTHORIZED or auth.refresh is None:
            return verdict, result
    refused = yield from _renewed(auth, context, shared, used)
    if refused is not None:
        return refused, None
    return (yield from _signed(start, context, auth, shared.current))


def confirmed(
    confirm: Callable[[Context, list[ItemResult]], Conversation],
    context: Context,
    outcome: Outcome,
    *,
    auth: Auth | None,
    tokens: Tokens | None,
) -> Talk:
    """The outcome of a batch once the vendor has decided about the items that it only took note of.

    When it cannot be asked, what it said on accepting them stays.
    """
    results = outcome[1]
    if not isinstance(results, list) or all(result.ticket is None for result in results):
        return outcome
    found = yield from converse(lambda known: confirm(known, results), context, auth=auth, tokens=tokens)
    return found if found[0].outcome == "delivered" else outcome


def _signed(start: Start, context: Context, auth: Auth, token: Token) -> Talk:
    known = msgspec.structs.replace(context, token=token)
    return (yield from _judged(lambda: start(known), auth.headers(known)))


def _renewed(
    auth: Auth, context: Context, tokens: Tokens, used: Token
) -> Generator[Request, AnyResponse, Verdict | None]:
    """See to it that `tokens` holds another token than the one used; the verdict when there is none to be had."""
    refresh = auth.refresh
    assert refresh is not None
    while not tokens.acquire():
        yield WAIT
    try:
        if tokens.current == used:
            tokens.reload()
        if tokens.current != used:
            return None
        if tokens.refusal is not None:
            return tokens.refusal
        known = msgspec.structs.replace(context, token=used)
        verdict, token = yield from _judged(lambda: refresh(known), {})
        if verdict.outcome == "delivered":
            tokens.renew(token)
            return None
        if verdict.status == UNAUTHORIZED:
            tokens.refuse(verdict)
        return verdict
    finally:
        tokens.release()


def drive(conversation: Conversation, headers: Mapping[str, str]) -> Generator[Request, AnyResponse, Any]:
    """Yield the requests of an action; hand it each response, or raise HttpError in it; return what it returns."""
    try:
        request = next(conversation)
        while True:
            if pause_of(request) is not None:
                yield request
                request = next(conversation)
                continue
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
    if isinstance(result, Verdict):
        return result, None
    return DELIVERED, result


def item_verdicts(verdict: Verdict, result: Any, count: int) -> list[Verdict]:
    """The verdict of each item of a batch: the batch's own, or its ItemResults one by one.

    An item that the connector did not answer for counts as a 500, to be tried again.
    """
    if verdict.outcome != "delivered" or not isinstance(result, list):
        return [verdict] * count
    results = item_results(result, count)
    # Nearly all items of a batch share the very same result.
    verdicts = {id(item): item.verdict() for item in {id(item): item for item in results}.values()}
    return [verdicts[id(item)] for item in results]


def item_results(result: list[ItemResult], count: int) -> list[ItemResult]:
    """The results of a batch of `count`, with one for every item that the connector did not answer for."""
    missing = ItemResult(
        status=500, code="PAYLOAD_VALIDATION_FAILED", message="The connector did not answer for this item."
    )
    return [*result[:count], *[missing] * (count - len(result))]
