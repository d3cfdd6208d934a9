"""Cases of the framework: one event, a batch, a membership, the name of a status."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from destinations import trial
from destinations.conformance.comparing import as_json
from destinations.kit.definition import Action, Context, Conversation, DestinationDefinition, Item, SyncMode
from destinations.kit.errors import (
    IntegrationError,
    InvalidAuthenticationError,
    RetryableError,
    error_code,
)
from destinations.kit.http import Request, Response
from destinations.kit.membership import membership, personas
from destinations.kit.verdicts import ItemResult, Verdict
from destinations.resolving import MappingProblem
from destinations.trial import EventResult, Subject, Trial
from engine.fql import FqlError
from engine.mapping.fields import fields_from_json

KINDS = ("action", "batch", "membership", "error_code")
_SKIPPED = Trial(results=[EventResult(verdict=Verdict(outcome="failed", code="NO_MATCHING_MAPPING"))])
ANY_SYNC_MODE = SyncMode(default="add", choices=("add", "update", "upsert", "delete", "mirror"))
NOT_MATCHED = "Payload is either invalid or does not match the subscription"


def check(case: Mapping[str, Any]) -> str:
    """What differs from the recorded outcome; "" when nothing does."""
    match case["kind"]:
        case "membership":
            event = case["event"]
            return _differs("membership", membership(event, personas(event), case.get("sync_mode")), case["expected"])
        case "error_code":
            return _differs("the name", error_code(case["status"]), case["expected"])
        case "action":
            return _check_action(case)
        case _:
            return _check_batch(case)


def _differs(what: str, found: Any, expected: Any) -> str:
    return "" if as_json(found) == as_json(expected) else f"{what}: {as_json(found)} instead of {as_json(expected)}"


def _never_sent(_request: Request) -> Response:
    return Response(status=200)


def _check_action(case: Mapping[str, Any]) -> str:
    contexts: list[Context] = []
    payloads: list[dict[str, Any]] = []

    def perform(context: Context, payload: dict[str, Any]) -> Request:
        contexts.append(context)
        payloads.append(payload)
        return Request(method="POST", url="https://example.org/")

    action = Action(
        key="probe",
        title="Probe",
        perform=perform,
        fields=fields_from_json(case["fields"]),
        sync_mode=ANY_SYNC_MODE if case.get("action_has_sync_mode") else None,
    )
    try:
        ran = _run(action, case, [case["event"]], as_batch=False) if case.get("subscribe") else _SKIPPED
    except MappingProblem as error:
        refused = Verdict(outcome="failed", code="MAPPING_FAILED", detail=str(error))
        ran = Trial(results=[EventResult(verdict=refused)])
    except FqlError:
        return "" if "expected_skipped" in case else "the trigger does not parse"
    verdict = ran.verdicts[0]
    if "expected_skipped" in case:
        return _differs("the outcome", verdict.code, "NO_MATCHING_MAPPING")
    if "expected_error" in case:
        if payloads:
            return "it was performed"
        wanted = case["expected_error"].get("status")
        return _differs("the status", verdict.status, wanted) if wanted is not None else ""
    if not payloads:
        return f"it was not performed: {verdict.detail}"
    wrong = _differs("the payload", payloads[0], case["expected_payload"])
    if not wrong and "expected_sync_mode" in case:
        wrong = _differs("the sync mode", contexts[0].sync_mode, case["expected_sync_mode"])
    if not wrong and "expected_matching_key" in case:
        wrong = _differs("the matching key", contexts[0].matching_key, case["expected_matching_key"])
    return wrong


def _run(action: Action, case: Mapping[str, Any], events: list[Any], *, as_batch: bool) -> Trial:
    definition = DestinationDefinition(slug="probe", name="Probe", actions=(action,))
    return trial.run_events(
        Subject(definition=definition),
        action,
        copy.deepcopy(events),
        send=_never_sent,
        mapping=case["mapping"],
        trigger=case["subscribe"],
        as_batch=as_batch,
    )


class _BoomError(Exception):
    """A failure that a connector was not made for."""


def _check_batch(case: Mapping[str, Any]) -> str:
    seen: list[Item] = []

    def perform_batch(_context: Context, items: list[Item]) -> Conversation:
        yield from ()
        seen.extend(items)
        return _behave(case["behaviour"], items)

    action = Action(key="probe", title="Probe", perform_batch=perform_batch, fields=fields_from_json(case["fields"]))
    try:
        ran = _run(action, case, case["events"], as_batch=True)
    except (_BoomError, MappingProblem):
        # The lane of a worker makes the same of it: every event of the batch fails.
        return "" if "expected_error" in case else "the batch failed"
    wrong = _differs("the payloads", [item.payload for item in seen], case.get("expected_payloads", []))
    if not wrong and "expected_memberships" in case:
        wrong = _differs("the memberships", [item.membership for item in seen], case["expected_memberships"])
    if wrong:
        return wrong
    if "expected_error" in case:
        found = ran.failure.status if ran.failure else None
        return _differs("the status", found, case["expected_error"].get("status"))
    if ran.failure is not None:
        return f"the batch failed: {ran.failure.detail}"
    wanted = [_without_words(result) for result in case["expected_multistatus"]]
    return _differs("the results", [_without_words(multistatus(result)) for result in ran.results], wanted)


def _without_words(result: Mapping[str, Any]) -> dict[str, Any]:
    """The wording of a message informs, and may be another."""
    return {name: value for name, value in result.items() if name != "errormessage"}


def _behave(behaviour: str, items: list[Item]) -> Any:
    match behaviour:
        case "ok":
            return {}
        case "multistatus_all":
            return [ItemResult(sent=item.payload, body={"n": place}) for place, item in enumerate(items)]
        case "multistatus_mixed":
            return [
                ItemResult(status=201, sent=item.payload, body="made")
                if place % 2 == 0
                else ItemResult(status=429, message="slow down", sent=item.payload, body="later")
                for place, item in enumerate(items)
            ]
        case "multistatus_short":
            return [ItemResult(sent={}, body={})]
        case "multistatus_validation":
            return [ItemResult(status=400, message="bad", code="PAYLOAD_VALIDATION_FAILED") for _item in items]
        case "throw_integration":
            raise IntegrationError("no way", code="NOPE", status=422)
        case "throw_retryable":
            raise RetryableError("again")
        case "throw_auth":
            raise InvalidAuthenticationError("who")
        case _:
            raise _BoomError("boom")


def multistatus(result: EventResult) -> dict[str, Any]:
    """The outcome of one event of a batch, as the reference reports it."""
    verdict = result.verdict
    told = {name: value for name, value in (("sent", result.sent), ("body", result.body)) if value is not None}
    if verdict.outcome == "delivered":
        return {"status": verdict.status or 200, **(told or {"sent": result.payload, "body": {}})}
    if verdict.code == "NO_MATCHING_MAPPING":
        verdict = Verdict(outcome="failed", code="PAYLOAD_VALIDATION_FAILED", detail=NOT_MATCHED, status=400)
    code = verdict.code
    return {
        "status": verdict.status,
        "errortype": error_code(verdict.status or 500) if not code or code.isdigit() else code,
        "errormessage": verdict.detail,
        "errorreporter": "DESTINATION" if told else "INTEGRATIONS",
        **told,
    }
