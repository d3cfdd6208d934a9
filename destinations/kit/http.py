"""What connectors exchange with the world: plain requests and responses. Whoever runs a call sends them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec

from destinations.kit.errors import APIError, PayloadValidationError
from destinations.kit.json_text import js_json

DEFAULT_TIMEOUT = 10.0
JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json"}
NO_HEADERS: Mapping[str, str] = {}

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}\Z")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8000}\Z")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request. `timeout` is in seconds, for the whole exchange."""

    method: str
    url: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes | None = None
    timeout: float = DEFAULT_TIMEOUT


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    duration_ms: int = 0

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        return reason_of(self.status)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The parsed body, or None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def reason_of(status: int) -> str:
    """The usual words of a status, e.g. `OK`; empty for one that nobody defined."""
    return _REASONS.get(status, "")


class AnyResponse(Protocol):
    """What a transport hands back; it becomes a Response before a connector sees it."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def duration_ms(self) -> int: ...


def as_response(raw: AnyResponse) -> Response:
    if isinstance(raw, Response):
        return raw
    return Response(status=raw.status, headers=raw.headers, body=raw.body, duration_ms=raw.duration_ms)


class HttpError(APIError):
    """An answer that is no success, raised inside the action that asked. Uncaught, `judge` decides."""

    def __init__(self, response: Response) -> None:
        super().__init__(
            f"The destination answered {response.status} {response.reason}".rstrip() + ".", status=response.status
        )
        self.response = response


def json_request(
    method: str,
    url: str,
    body: Any = None,
    headers: Mapping[str, str] = NO_HEADERS,
    *,
    timeout: float = DEFAULT_TIMEOUT,
) -> Request:
    """A request with `body` as JSON, byte-equal to JavaScript's; without a body when it is None."""
    if body is None:
        return Request(method=method, url=url, headers=headers, timeout=timeout)
    return Request(method=method, url=url, headers={**JSON_HEADERS, **headers}, body=js_json(body), timeout=timeout)


def form_request(
    url: str,
    form: Mapping[str, str],
    headers: Mapping[str, str] = NO_HEADERS,
    *,
    method: str = "POST",
    content_type: str = "application/x-www-form-urlencoded",
) -> Request:
    """A request with the members of `form` as an HTML form sends them."""
    return Request(
        method=method, url=url, headers={"Content-Type": content_type, **headers}, body=urlencode(form).encode()
    )


@lru_cache(maxsize=1024)
def checked_url(url: str, name: str = "url") -> str:
    """`url` when it is an absolute http(s) address; otherwise PayloadValidationError. `name` is the field at fault."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = None, False
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise PayloadValidationError(f"{name} is not a web address that starts with http:// or https://.")
    if any(char <= " " or char == "\x7f" for char in url):
        raise PayloadValidationError(f"{name} contains a blank or a control character.")
    return url


def checked_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Headers that a person typed, as text. One that could break the request raises PayloadValidationError."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, dict | list) or not _HEADER_NAME.match(name) or not _HEADER_VALUE.match(text):
            raise PayloadValidationError(
                f"The header {name[:60]!r} is not valid: use letters, digits and dashes in the name, one line of text."
            )
        if name.lower() in _OURS:
            raise PayloadValidationError(f"The header {name!r} is set by the connection itself and cannot be changed.")
        checked[name] = text
    return checked
