"""Responsys' REST API: signing in, requests, and what its answers say.

https://docs.oracle.com/en/cloud/saas/marketing/responsys-develop/API/REST/Async/rest-async.htm
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from destinations.kit import auth
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item, Token
from destinations.kit.errors import IntegrationError, InvalidAuthenticationError
from destinations.kit.http import JSON_HEADERS, HttpError, Request, Response, form_request, json_request

SYNC, ASYNC = "/rest/api/v1.3", "/rest/asyncApi/v1.3"
# Most of one call, of records and of names.
RECORDS = 200
NAME_LENGTH = 30
_LIMITS = {"API_LIMIT_EXCEEDED", "INTERNAL_CAPACITY_LIMIT_EXCEEDED"}
_TOKENS = {"INVALID_TOKEN", "TOKEN_EXPIRED", "AUTHENTICATION_FAILED"}
_WAITING = {"PROCESSING_REQUEST", "RESPONSE_PURGED"}
_FAILED = re.compile(r"MERGEFAILED: Record (\d+) ?=? ?(.*)", re.DOTALL)


def login_request(context: Context) -> Request:
    settings = context.settings
    form = {"user_name": str(settings.get("username") or ""), "password": str(settings.get("userPassword") or "")}
    return form_request(f"{_base(context)}{SYNC}/auth/token", {**form, "auth_type": "password"})


def _login(context: Context) -> Conversation:
    try:
        response = yield login_request(context)
    except HttpError as error:
        if error.is_retried:
            raise
        raise InvalidAuthenticationError(
            f"Signing in failed: {said(error.response) or error.message} Check user name, password and base URL."
        ) from error
    token = _object(response).get("authToken")
    if not isinstance(token, str) or not token:
        raise InvalidAuthenticationError("Responsys gave no token. Check user name, password and base URL.")
    return Token(access_token=token)


# The token stands bare in the header. It lives for about two hours; then the password signs in again.
SIGN_IN = auth.session(_login, lambda context: {"Authorization": context.token.access_token})


def get(context: Context, path: str) -> Request:
    return Request(method="GET", url=f"{_base(context)}{path}", headers=JSON_HEADERS)


def post(context: Context, path: str, body: Any) -> Request:
    return json_request("POST", f"{_base(context)}{path}", body, timeout=30)


def list_path(context: Context, api: str) -> str:
    """The path of the profile list that the settings name."""
    name = str(context.settings.get("profileListName") or "")
    if not name:
        raise IntegrationError("Fill in the profile list in the settings of the destination.", code="INVALID_SETTINGS")
    return f"{api}/lists/{quote(name, safe='')}"


def said(response: Response) -> str:
    """What an error answer says: `{"title", "errorCode", "detail"}`."""
    answer = _object(response)
    return str(answer.get("detail") or answer.get("title") or "")


def refuse(results: Results, items: Sequence[Item], error: HttpError) -> None:
    """A call for these items was refused. A limit that Responsys tells as a 400 is tried again like a 429."""
    code = _object(error.response).get("errorCode")
    if code in _TOKENS:
        raise InvalidAuthenticationError("Responsys no longer accepts the token.") from error
    results.refuse(items, error, said(error.response), status=429 if code in _LIMITS else None)


def note_failures(results: Results, items: Sequence[Item], response: Response) -> None:
    """Fail the items whose records could not be merged, in an answer that is a success as a whole."""
    answer = _object(response)
    inner = answer.get("response")
    told: dict[str, Any] = inner if isinstance(inner, dict) else answer
    code = told.get("errorCode")
    if code and code not in _WAITING:
        for item in items:
            results.fail(item, str(told.get("detail") or told.get("title") or code), code=str(code))
        return
    for place, message in _failures(response.json()):
        if place < len(items):
            results.fail(items[place], message, code="MERGEFAILED")


def poll(context: Context, results: Results, items: Sequence[Item], response: Response) -> Conversation:
    """Ask once what became of a write that Responsys took; a merge that still goes on counts as taken."""
    request_id = _object(response).get("requestId")
    if not request_id:
        note_failures(results, items, response)
        return
    try:
        answer = yield get(context, f"{ASYNC}/requests/{quote(str(request_id), safe='')}")
    except HttpError as error:
        # The write itself was taken: what cannot be asked is no reason to send it again.
        if error.status == 401:
            raise
        return
    note_failures(results, items, answer)


def _failures(value: Any) -> Iterator[tuple[int, str]]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _failures(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _failures(inner)
    elif isinstance(value, str):
        found = _FAILED.match(value)
        if found:
            yield int(found[1]), found[2].strip() or value


def _base(context: Context) -> str:
    url = str(context.settings.get("baseUrl") or "").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise IntegrationError(
            "The base URL has to begin with https://, for example https://abc-api.responsys.ocs.oraclecloud.com.",
            code="INVALID_SETTINGS",
        )
    return url


def _object(response: Response) -> dict[str, Any]:
    answer = response.json()
    return answer if isinstance(answer, dict) else {}
