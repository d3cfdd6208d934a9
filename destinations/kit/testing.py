"""Running connectors in tests: a recording transport in place of the network."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destinations.kit.conversation import converse, item_verdicts
from destinations.kit.definition import Action, Context
from destinations.kit.http import Request, Response
from destinations.kit.verdicts import Verdict


@dataclass
class Recording:
    """Answers requests in order (the last answer repeats; none is 200) and keeps them."""

    answers: Sequence[Response] = ()
    requests: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        if not self.answers:
            return Response(status=200)
        return self.answers[min(len(self.requests), len(self.answers)) - 1]

    def run(self, conversation: Generator[Request, Any, Any]) -> Any:
        """Drive a conversation to its result."""
        try:
            request = next(conversation)
            while True:
                request = conversation.send(self.send(request))
        except StopIteration as stop:
            return stop.value


@dataclass(frozen=True)
class Ran:
    """What an action did: its requests and its verdicts (one, or one per item of a batch)."""

    requests: list[Request]
    verdicts: list[Verdict]
    result: Any = None

    @property
    def request(self) -> Request:
        assert len(self.requests) == 1, f"{len(self.requests)} requests were made"
        return self.requests[0]

    @property
    def verdict(self) -> Verdict:
        assert len(self.verdicts) == 1, f"{len(self.verdicts)} verdicts were given"
        return self.verdicts[0]


def run_action(
    action: Action,
    payload: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    answers: Sequence[Response] = (),
    context: Context | None = None,
) -> Ran:
    """Run an action with one payload against `answers`."""
    about = context or Context(settings=settings or {})
    return run(lambda: action.perform(about, dict(payload)), answers=answers)


def run_batch(
    action: Action,
    payloads: Sequence[Mapping[str, Any]],
    *,
    settings: Mapping[str, Any] | None = None,
    answers: Sequence[Response] = (),
    context: Context | None = None,
) -> Ran:
    """Run an action with a batch of payloads against `answers`."""
    assert action.perform_batch is not None
    perform, about = action.perform_batch, context or Context(settings=settings or {})
    return run(lambda: perform(about, [dict(item) for item in payloads]), answers=answers, count=len(payloads))


def run(start: Callable[[], Any], *, answers: Sequence[Response] = (), count: int = 1) -> Ran:
    """Run anything that starts a conversation: an action, a list sync, a connection test."""
    recording = Recording(answers)
    verdict, result = recording.run(converse(start))
    return Ran(recording.requests, item_verdicts(verdict, result, count), result)
