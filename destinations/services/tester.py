"""The event tester: one real call, made exactly as a worker makes it, with everything that was said on the way.

It changes no profile, audience or metric (F021). The last 20 tests of a destination are kept.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError, InvalidError
from common.http import Response, TransportError, send
from common.ids import BASE36, random_text
from destinations.config import DestinationConfig, load_config
from destinations.kit.conversation import WAIT, converse
from destinations.kit.errors import DeliveryError, NetworkError
from destinations.kit.http import Request
from destinations.kit.redaction import redact, shown_request, shown_response
from destinations.kit.verdicts import Verdict
from destinations.models import Destination, EventTest
from destinations.pipeline import Call, Failed, Filtered, FilterUse, Plan, plan
from destinations.services.tokens import StoredTokens
from spaces.models import User

KEPT = 20
_OUTCOMES = {"delivered": "delivered", "filtered": "filtered"}
# How long to wait for somebody else who signs in.
WAIT_SECONDS = 0.2
EVENT_LIMIT = 500_000
RESPONSE_LIMIT = 200_000
_NOT_STORABLE = re.compile(r"[\x00\ud800-\udfff]")

NO_TESTER_FOR_LISTS = (
    "List destinations receive batches of people at a cadence, not single calls, so there is no event tester for them."
)


def new_test_user_id() -> str:
    """`test-user-` and six characters (F016)."""
    return "test-user-" + random_text(BASE36, 6)


def new_test_message_id() -> str:
    return "segment-test-message-" + random_text(BASE36, 6)


def read_event(text: str) -> dict[str, Any]:
    """The JSON of the editor as an event; InvalidError at /event says where it breaks."""
    return checked_event(read_object(text, path="/event", what="The event"))


def read_object(text: str, *, path: str, what: str) -> Any:
    """Strict JSON that a person wrote. InvalidError at `path` names line and column."""
    if len(text) > EVENT_LIMIT:
        raise InvalidError.at(path, f"{what} is longer than {EVENT_LIMIT:,} characters.", "too_long")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        detail = f"This is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        raise InvalidError.at(path, detail, "invalid_json") from None
    except (ValueError, RecursionError) as error:
        raise InvalidError.at(path, f"This is not valid JSON: {error}.", "invalid_json") from None


def checked_event(event: Any) -> dict[str, Any]:
    """An object with a `type`, fit to be stored."""
    if not isinstance(event, dict):
        raise InvalidError.at("/event", "The event has to be a JSON object.", "not_an_object")
    if not isinstance(event.get("type"), str):
        detail = 'The event needs a "type": identify, track, page, screen, group or alias.'
        raise InvalidError.at("/event", detail, "type_required")
    try:
        text = json.dumps(event, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        detail = "The event is nested too deeply or holds a number that JSON does not know."
        raise InvalidError.at("/event", detail, "invalid_json") from None
    if _NOT_STORABLE.search(text) or "\\u0000" in text:
        raise InvalidError.at("/event", "The event holds a character that cannot be stored.", "invalid_character")
    return event


def send_test_event(
    *,
    destination: Destination,
    sent_by: User | None,
    event: Mapping[str, Any],
    only_mapping: str | None = None,
    applies_filters: bool = False,
) -> EventTest:
    """Make the calls that `event` makes at the destination, wait for the answers, and keep the record.

    A disabled destination is tested all the same; `only_mapping` tests one mapping, enabled or not. Filters only say
    what they would do, unless `applies_filters`. Whatever goes wrong on the way is in the result, not raised. It is
    `{"outcome": "delivered"|"filtered"|"failed", "code", "detail", "status_line", "stages": [{"name", "ok", "detail"}],
    "matched", "mappings", "calls": [{"mapping", "name", "outcome", "code", "detail", "status_line", "logs",
    "exchanges": [{"request", "response", "error"}]}]}`.
    """
    config = _testable(destination)
    checked = checked_event(dict(event))
    checked.setdefault("messageId", new_test_message_id())
    planned = _planned(config, checked, only_mapping, applies_filters=applies_filters)
    return keep(destination=destination, sent_by=sent_by, event=checked, result=send_plan(config, planned))


def keep(*, destination: Destination, sent_by: User | None, event: dict[str, Any], result: dict[str, Any]) -> EventTest:
    """Store a test among the last 20 of its destination."""
    test = EventTest.objects.create(destination=destination, sent_by=sent_by, event=event, result=result)
    with transaction.atomic():
        kept = EventTest.objects.filter(destination=destination).order_by("-pk").values_list("pk", flat=True)[:KEPT]
        EventTest.objects.filter(destination=destination).exclude(pk__in=list(kept)).delete()
    return test


def build_only(
    *,
    destination: Destination,
    event: Mapping[str, Any],
    only_mapping: str | None = None,
    applies_filters: bool = False,
) -> dict[str, Any]:
    """The same result, with the first request of each call built and nothing sent or kept."""
    config = _testable(destination)
    checked = checked_event(dict(event))
    planned = _planned(config, checked, only_mapping, applies_filters=applies_filters)
    return build_plan(config, planned)


def build_plan(config: DestinationConfig, planned: Plan) -> dict[str, Any]:
    """The result of a plan whose calls are built and not made."""
    calls = []
    for call in planned.calls:
        conversation = call.run()
        try:
            request = next(conversation)
            shown = [{"request": shown_request(request, config.secret_values), "response": None, "error": None}]
            calls.append(_shown_call(call, None, shown, config.secret_values))
        except StopIteration as stop:
            calls.append(_shown_call(call, stop.value, [], config.secret_values))
        finally:
            conversation.close()
    result: dict[str, Any] = storable(_result(config, planned, calls, is_sent=False))
    return result


def check_connection(destination: Destination) -> Verdict | None:
    """Whether the destination takes the settings; None when its connector has no harmless request to ask with."""
    config = load_config(destination.pk)
    if config is None or config.definition is None or config.definition.test_connection is None:
        return None
    test = config.definition.test_connection
    tokens = StoredTokens(config)
    context = config.context({}, now=timezone.now())
    verdict, _exchanges = _converse(converse(test, context, auth=config.definition.auth, tokens=tokens), tokens)
    return verdict


def _testable(destination: Destination) -> DestinationConfig:
    config = load_config(destination.pk)
    if config is None:
        raise ConflictError("This destination was deleted meanwhile.")
    if config.definition is not None and config.definition.kind == "list":
        raise ConflictError(NO_TESTER_FOR_LISTS)
    return config


def _planned(
    config: DestinationConfig, event: Mapping[str, Any], only_mapping: str | None, *, applies_filters: bool
) -> Plan:
    use: FilterUse = "apply" if applies_filters else "report"
    return plan(config, event, is_test=True, only_mapping=only_mapping, now=timezone.now(), filters=use)


def send_plan(config: DestinationConfig, planned: Plan) -> dict[str, Any]:
    """Make the calls of a plan and wait for the answers; the result as in `send_test_event`."""
    calls = []
    tokens = StoredTokens(config)
    for call in planned.calls:
        verdict, exchanges = _talk(call, tokens)
        calls.append(_shown_call(call, verdict, exchanges, tokens.secret_values))
    result: dict[str, Any] = storable(_result(config, planned, calls, is_sent=True))
    return result


def _talk(call: Call, tokens: StoredTokens) -> tuple[Verdict, list[dict[str, Any]]]:
    def verdict_and_none() -> Any:
        return (yield from call.run(tokens)), None

    return _converse(verdict_and_none(), tokens)


def _converse(conversation: Any, tokens: StoredTokens) -> tuple[Verdict, list[dict[str, Any]]]:
    made: list[tuple[Request, Response | TransportError]] = []
    try:
        verdict, _result = hear(conversation, made)
    finally:
        conversation.close()
    # Shown at the end: a token that came on the way must not be seen either.
    return verdict, [shown_exchange(request, result, tokens.secret_values) for request, result in made]


def hear(conversation: Any, made: list[tuple[Request, Response | TransportError]] | None = None) -> tuple[Verdict, Any]:
    """Talk to the destination and wait for the verdict and the result; `made` collects what was exchanged."""
    made = [] if made is None else made
    try:
        request: Request = next(conversation)
        while True:
            if request is WAIT:
                time.sleep(WAIT_SECONDS)
                request = conversation.send(None)
                continue
            try:
                response = send(request)
            except TransportError as error:
                made.append((request, error))
                failure = NetworkError(error.detail, code=error.code, is_retryable=error.is_retryable)
                request = conversation.throw(failure)
                continue
            made.append((request, response))
            request = conversation.send(response)
    except StopIteration as stop:
        verdict: Verdict = stop.value[0]
        return verdict, stop.value[1]
    except DeliveryError as error:
        return Verdict(outcome="failed", code=error.code, detail=error.message, status=error.status), None


def shown_exchange(request: Request, result: Response | TransportError, secrets: Collection[str]) -> dict[str, Any]:
    exchange: dict[str, Any] = {"request": shown_request(request, secrets), "response": None, "error": None}
    if isinstance(result, TransportError):
        exchange["error"] = {"code": result.code, "detail": redact(result.detail, secrets)}
    else:
        exchange["response"] = shown_response(result, secrets, limit=RESPONSE_LIMIT)
    return exchange


def _shown_call(
    call: Call, verdict: Verdict | None, exchanges: list[dict[str, Any]], secrets: Collection[str]
) -> dict[str, Any]:
    last = next((item["response"] for item in reversed(exchanges) if item["response"]), None)
    status_line = f"{last['status']} {last['reason']}".strip() if last else (verdict.code if verdict else "")
    return {
        "mapping": call.mapping_id,
        "name": call.name,
        "outcome": "built" if verdict is None else _OUTCOMES.get(verdict.outcome, "failed"),
        "is_retried": verdict is not None and verdict.outcome == "retry",
        "code": verdict.code if verdict else "",
        "detail": redact(verdict.detail, secrets) if verdict else "",
        "status_line": status_line,
        "logs": [redact(line, secrets) for line in verdict.logs] if verdict else [],
        "exchanges": exchanges,
    }


def _result(config: DestinationConfig, planned: Plan, calls: list[dict[str, Any]], *, is_sent: bool) -> dict[str, Any]:
    stages = [
        {"name": stage.name, "ok": stage.ok, "detail": redact(stage.detail, config.secret_values)}
        for stage in planned.stages
    ]
    for call in calls:
        stages.extend(_exchange_stages(call))
    failed = next((call for call in calls if call["outcome"] == "failed"), None)
    if isinstance(planned.outcome, Filtered):
        outcome, code, detail = "filtered", planned.outcome.code, planned.outcome.sentence
    elif isinstance(planned.outcome, Failed):
        outcome, code, detail = "failed", planned.outcome.code, planned.outcome.sentence
    elif failed is not None:
        outcome, code, detail = "failed", failed["code"], failed["detail"]
    elif calls and all(call["outcome"] == "filtered" for call in calls):
        outcome, code, detail = "filtered", calls[0]["code"], calls[0]["detail"]
    else:
        outcome, code, detail = ("delivered" if is_sent else "built"), "", ""
    shown = failed or (calls[0] if calls else None)
    return {
        "outcome": outcome,
        "code": code,
        "detail": redact(detail, config.secret_values),
        "status_line": shown["status_line"] if shown else code,
        "stages": stages,
        "matched": sum(1 for call in calls if call["mapping"]),
        "mappings": len(config.mappings),
        "calls": calls,
    }


def _exchange_stages(call: dict[str, Any]) -> list[dict[str, Any]]:
    stages = []
    for exchange in call["exchanges"]:
        request, response, error = exchange["request"], exchange["response"], exchange["error"]
        stages.append({"name": "request", "ok": True, "detail": f"{request['method']} {request['url']}"})
        if response is not None:
            said = f"{response['status']} {response['reason']}".strip()
            is_fine = 200 <= response["status"] < 300
            stages.append({"name": "response", "ok": is_fine, "detail": f"{said} in {response['duration_ms']} ms"})
        elif error is not None:
            stages.append({"name": "response", "ok": False, "detail": f"{error['code']}: {error['detail']}"})
    return stages


def storable(value: Any) -> Any:
    """What a destination answered may hold characters that PostgreSQL cannot keep in JSON."""
    if isinstance(value, str):
        return _NOT_STORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
