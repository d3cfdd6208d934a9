"""The requests that a mapping would make, from plain JSON and without sending (`manage.py render_action`)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from common.errors import FieldError, InvalidError
from destinations import catalog, trial
from destinations.kit.definition import Action, Token
from destinations.kit.http import Request, Response
from destinations.kit.testing import Recording, Rule
from destinations.resolving import MappingProblem
from engine.fql import FqlError


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """`requests` are `{"method", "url", "headers", "body"}`; `reasons` say of events that made none why not."""

    requests: list[dict[str, Any]]
    reasons: list[str]


def render(given: Any) -> Rendering:
    """Run an action over events. `given` is `{"connector", "action", "settings", "mapping", "events"}`.

    It may also hold `trigger` (FQL; without it every event goes), `mode` ("single" or "batch"; by default as the
    mapping says), `token` `{"access_token", "refresh_token"}`, `operator`, and `responses`, the answers of the vendor
    for actions that ask several times: `[{"method", "url", "status", "json" or "text", "times"}]`, the first that
    matches method and beginning of the URL; anything else is answered 200 with `{}`. InvalidError lists all problems.
    """
    if not isinstance(given, dict):
        raise InvalidError.at("/", 'Give an object: {"connector", "action", "settings", "mapping", "events"}.', "type")
    errors: list[FieldError] = []
    definition = catalog.named(str(given.get("connector", "")))
    action: Action | None = None
    if definition is None:
        known = ", ".join(catalog.definitions())
        detail = f"There is no connector {given.get('connector')!r}. Those there are: {known}."
        errors.append(FieldError(path="/connector", code="unknown_connector", detail=detail))
    else:
        action = definition.action(str(given.get("action", "")))
        if action is None:
            known = ", ".join(one.key for one in definition.actions) or "none"
            detail = f"{definition.name} has no action {given.get('action')!r}. Those there are: {known}."
            errors.append(FieldError(path="/action", code="unknown_action", detail=detail))
    _check_shapes(given, errors)
    if errors or definition is None or action is None:
        raise InvalidError("The input is not valid.", errors)
    events = given["events"]
    mapping = given.get("mapping")
    fields = action.default_fields() if mapping is None else mapping
    mode = given.get("mode")
    asks_batch = fields.get("enable_batching") is True or definition.kind == "list"
    recording = Recording([_rule(told) for told in given.get("responses") or given.get("mock_responses") or ()])
    subject = trial.Subject(
        definition=definition,
        settings=given.get("settings") or {},
        operator=_operator(given),
        token=_token(given.get("token") or given.get("oauth") or {}, given.get("settings") or {}),
    )
    try:
        ran = trial.run_events(
            subject,
            action,
            events,
            send=recording.send,
            mapping=fields,
            trigger=str(given.get("trigger") or given.get("subscribe") or ""),
            as_batch=action.perform_batch is not None and (mode == "batch" if mode else asks_batch),
        )
    except FqlError as error:
        raise InvalidError.at("/trigger", f"The trigger cannot be read: {error}", "invalid_trigger") from error
    except MappingProblem as error:
        raise InvalidError.at("/mapping", str(error), "invalid_mapping") from error
    reasons = [
        f"event {place}: {verdict.detail or verdict.code}"
        for place, verdict in enumerate(ran.verdicts)
        if verdict.outcome != "delivered"
    ]
    return Rendering(requests=[shown(request) for request in recording.requests], reasons=reasons)


def shown(request: Request) -> dict[str, Any]:
    """A request as it would be sent; a body that is no text is base64 under `body_base64`."""
    told: dict[str, Any] = {"method": request.method, "url": request.url, "headers": dict(request.headers)}
    if request.body is None:
        return {**told, "body": None}
    try:
        return {**told, "body": request.body.decode()}
    except UnicodeDecodeError:
        return {**told, "body": None, "body_base64": base64.b64encode(request.body).decode()}


def _operator(given: Mapping[str, Any]) -> dict[str, str]:
    told = given.get("operator")
    return {str(key): str(value) for key, value in told.items()} if isinstance(told, dict) else {}


def _token(told: Mapping[str, Any], settings: Mapping[str, Any]) -> Token:
    """The token given, else that of the settings, else words in its place: nothing is sent, so none is needed."""
    return Token(
        access_token=str(told.get("access_token") or settings.get("oauth_access_token") or "<access token>"),
        refresh_token=str(told.get("refresh_token") or settings.get("oauth_refresh_token") or ""),
    )


def _rule(told: Mapping[str, Any]) -> Rule:
    body = msgspec.json.encode(told["json"]) if "json" in told else str(told.get("text") or "").encode()
    kind = "application/json" if "json" in told else str(told.get("content_type") or "text/plain")
    response = Response(status=int(told.get("status", 200)), headers={"content-type": kind}, body=body)
    return Rule(
        response=response, url=str(told.get("url", "")), method=str(told.get("method", "")), times=told.get("times")
    )


def _check_shapes(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    for name in ("settings", "mapping"):
        if given.get(name) is not None and not isinstance(given[name], dict):
            errors.append(FieldError(path=f"/{name}", code="type", detail=f"{name} has to be a JSON object."))
    events = given.get("events")
    if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
        errors.append(FieldError(path="/events", code="type", detail="events has to be a list of events (objects)."))
    if given.get("mode") not in (None, "single", "batch"):
        errors.append(FieldError(path="/mode", code="choice", detail='mode is "single" or "batch".'))
