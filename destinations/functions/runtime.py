"""Running a handler of a function: JavaScript in QuickJS, each event in a context of its own.

The code reaches nothing but what `prelude.js` gives it. A `fetch` becomes a Request that the conversation yields, so
whoever runs it (worker, tester) sends it by the guarded client, caps, records and retries it as any other.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import quickjs

from destinations.kit.errors import NetworkError, PayloadValidationError
from destinations.kit.http import HttpError, Request, Response, checked_headers, checked_url
from destinations.kit.json_text import js_json
from destinations.kit.redaction import redact
from destinations.kit.verdicts import DELIVERED, ItemResult, Verdict

MEMORY_BYTES = 32 * 1024 * 1024
STACK_BYTES = 256 * 1024
# Of computing, over the whole event; waiting for answers does not count.
CPU_SECONDS = 1.0
MOST_REQUESTS = 20
MOST_CODE = 200_000
ANSWER_BYTES = 1_000_000

HANDLERS = {
    "onIdentify": "identify",
    "onTrack": "track",
    "onPage": "page",
    "onScreen": "screen",
    "onGroup": "group",
    "onAlias": "alias",
    "onDelete": "delete",
    "onBatch": "",
}
HANDLER_OF = {kind: name for name, kind in HANDLERS.items() if kind}

# All code is "<input>" to QuickJS: lines from here on are the prelude's and mean nothing to who wrote the function.
MOST_LINES = 20_000
_PRELUDE = "\n" * MOST_LINES + (Path(__file__).parent / "prelude.js").read_text(encoding="utf-8")
_FRAME = re.compile(r"<input>:(\d+)")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

Conversation = Generator[Request, Response, Verdict | list[ItemResult]]


class FunctionError(Exception):
    """The code cannot be run. `code` is that of the verdict, `line` the place in the code when it is known."""

    def __init__(self, message: str, *, code: str = "INTERNAL", line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.line = line


class _Asked(msgspec.Struct, kw_only=True):
    """A request that the function made, as the prelude hands it out."""

    id: int
    method: str
    url: str
    headers: dict[str, str]
    body: str | None


class _Line(msgspec.Struct, kw_only=True):
    level: str
    text: str


class _State(msgspec.Struct, kw_only=True):
    done: bool
    error: dict[str, Any] | None
    value: Any
    requests: list[_Asked]


@dataclass(kw_only=True)
class _Budget:
    """Computing time that is left, over all turns of an event."""

    seconds: float = CPU_SECONDS
    began: float = field(default=0.0)

    @contextmanager
    def turn(self, context: Any) -> Iterator[None]:
        if self.seconds <= 0:
            raise _too_slow()
        context.set_time_limit(self.seconds)
        self.began = time.thread_time()
        try:
            yield
        finally:
            self.seconds -= time.thread_time() - self.began

    def check(self) -> None:
        if time.thread_time() - self.began > self.seconds:
            raise _too_slow()


class Sandbox:
    """One context with the function's code in it. Use it in the thread that made it."""

    def __init__(self, code: str) -> None:
        self._context = quickjs.Context()
        self._context.set_memory_limit(MEMORY_BYTES)
        self._context.set_max_stack_size(STACK_BYTES)
        self._budget = _Budget()
        self._host = self._context.eval(_PRELUDE)
        with self._guarded():
            self._context.eval(code)
            self._run_jobs()

    def ask(self, command: str, argument: Any = None) -> Any:
        with self._guarded():
            answer = self._host(command, js_json(argument).decode())
            self._run_jobs()
        return json.loads(answer)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with self._budget.turn(self._context):
                yield
        except quickjs.StackOverflow:
            raise FunctionError("The function calls itself too deeply.") from None
        except quickjs.JSException as error:
            raise _translated(str(error)) from None
        except MemoryError:
            raise _too_large() from None

    def _run_jobs(self) -> None:
        while self._context.execute_pending_job():
            self._budget.check()


def handlers_of(code: str) -> list[str]:
    """The handlers that the code defines. FunctionError when it cannot be run at all."""
    found: list[str] = Sandbox(code).ask("handlers", list(HANDLERS))
    return found


def run_handler(
    code: str,
    handler: str,
    given: Any,
    settings: Mapping[str, Any],
    *,
    secrets: Sequence[str] = (),
    count: int | None = None,
) -> Conversation:
    """Run `handler(given, settings)` to its verdict, yielding its requests one by one.

    `secrets` are keys of settings whose values must not get into what is told. With `count` it is a batch: the handler
    may return a list of `{status, errorMessage}`, one an event.
    """
    found = yield from _run(code, handler, given, settings, count)
    hidden = [str(settings[key]) for key in secrets if settings.get(key)]
    if isinstance(found, list):
        return [replace(one, message=redact(one.message, hidden)) for one in found]
    if not hidden or not (found.detail or found.logs):
        return found
    logs = tuple(redact(line, hidden) for line in found.logs)
    return replace(found, detail=redact(found.detail, hidden), logs=logs)


def _run(code: str, handler: str, given: Any, settings: Mapping[str, Any], count: int | None) -> Conversation:
    logs: list[str] = []
    try:
        sandbox = Sandbox(code)
        sandbox.ask("start", {"handler": handler, "input": given, "settings": dict(settings), "most": MOST_REQUESTS})
        state = yield from _turns(sandbox, logs)
    except FunctionError as error:
        return Verdict(outcome="failed", code=error.code, detail=_placed(handler, error), logs=tuple(logs))
    if state.error is not None:
        return _judged(handler, state.error, tuple(logs))
    if count is not None and isinstance(state.value, list):
        return _item_results(state.value, count)
    return Verdict(outcome="delivered", status=DELIVERED.status, logs=tuple(logs)) if logs else DELIVERED


def _turns(sandbox: Sandbox, logs: list[str]) -> Generator[Request, Response, _State]:
    waiting: list[_Asked] = []
    while True:
        try:
            state = msgspec.convert(sandbox.ask("state"), _State)
        except msgspec.ValidationError:
            # Code that rewrites the language's own objects gets here.
            raise FunctionError("The function broke what it runs in.") from None
        finally:
            logs += _drained(sandbox)
        waiting += state.requests
        if state.done:
            return state
        if not waiting:
            raise FunctionError("The function waits for a promise that nothing will settle.")
        yield from _exchange(sandbox, waiting.pop(0))


def _exchange(sandbox: Sandbox, asked: _Asked) -> Generator[Request, Response, None]:
    """Send one request and hand the function its answer, whatever that is."""
    try:
        if asked.method not in _METHODS:
            raise PayloadValidationError(f"fetch cannot use the method {asked.method[:20]!r}.")
        headers = checked_headers(asked.headers)
        url = checked_url(asked.url)
    except PayloadValidationError as error:
        sandbox.ask("fail", {"id": asked.id, "message": error.message, "network": None})
        return
    body = None if asked.body is None else asked.body.encode("utf-8", "replace")
    try:
        response = yield Request(method=asked.method, url=url, headers=headers, body=body)
    except HttpError as error:
        response = error.response
    except NetworkError as error:
        network = {"code": error.code, "isRetried": error.is_retried}
        sandbox.ask("fail", {"id": asked.id, "message": error.message, "network": network})
        return
    if len(response.body) > ANSWER_BYTES:
        sandbox.ask("fail", {"id": asked.id, "message": "The answer is larger than 1 MB.", "network": None})
        return
    answer = {
        "status": response.status,
        "reason": response.reason,
        "url": url,
        "headers": dict(response.headers),
        "body": response.text,
    }
    sandbox.ask("settle", {"id": asked.id, "answer": answer})


def _drained(sandbox: Sandbox) -> list[str]:
    try:
        lines = msgspec.convert(sandbox.ask("logs"), list[_Line])
    except (FunctionError, msgspec.ValidationError):
        return []
    return [line.text if line.level == "log" else f"{line.level}: {line.text}" for line in lines]


def _judged(handler: str, error: Mapping[str, Any], logs: tuple[str, ...]) -> Verdict:
    """What an error that left the handler means (delivery-and-observability.md §4)."""
    name, message = error["name"], error["message"] or "no message"
    network = error.get("network")
    if network:
        outcome: Literal["retry", "failed"] = "retry" if network["isRetried"] else "failed"
        return Verdict(outcome=outcome, code=network["code"], detail=f"{handler}: {message}", logs=logs)
    if name == "RetryError":
        return Verdict(outcome="retry", code="RETRY", detail=f"{handler} asks for another try: {message}", logs=logs)
    if name == "EventNotSupported":
        detail = f"{handler} does not support the event: {message}"
        return Verdict(outcome="filtered", code="UNSUPPORTED_EVENT_TYPE", detail=detail, logs=logs)
    if name in ("InvalidEventPayload", "ValidationError"):
        detail = f"{handler} refused the event ({name}): {message}"
        return Verdict(outcome="failed", code="MESSAGE_REJECTED", detail=detail, status=400, logs=logs)
    if (name, message) == ("InternalError", "out of memory"):
        told = _too_large()
    else:
        told = FunctionError(f"{name}: {message}", line=_line(error["stack"]))
    return Verdict(outcome="failed", code=told.code, detail=_placed(handler, told), logs=logs)


def _item_results(values: Sequence[Any], count: int) -> list[ItemResult]:
    results = []
    for value in values[:count]:
        told = value if isinstance(value, dict) else {}
        status = told.get("status", 200)
        if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
            status = 500
        message = str(told.get("errorMessage") or told.get("errormessage") or "")
        results.append(ItemResult(status=status, message=message or f"onBatch gave the status {status}."))
    return results


def _translated(text: str) -> FunctionError:
    """QuickJS's own words in ours: `SyntaxError: …` and the frames below it."""
    message, _, frames = text.partition("\n")
    if message.startswith("InternalError: interrupted"):
        return _too_slow()
    if message.startswith("InternalError: out of memory"):
        return _too_large()
    return FunctionError(message, line=_line(frames))


def _line(frames: str) -> int | None:
    """The line of the function's own code in which it happened."""
    return next((line for found in _FRAME.findall(frames) if (line := int(found)) <= MOST_LINES), None)


def _placed(handler: str, error: FunctionError) -> str:
    where = f" (line {error.line})" if error.line else ""
    return f"{handler} failed{where}: {error.message}"


def _too_slow() -> FunctionError:
    return FunctionError(f"It computed for longer than {CPU_SECONDS:g} s and was stopped.", code="GATEWAY_TIMEOUT")


def _too_large() -> FunctionError:
    return FunctionError(
        f"It needed more than {MEMORY_BYTES // 1024 // 1024} MB and was stopped.", code="OUT_OF_MEMORY"
    )
