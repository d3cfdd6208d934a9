"""Cases of connectors: the requests that an event, or an operation on an audience, makes; and what comes of them."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from destinations import trial
from destinations.conformance.comparing import as_json, without
from destinations.kit.conversation import converse
from destinations.kit.definition import Audience, DestinationDefinition, Token
from destinations.kit.http import Request, Response
from destinations.kit.testing import Recording, Rule
from destinations.kit.verdicts import Verdict
from destinations.resolving import MappingProblem
from destinations.trial import Subject, Trial

KINDS = ("event", "create_audience", "get_audience", "test_auth", "refresh_token", "delete")
OPERATIONS = {"test_auth": "test_connection", "delete": "delete_user"}
# What the recorded installation had with the vendors.
OPERATOR: Mapping[str, Mapping[str, str]] = {
    "braze-cohorts": {
        "partner_api_key_us": "fake-braze-partner-us",
        "partner_api_key_eu": "fake-braze-partner-eu",
    },
    "google-enhanced-conversions": {
        "developer_token": "fake-developer-token",
        "oauth_client_id": "fake-gec-client",
        "oauth_client_secret": "fake-gec-secret",
    },
    "display-video-360": {
        "oauth_client_id": "fake-dv-client",
        "oauth_client_secret": "fake-dv-secret",
        "refresh_token": "fake-dv-refresh",
        "partner_id": "1663649500",
    },
    "first-party-dv360": {"oauth_client_id": "fake-fp-client", "oauth_client_secret": "fake-fp-secret"},
}


def check(case: Mapping[str, Any], definition: DestinationDefinition) -> str:
    """What differs from the recorded requests and outcome; "" when nothing does."""
    recording = Recording([_rule(told) for told in case.get("mock_responses", ())])
    subject = _subject(case, definition)
    if case["kind"] == "event":
        wrong = _check_event(case, subject, recording)
    else:
        wrong = _check_operation(case, subject, recording)
    return wrong or _check_requests(case, recording.requests)


def _subject(case: Mapping[str, Any], definition: DestinationDefinition) -> Subject:
    oauth = case.get("oauth") or {}
    client = {
        "oauth_client_id": str(oauth.get("clientId") or ""),
        "oauth_client_secret": str(oauth.get("clientSecret") or ""),
    }
    return Subject(
        definition=definition,
        settings=case.get("settings") or {},
        operator={**client, **OPERATOR.get(case["destination"], {})},
        token=Token(
            access_token=str(oauth.get("access_token") or ""), refresh_token=str(oauth.get("refresh_token") or "")
        ),
    )


def _rule(told: Mapping[str, Any]) -> Rule:
    body = json.dumps(told["json"]).encode() if "json" in told else str(told.get("text") or "").encode()
    kind = told.get("content_type") or ("application/json" if "json" in told else "text/plain")
    headers = {str(name).lower(): str(value) for name, value in (told.get("headers") or {}).items()}
    response = Response(status=told.get("status", 200), headers={"content-type": kind, **headers}, body=body)
    return Rule(response=response, url=told.get("url", ""), method=told.get("method", ""), times=told.get("times"))


def _check_event(case: Mapping[str, Any], subject: Subject, recording: Recording) -> str:
    action = subject.definition.action(case["action"])
    if action is None:
        return f"{subject.definition.slug} has no action {case['action']}"
    as_batch = case.get("mode") == "batch"
    if as_batch and action.perform_batch is None:
        return f"the action {action.key} takes no batches"
    try:
        ran = trial.run_events(
            subject,
            action,
            copy.deepcopy(case["events"]),
            send=recording.send,
            mapping=case["mapping"],
            trigger=case.get("subscribe"),
            as_batch=as_batch,
        )
    except MappingProblem as error:
        return "" if "expected_error" in case else f"the mapping is refused: {error}"
    return _check_outcome(case, ran)


def _check_outcome(case: Mapping[str, Any], ran: Trial) -> str:
    verdicts = ran.verdicts
    if "expected_multistatus" in case:
        wanted = [entry["status"] for entry in case["expected_multistatus"]]
        found = [verdict.status or 0 for verdict in verdicts]
        return "" if found == wanted else f"the statuses are {found} instead of {wanted}: {_details(verdicts)}"
    if "expected_error" in case:
        return _check_error(case["expected_error"], ran.failure or verdicts[0])
    if case.get("expected_outcome") == trial.NOT_SUBSCRIBED:
        is_skipped = all(verdict.code == "NO_MATCHING_MAPPING" for verdict in verdicts)
        return "" if is_skipped else f"it ran: {_details(verdicts)}"
    is_done = all(verdict.outcome == "delivered" for verdict in verdicts)
    return "" if is_done else f"it failed: {_details(verdicts)}"


def _check_error(expected: Mapping[str, Any], verdict: Verdict) -> str:
    if verdict.outcome == "delivered":
        return f"it succeeded instead of failing with {expected}"
    wanted = expected.get("status")
    if wanted is not None and verdict.status != wanted:
        return f"the status is {verdict.status} ({verdict.detail}) instead of {wanted}"
    return ""


def _details(verdicts: list[Verdict]) -> str:
    return "; ".join(f"{verdict.status} {verdict.code} {verdict.detail}".strip() for verdict in verdicts)


def _check_operation(case: Mapping[str, Any], subject: Subject, recording: Recording) -> str:
    definition, kind = subject.definition, case["kind"]
    audience = Audience(
        id=str(case.get("computation_id") or "aud_1"),
        key=str(case.get("computation_key") or ""),
        name=str(case.get("audience_name") or ""),
        space_id="spa_1",
    )
    context = subject.context(
        audience_settings=case.get("audience_settings") or {},
        external_audience_id=str(case.get("external_id") or ""),
        computation_key=audience.key,
    )
    if kind == "refresh_token":
        if definition.auth is None or definition.auth.refresh is None:
            return f"{definition.slug} has no token to renew"
        verdict, result = trial.send_all(converse(definition.auth.refresh, context), recording.send)
    else:
        perform = getattr(definition, OPERATIONS.get(kind, kind))
        if perform is None:
            return f"{definition.slug} has no {OPERATIONS.get(kind, kind)}"
        about: tuple[Any, ...] = {"test_auth": (), "delete": (case.get("payload") or {},)}.get(kind, (audience,))
        verdict, result = trial.operate(subject, lambda known: perform(known, *about), context, recording.send)
    if "expected_error" in case:
        # A list that is gone may be told by None as well as by an error.
        is_gone = kind == "get_audience" and verdict.outcome == "delivered" and not result
        return "" if is_gone else _check_error(case["expected_error"], verdict)
    if verdict.outcome != "delivered":
        return f"it failed: {_details([verdict])}"
    return _check_result(case.get("expected_result"), result)


def _check_result(expected: Any, result: Any) -> str:
    if not isinstance(expected, dict):
        return ""
    if "externalId" in expected and str(result) != str(expected["externalId"]):
        return f"the list is {result!r} instead of {expected['externalId']!r}"
    if "accessToken" in expected and getattr(result, "access_token", None) != expected["accessToken"]:
        return f"the token is {result!r}"
    return ""


def _check_requests(case: Mapping[str, Any], requests: list[Request]) -> str:
    expected = copy.deepcopy(case.get("expected_requests", []))
    found = [_shown(request, told) for request, told in _paired(requests, expected)]
    pointers = [entry["pointer"] if isinstance(entry, dict) else str(entry) for entry in case.get("may_differ", ())]
    pointers += list(case.get("volatile", ()))
    if "/expected_requests" in pointers:
        return ""
    wanted = without({"expected_requests": [_normal(told) for told in expected]}, pointers)["expected_requests"]
    ours = without({"expected_requests": found}, pointers)["expected_requests"]
    wanted = [told for told in wanted if isinstance(told, dict)]
    ours = [told for told in ours if isinstance(told, dict)]
    texts, wanted_texts = [as_json(told) for told in ours], [as_json(told) for told in wanted]
    if case.get("parallel"):
        texts, wanted_texts = sorted(texts), sorted(wanted_texts)
    if texts == wanted_texts:
        return ""
    return f"the requests are [{', '.join(texts)}] instead of [{', '.join(wanted_texts)}]"


def _paired(requests: list[Request], expected: list[Any]) -> list[tuple[Request, Mapping[str, Any]]]:
    """Each request with the recorded one it is held against: the same place, or where order is free the same call."""
    left = list(expected)
    pairs: list[tuple[Request, Mapping[str, Any]]] = []
    for request in requests:
        call = (request.method.upper(), _normal_url(request.url))
        same = next((told for told in left if (told["method"], _normal_url(told["url"])) == call), None)
        if same is not None:
            left.remove(same)
        pairs.append((request, same or {}))
    return pairs


def _shown(request: Request, told: Mapping[str, Any]) -> dict[str, Any]:
    """A request in the recorded shape. Of the headers only those recorded are compared."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    shown: dict[str, Any] = {"method": request.method.upper(), "url": _normal_url(request.url)}
    shown["headers"] = {name: _header(name, headers.get(name, "")) for name in told.get("headers", {})}
    body = request.body or b""
    if "body_json" in told:
        shown["body_json"] = _parsed(body)
    elif "body_form" in told:
        shown["body_form"] = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif "body_base64" in told:
        shown["body_base64"] = base64.b64encode(body).decode()
    elif "body_text" in told:
        shown["body_text"] = body.decode("utf-8", "replace")
    elif body:
        shown["body"] = body.decode("utf-8", "replace")
    return shown


def _normal(told: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in told.items() if name != "body_protobuf"}
    kept["url"] = _normal_url(told["url"])
    kept["headers"] = {name.lower(): _header(name, value) for name, value in told.get("headers", {}).items()}
    return kept


def _header(name: str, value: str) -> str:
    """Of a content type the kind alone, but for the boundary of its parts."""
    if name.lower() != "content-type" or value.startswith("multipart/"):
        return value
    return value.partition(";")[0].strip().lower()


def _normal_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path or "/", parts.query, ""))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
