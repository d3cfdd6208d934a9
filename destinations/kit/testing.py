"""Testing connectors: real actions and mappings against answers that the test gives (docs/connectors.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from destinations import trial
from destinations.kit.conversation import Tokens, converse, item_verdicts, pause_of
from destinations.kit.definition import (
    NO_TOKEN,
    Action,
    Audience,
    Context,
    DestinationDefinition,
    Item,
    Token,
)
from destinations.kit.http import Request, Response
from destinations.kit.verdicts import Verdict

AUDIENCE = Audience(id="aud_1", key="vip", name="VIP", space_id="spa_1")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Answers requests whose URL begins with `url` (and of `method`, when given), `times` times or for ever."""

    response: Response
    url: str = ""
    method: str = ""
    times: int | None = None


@dataclass
class Recording:
    """Answers requests and keeps them.

    Responses in a list answer in order (the last one repeats); Rules answer what they match, the first that does.
    What nothing answers gets `default`.
    """

    answers: Sequence[Response | Rule] = ()
    default: Response = field(default_factory=lambda: Response(status=200, body=b"{}"))
    requests: list[Request] = field(default_factory=list)
    used: dict[int, int] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        seconds = pause_of(request)
        if seconds is not None:
            self.pauses.append(seconds)
            return self.default
        self.requests.append(request)
        rules = [(place, rule) for place, rule in enumerate(self.answers) if isinstance(rule, Rule)]
        for place, rule in rules:
            spent = self.used.get(place, 0)
            if _matches(rule, request) and (rule.times is None or spent < rule.times):
                self.used[place] = spent + 1
                return rule.response
        plain = [answer for answer in self.answers if not isinstance(answer, Rule)]
        return plain[min(len(self.requests), len(plain)) - 1] if plain else self.default

    def run(self, conversation: Any) -> Any:
        """Drive a conversation to its result."""
        return trial.send_all(conversation, self.send)


def _matches(rule: Rule, request: Request) -> bool:
    is_method = not rule.method or rule.method.upper() == request.method.upper()
    return is_method and request.url.lower().startswith(rule.url.lower())


@dataclass(frozen=True)
class Ran:
    """What a run did: its requests and its verdicts (one an event). `token` is the one in use at the end."""

    requests: list[Request]
    verdicts: list[Verdict]
    result: Any = None
    token: Token = NO_TOKEN
    pauses: Sequence[float] = ()

    @property
    def request(self) -> Request:
        assert len(self.requests) == 1, f"{len(self.requests)} requests were made"
        return self.requests[0]

    @property
    def verdict(self) -> Verdict:
        assert len(self.verdicts) == 1, f"{len(self.verdicts)} verdicts were given"
        return self.verdicts[0]

    @property
    def outcomes(self) -> list[str]:
        """`delivered`, or the code: `400`, `PAYLOAD_VALIDATION_FAILED`, `NO_MATCHING_MAPPING` …"""
        return ["delivered" if one.outcome == "delivered" else one.code for one in self.verdicts]

    @property
    def bodies(self) -> list[Any]:
        """The bodies of all requests: JSON parsed, forms as dicts, anything else as text."""
        return [body_of(request) for request in self.requests]

    @property
    def calls(self) -> list[str]:
        """`POST https://…` of every request."""
        return [f"{request.method} {request.url}" for request in self.requests]


def body_of(request: Request) -> Any:
    if request.body is None:
        return None
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if "json" in kind:
        return json.loads(request.body)
    if "x-www-form-urlencoded" in kind:
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    return request.body.decode("utf-8", "replace")


def answer(status: int = 200, body: Any = None, **headers: str) -> Response:
    """A vendor's answer: `body` as JSON, or text as it is. `retry_after="3"` is the header Retry-After."""
    raw = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, body=raw, headers={"content-type": "application/json", **named})


def run_action(
    definition: DestinationDefinition,
    action: str,
    *,
    settings: Mapping[str, Any] | None = None,
    mapping: Mapping[str, Any] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
    responses: Sequence[Response | Rule] = (),
    trigger: str | None = None,
    as_batch: bool | None = None,
    token: Token = NO_TOKEN,
    operator: Mapping[str, str] | None = None,
    is_confirmed: bool = False,
) -> Ran:
    """Deliver `events` by an action of a connector and tell what it asked and what came of it.

    `mapping` is laid over the one that a new mapping starts with; a value of None takes a field out. `trigger` None is
    the action's own. `as_batch` None: several events go as one batch where the action takes batches.
    `is_confirmed`: then `Action.confirm` asks what came of them, without the pauses in between.
    """
    found = definition.action(action)
    assert found is not None, f"{definition.slug} has no action {action}"
    fields = {**found.default_fields(), **(mapping or {})}
    recording = Recording(responses)
    ran = trial.run_events(
        trial.Subject(definition=definition, settings=settings or {}, operator=operator or {}, token=token),
        found,
        events,
        send=recording.send,
        mapping={key: value for key, value in fields.items() if value is not None},
        trigger=trigger,
        as_batch=found.perform_batch is not None and (len(events) > 1 if as_batch is None else as_batch),
        is_confirmed=is_confirmed,
    )
    return Ran(recording.requests, ran.verdicts, ran, ran.token, recording.pauses)


def run_operation(
    definition: DestinationDefinition,
    operation: str,
    *,
    settings: Mapping[str, Any] | None = None,
    audience_settings: Mapping[str, Any] | None = None,
    external_audience_id: str = "",
    audience: Audience = AUDIENCE,
    responses: Sequence[Response | Rule] = (),
    token: Token = NO_TOKEN,
    operator: Mapping[str, str] | None = None,
) -> Ran:
    """Run `create_audience`, `get_audience`, `test_connection` or `refresh`; `result` is what it returned."""
    subject = trial.Subject(definition=definition, settings=settings or {}, operator=operator or {}, token=token)
    context = subject.context(
        audience_settings=audience_settings or {},
        external_audience_id=external_audience_id,
        computation_key=audience.key,
    )
    recording = Recording(responses)
    tokens = Tokens(token)
    if operation == "refresh":
        assert definition.auth is not None
        assert definition.auth.refresh is not None
        talk = converse(definition.auth.refresh, context)
    else:
        perform = getattr(definition, operation)
        about = () if operation == "test_connection" else (audience,)
        talk = converse(lambda known: perform(known, *about), context, auth=definition.auth, tokens=tokens)
    verdict, result = recording.run(talk)
    return Ran(recording.requests, [verdict], result, tokens.current)


def run(
    start: Callable[[Context], Any], *, context: Context | None = None, answers: Sequence[Response] = (), count: int = 1
) -> Ran:
    """Run anything that starts a conversation: a list sync, a hook."""
    recording = Recording(answers)
    verdict, result = recording.run(converse(start, context or Context(settings={})))
    return Ran(recording.requests, item_verdicts(verdict, result, count), result)


def run_payload(
    action: Action,
    payload: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    answers: Sequence[Response] = (),
    context: Context | None = None,
) -> Ran:
    """Run an action with a payload as it is, past mapping and checks."""
    about = context or Context(settings=settings or {})
    return run(lambda known: action.run(known, dict(payload), {}), context=about, answers=answers)


def run_payloads(
    action: Action,
    payloads: Sequence[Mapping[str, Any]],
    *,
    settings: Mapping[str, Any] | None = None,
    answers: Sequence[Response] = (),
    context: Context | None = None,
) -> Ran:
    """Run an action with a batch of payloads as they are."""
    perform = action.perform_batch
    assert perform is not None
    items = [Item(index=place, payload=dict(payload)) for place, payload in enumerate(payloads)]
    about = context or Context(settings=settings or {})
    return run(lambda known: perform(known, items), context=about, answers=answers, count=len(items))


def track(
    *,
    entered: bool = True,
    key: str = "vip",
    user_id: str | None = "u1",
    email: str | None = "ann@example.org",
    list_id: str = "",
    audience_settings: Mapping[str, Any] | None = None,
    **properties: Any,
) -> dict[str, Any]:
    """The Track call of an audience: `Audience Entered` or `Audience Exited`. `properties` come on top."""
    event = _event("track", entered=entered, key=key, user_id=user_id, list_id=list_id, settings=audience_settings)
    event["event"] = "Audience Entered" if entered else "Audience Exited"
    event["properties"] = {"audience_key": key, key: entered, **properties}
    if email is not None:
        event["context"]["traits"] = {"email": email}
    return event


def identify(
    *,
    entered: bool = True,
    key: str = "vip",
    user_id: str | None = "u1",
    email: str | None = "ann@example.org",
    list_id: str = "",
    audience_settings: Mapping[str, Any] | None = None,
    **traits: Any,
) -> dict[str, Any]:
    """The Identify call of an audience. `traits` come on top."""
    event = _event("identify", entered=entered, key=key, user_id=user_id, list_id=list_id, settings=audience_settings)
    event["traits"] = {key: entered, **({"email": email} if email is not None else {}), **traits}
    return event


def _event(
    kind: str, *, entered: bool, key: str, user_id: str | None, list_id: str, settings: Mapping[str, Any] | None
) -> dict[str, Any]:
    about: dict[str, Any] = {
        "computation_class": "audience",
        "computation_id": "aud_1",
        "computation_key": key,
        "namespace": "spa_1",
        "space_id": "spa_1",
    }
    if list_id:
        about["external_audience_id"] = list_id
    if settings:
        about["audience_settings"] = dict(settings)
    event: dict[str, Any] = {
        "type": kind,
        "messageId": f"personas_{kind}_{user_id}_{'in' if entered else 'out'}",
        "timestamp": "2024-05-06T07:08:09.123Z",
        "receivedAt": "2024-05-06T07:08:09.123Z",
        "context": {"personas": about},
        "integrations": {"All": False},
    }
    if user_id is not None:
        event["userId"] = user_id
    return event


class _Anything:
    """Equal to whatever it is compared with: for times and generated ids in expected bodies."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "ANYTHING"


ANYTHING: Any = _Anything()


@dataclass(frozen=True, kw_only=True)
class WorkerCase:
    """What the real worker is to send for one person; `tests/worker_cases.py` of a connector holds CASES of these.

    Profile `u1` with the e-mail `ann@example.org` (and `traits`) enters the audience `vip` ("VIP"), gains the e-mail
    `ann@work.example`, and leaves. Calls are `("POST https://…", body)` in order: JSON and forms as values, other
    bodies as text, None for none; ANYTHING stands for what differs from run to run.

    `kinds` are the calls that the connection sends. `mappings` (`{"action", "trigger", "fields"}`, the fields laid
    over the action's defaults) replace the presets. `responses` answer; anything else gets 200 and `{}`. Then
    the vendor answers the calls of another member with `failing` (all, or only those to URLs that begin with
    `failing_url`): nothing may be lost, and what is `retried` arrives later; with `retried` False it is a dead letter.
    """

    settings: Mapping[str, Any]
    added: Sequence[tuple[str, Any]]
    changed: Sequence[tuple[str, Any]]
    removed: Sequence[tuple[str, Any]]
    name: str = "preset"
    kinds: tuple[str, ...] = ("identify", "track")
    mappings: Sequence[Mapping[str, Any]] = ()
    audience_settings: Mapping[str, Any] = field(default_factory=dict)
    operator: Mapping[str, str] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    responses: Sequence[Rule] = ()
    failing: Response = field(default_factory=lambda: answer(503, "busy"))
    failing_url: str = ""
    retried: bool = True
