from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import pytest

from destinations.functions.runtime import FunctionError, handlers_of, run_handler
from destinations.kit.conversation import converse
from destinations.kit.definition import Context
from destinations.kit.errors import NetworkError
from destinations.kit.http import Request, Response
from destinations.kit.testing import Recording, answer
from destinations.kit.verdicts import Verdict

EVENT = {
    "type": "track",
    "event": "Audience Entered",
    "userId": "u1",
    "context": {"personas": {"computation_key": "vip", "computation_class": "audience"}},
}


def ran(
    body: str, *, settings: dict[str, Any] | None = None, responses: Sequence[Response] = (), handler: str = "onTrack"
) -> tuple[Verdict, list[Request]]:
    recording = Recording(list(responses))
    code = f"async function {handler}(event, settings) {{\n{body}\n}}"
    conversation = converse(
        lambda _context: run_handler(code, handler, EVENT, settings or {}), Context(settings=settings or {})
    )
    verdict, _result = recording.run(conversation)
    return verdict, recording.requests


def test_a_handler_receives_the_event_and_its_settings() -> None:
    """F039: `event.context.personas` reaches a destination function."""
    verdict, requests = ran(
        """
        const answer = await fetch(`${settings.url}/people`, {
          method: "post",
          headers: { "Content-Type": "application/json", "X-Key": settings.key },
          body: JSON.stringify({ id: event.userId, audience: event.context.personas.computation_key }),
        });
        console.log("answered", answer.status, answer.ok, await answer.json(), answer.headers.get("X-Left"));
        """,
        settings={"url": "https://acme.example", "key": "k1"},
        responses=[Response(status=201, headers={"x-left": "9"}, body=b'{"id": 5}')],
    )

    assert (verdict.outcome, verdict.logs) == ("delivered", ('answered 201 true {"id":5} 9',))
    [request] = requests
    assert (request.method, request.url) == ("POST", "https://acme.example/people")
    assert request.headers == {"content-type": "application/json", "x-key": "k1"}
    assert json.loads(request.body or b"") == {"id": "u1", "audience": "vip"}


@pytest.mark.parametrize(
    ("thrown", "outcome", "code", "detail"),
    [
        (
            'new RetryError("busy")',
            "retry",
            "RETRY",
            "onTrack asks for another try: busy",
        ),
        (
            'new EventNotSupported("no tracks")',
            "filtered",
            "UNSUPPORTED_EVENT_TYPE",
            "onTrack does not support the event: no tracks",
        ),
        (
            'new InvalidEventPayload("no e-mail")',
            "failed",
            "MESSAGE_REJECTED",
            "onTrack refused the event (InvalidEventPayload): no e-mail",
        ),
        (
            'new ValidationError("bad")',
            "failed",
            "MESSAGE_REJECTED",
            "onTrack refused the event (ValidationError): bad",
        ),
        ('new Error("oops")', "failed", "INTERNAL", "onTrack failed (line 2): Error: oops"),
        ('"text"', "failed", "INTERNAL", "onTrack failed: Error: text"),
    ],
)
def test_each_kind_of_error_has_its_outcome(thrown: str, outcome: str, code: str, detail: str) -> None:
    """F038: errors of destination functions decide about another try (delivery-and-observability.md §4)."""
    verdict, requests = ran(f"throw {thrown};")

    assert (verdict.outcome, verdict.code, verdict.detail) == (outcome, code, detail)
    assert requests == []


def test_a_mistake_in_the_code_names_its_line() -> None:
    verdict, _requests = ran("const a = 1;\nreturn event.missing.member;")

    assert verdict.detail == "onTrack failed (line 3): TypeError: cannot read property 'member' of undefined"


def test_an_answer_that_is_no_success_is_left_to_the_function() -> None:
    verdict, _requests = ran(
        'const answer = await fetch("https://acme.example/"); if (!answer.ok) throw new RetryError(answer.statusText);',
        responses=[answer(503)],
    )

    assert (verdict.outcome, verdict.detail) == ("retry", "onTrack asks for another try: Service Unavailable")


@pytest.mark.parametrize(("is_retryable", "outcome"), [(True, "retry"), (False, "failed")])
def test_a_network_error_that_nobody_catches_is_judged_as_such(is_retryable: bool, outcome: str) -> None:
    code = 'async function onTrack() { await fetch("https://acme.example/"); }'
    conversation = converse(lambda _context: run_handler(code, "onTrack", EVENT, {}), Context(settings={}))
    next(conversation)

    with pytest.raises(StopIteration) as stopped:
        conversation.throw(NetworkError("It refused.", code="ECONNREFUSED", is_retryable=is_retryable))

    verdict, _result = stopped.value.value
    assert (verdict.outcome, verdict.code, verdict.detail) == (outcome, "ECONNREFUSED", "onTrack: It refused.")


def test_requests_made_together_all_get_their_answers() -> None:
    verdict, requests = ran(
        """
        const found = await Promise.all(["a", "b", "c"].map(async (name) =>
          (await fetch(`https://acme.example/${name}`)).text()));
        console.log(found);
        """,
        responses=[Response(status=200, body=name) for name in (b"1", b"2", b"3")],
    )

    assert [request.url[-1] for request in requests] == ["a", "b", "c"]
    assert verdict.logs == ('["1","2","3"]',)


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (
            "while (true) {}",
            "GATEWAY_TIMEOUT",
            "onTrack failed: It computed for longer than 1 s and was stopped.",
        ),
        (
            "while (true) await null;",
            "GATEWAY_TIMEOUT",
            "onTrack failed: It computed for longer than 1 s and was stopped.",
        ),
        (
            'const kept = []; while (true) kept.push("x".repeat(100000) + kept.length);',
            "OUT_OF_MEMORY",
            "onTrack failed: It needed more than 32 MB and was stopped.",
        ),
        (
            "const deep = () => deep() + 1; deep();",
            "INTERNAL",
            "onTrack failed (line 2): RangeError: Maximum call stack size exceeded",
        ),
        (
            "await new Promise(() => {});",
            "INTERNAL",
            "onTrack failed: The function waits for a promise that nothing will settle.",
        ),
        (
            'for (let n = 0; n < 30; n += 1) await fetch("https://acme.example/");',
            "INTERNAL",
            "onTrack failed (line 2): Error: A function can make 20 requests at most for one call.",
        ),
        (
            'await fetch("file:///etc/passwd");',
            "INTERNAL",
            "onTrack failed: TypeError: url is not a web address that starts with http:// or https://.",
        ),
        (
            'await fetch("https://acme.example/", { method: "connect" });',
            "INTERNAL",
            "onTrack failed: TypeError: fetch cannot use the method 'CONNECT'.",
        ),
        ("setTimeout(() => {}, 1);", "INTERNAL", "onTrack failed (line 2): ReferenceError: setTimeout is not defined"),
        (
            'Object.prototype.toJSON = () => "x";',
            "INTERNAL",
            "onTrack failed: The function broke what it runs in.",
        ),
    ],
)
def test_limits_end_a_function_with_a_sentence(body: str, code: str, detail: str) -> None:
    """F038: limits of memory, time and calls."""
    verdict, requests = ran(body)

    assert (verdict.outcome, verdict.code, verdict.detail) == ("failed", code, detail)
    assert len(requests) <= 20


def test_nothing_of_the_machine_can_be_reached() -> None:
    verdict, _requests = ran(
        'console.log(["require", "process", "std", "os", "Deno", "Worker"].filter((name) => name in globalThis));'
    )

    assert verdict.logs == ("[]",)


def test_hashes_and_encodings_are_those_of_everybody() -> None:
    text = "Füße € 🎈" + "x" * 200
    verdict, _requests = ran(
        """
        console.log(crypto.createHash("sha256").update(settings.text).digest("hex"));
        console.log(crypto.createHmac("sha256", "key").update(settings.text).digest("base64"));
        console.log(btoa("a:b"), atob("YTpi"), new URLSearchParams({ q: "a b&c", n: 1 }).toString());
        """,
        settings={"text": text},
    )

    digest = hmac.new(b"key", text.encode(), hashlib.sha256).digest()
    assert verdict.logs == (
        hashlib.sha256(text.encode()).hexdigest(),
        base64.b64encode(digest).decode(),
        "YTpi a:b q=a+b%26c&n=1",
    )


def test_one_event_leaves_nothing_for_the_next() -> None:
    code = "let seen = 0; async function onTrack() { seen += 1; console.log(seen); }"

    logs = [
        Recording()
        .run(converse(lambda _context: run_handler(code, "onTrack", EVENT, {}), Context(settings={})))[0]
        .logs
        for _time in range(2)
    ]

    assert logs == [("1",), ("1",)]


def test_too_many_lines_are_cut() -> None:
    verdict, _requests = ran("for (let n = 0; n < 500; n += 1) console.warn(n);")

    assert len(verdict.logs) == 101
    assert verdict.logs[-2:] == ("warn: 99", "warn: Only the first 100 lines are kept.")


def test_the_handlers_of_a_code_are_found() -> None:
    code = "const onTrack = async (event) => {}; function onBatch() {} const onPage = 5;"

    assert handlers_of(code) == ["onTrack", "onBatch"]


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        ("function onTrack( {", "SyntaxError: invalid property name", 1),
        ("\n\nthrow new Error('at once');", "Error: at once", 3),
        ("while (true) {}", "It computed for longer than 1 s and was stopped.", None),
    ],
)
def test_code_that_cannot_be_run_says_why(code: str, message: str, line: int | None) -> None:
    with pytest.raises(FunctionError) as caught:
        handlers_of(code)

    assert (caught.value.message, caught.value.line) == (message, line)


def test_a_batch_answers_for_each_of_its_events() -> None:
    code = 'const onBatch = (events) => events.map((e) => ({ status: e.ok ? 200 : 400, errorMessage: "no" }));'
    conversation = converse(
        lambda _context: run_handler(code, "onBatch", [{"ok": True}, {"ok": False}], {}, count=2), Context(settings={})
    )

    verdict, results = Recording().run(conversation)

    assert verdict.outcome == "delivered"
    assert [one.verdict().outcome for one in results] == ["delivered", "failed"]
    assert results[1].message == "no"
