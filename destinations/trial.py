"""Running a connector without a database or network: its tests, the conformance cases and `render_action` share this.

The way of an event is that of the worker: trigger, mapping, checks, action, verdict. Answers come from a transport.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from destinations.kit.auth import Auth
from destinations.kit.contexts import event_context
from destinations.kit.conversation import Tokens, confirmed, converse, item_results, item_verdicts
from destinations.kit.definition import NO_TOKEN, Action, Context, Conversation, DestinationDefinition, Item, Token
from destinations.kit.http import AnyResponse, Request, Response
from destinations.kit.steering import read_steering
from destinations.kit.verdicts import Verdict
from destinations.resolving import MappingProblem, compile_mapping
from engine.fql import parse
from engine.mapping.payload import PayloadError, prepare_payload

NOW = datetime(2024, 5, 6, 10, tzinfo=UTC)
NOT_SUBSCRIBED = "not subscribed"

Send = Callable[[Request], AnyResponse]


@dataclass(frozen=True, kw_only=True)
class EventResult:
    """What became of one event. `sent` and `body` are what the connector told of it."""

    verdict: Verdict
    payload: Mapping[str, Any] | None = None
    membership: bool | None = None
    sent: Any = None
    body: Any = None


@dataclass(kw_only=True)
class Trial:
    """What a run did. `failure` is the verdict of a batch that failed as a whole."""

    results: list[EventResult]
    failure: Verdict | None = None
    token: Token = NO_TOKEN

    @property
    def verdicts(self) -> list[Verdict]:
        return [result.verdict for result in self.results]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A configured connector, and the mapping of one of its actions (by default the one a new mapping starts with)."""

    definition: DestinationDefinition
    settings: Mapping[str, Any] = field(default_factory=dict)
    operator: Mapping[str, str] = field(default_factory=dict)
    token: Token = NO_TOKEN
    now: datetime = NOW

    def context(self, **more: Any) -> Context:
        return Context(settings=self.settings, operator=self.operator, token=self.token, now=self.now, **more)

    def settings_problem(self) -> str:
        """Why the settings cannot be used; those of signing in are judged by the vendor."""
        own = self.definition.auth.fields if self.definition.auth else ()
        declared = [item for item in self.definition.settings if item not in own]
        try:
            prepare_payload(dict(self.settings), declared)
        except PayloadError as error:
            return str(error)
        return ""


def send_all(conversation: Generator[Request, AnyResponse, Any], send: Send) -> Any:
    """Drive a conversation to its result."""
    try:
        request = next(conversation)
        while True:
            request = conversation.send(send(request))
    except StopIteration as stop:
        return stop.value
    finally:
        conversation.close()


def operate(subject: Subject, start: Callable[[Context], Request | Conversation], context: Context, send: Send) -> Any:
    """One operation that is no event: create or get an audience, test the connection. Returns (verdict, result)."""
    return send_all(converse(start, context, auth=subject.definition.auth), send)


def run_events(
    subject: Subject,
    action: Action,
    events: Sequence[Mapping[str, Any]],
    *,
    send: Send,
    mapping: Mapping[str, Any] | None = None,
    trigger: str | None = None,
    as_batch: bool = False,
    is_confirmed: bool = False,
) -> Trial:
    """Deliver `events` by an action, each alone or all as one batch.

    `trigger` None is the action's default, "" lets everything through. `is_confirmed`: a vendor that works on a batch
    later is asked what came of it, as by the worker.
    """
    fields = dict(action.default_fields() if mapping is None else mapping)
    problem = subject.settings_problem()
    if problem:
        refused = Verdict(outcome="failed", code="INVALID_SETTINGS", detail=problem, status=400)
        return Trial(results=[EventResult(verdict=refused) for _event in events], failure=refused)
    told = action.default_trigger if trigger is None else trigger
    matches = parse(told).matches if told else _always
    steering = read_steering(action, fields)
    resolver = compile_mapping(fields, action.fields, is_batch=as_batch)
    tokens = Tokens(subject.token)
    results: list[EventResult] = []
    items: list[tuple[int, Item, Context]] = []
    for event in events:
        context = event_context(
            subject.settings,
            event,
            steering=steering,
            mapping=fields,
            operator=subject.operator,
            token=tokens.current,
            now=subject.now,
        )
        if not matches(event):
            results.append(EventResult(verdict=_skipped(as_batch=as_batch)))
            continue
        try:
            payload = resolver.payload(event)
        except MappingProblem as error:
            verdict = Verdict(outcome="failed", code="PAYLOAD_VALIDATION_FAILED", detail=str(error), status=400)
            results.append(EventResult(verdict=verdict))
            continue
        item = Item(index=len(items), payload=payload, membership=context.membership, event=event)
        items.append((len(results), item, context))
        results.append(EventResult(verdict=_PENDING, payload=payload, membership=context.membership))
    trial = Trial(results=results)
    auth = subject.definition.auth
    if as_batch and items:
        _run_batch(trial, action, items, auth, tokens=tokens, send=send, is_confirmed=is_confirmed)
    else:
        for place, item, context in items:
            verdict, result = send_all(
                converse(
                    lambda known, item=item: action.run(known, item.payload, item.event),  # type: ignore[misc]
                    context,
                    auth=auth,
                    tokens=tokens,
                ),
                send,
            )
            results[place] = _told(results[place], verdict, result)
    trial.token = tokens.current
    return trial


def _run_batch(
    trial: Trial,
    action: Action,
    items: list[tuple[int, Item, Context]],
    auth: Auth | None,
    *,
    tokens: Tokens,
    send: Send,
    is_confirmed: bool,
) -> None:
    perform = action.perform_batch
    assert perform is not None, f"The action {action.key} takes no batches."
    context = items[0][2]
    talk = converse(
        lambda known: perform(known, [item for _place, item, _context in items]), context, auth=auth, tokens=tokens
    )
    verdict, result = send_all(talk, send)
    if is_confirmed and action.confirm is not None:
        verdict, result = send_all(
            confirmed(action.confirm, context, (verdict, result), auth=auth, tokens=tokens), send
        )
    if verdict.outcome != "delivered":
        trial.failure = verdict
    verdicts = item_verdicts(verdict, result, len(items))
    told = item_results(result, len(items)) if isinstance(result, list) else [result] * len(items)
    for (place, _item, _context), one, said in zip(items, verdicts, told, strict=True):
        trial.results[place] = _told(trial.results[place], one, said)


def _told(found: EventResult, verdict: Verdict, said: Any) -> EventResult:
    sent, body = getattr(said, "sent", None), getattr(said, "body", None)
    if isinstance(said, Response):
        sent = body = None
    return EventResult(verdict=verdict, payload=found.payload, membership=found.membership, sent=sent, body=body)


def _always(_event: Any) -> bool:
    return True


def _skipped(*, as_batch: bool) -> Verdict:
    if not as_batch:
        return Verdict(outcome="failed", code="NO_MATCHING_MAPPING", detail=NOT_SUBSCRIBED)
    return Verdict(
        outcome="failed",
        code="NO_MATCHING_MAPPING",
        detail="The event does not match the trigger of the mapping.",
        status=400,
    )


_PENDING = Verdict(outcome="failed", code="PENDING")
