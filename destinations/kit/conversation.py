"""Driving an action: requests out, responses in, one verdict at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from destinations.kit.definition import Conversation
from destinations.kit.errors import APIError, DeliveryError
from destinations.kit.http import AnyResponse, Request, Response, as_response
from destinations.kit.verdicts import DELIVERED, ItemResult, Verdict, judge, judge_error


class HttpError(APIError):
    """An answer that is no success, raised inside the action that asked. Uncaught, `judge` decides."""

    def __init__(self, response: Response) -> None:
        super().__init__(
            f"The destination answered {response.status} {response.reason}".rstrip() + ".", status=response.status
        )
        self.response = response


def drive(conversation: Conversation) -> Generator[Request, AnyResponse, Any]:
    """Yield the requests of an action; hand it each response, or raise HttpError in it; return what it returns."""
    try:
        request = next(conversation)
        while True:
            response = as_response((yield request))
            request = conversation.send(response) if response.is_success else conversation.throw(HttpError(response))
    except StopIteration as stop:
        return stop.value
    finally:
        conversation.close()


def converse(start: Callable[[], Request | Conversation]) -> Generator[Request, AnyResponse, tuple[Verdict, Any]]:
    """Run an action from its start to a verdict and its result. Errors of the kit become verdicts, others pass."""
    try:
        begun = start()
        if isinstance(begun, Request):
            response = as_response((yield begun))
            return judge(response), response
        result = yield from drive(begun)
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
    verdicts = [item.verdict() for item in result[:count]]
    missing = Verdict(outcome="retry", code="500", detail="The destination did not answer for this item.", status=500)
    return verdicts + [missing] * (count - len(verdicts))
