"""The tracking API of ingestion-and-profiles.md §1: `/v1/track`, `/v1/batch` and their siblings.

A bare WSGI callable that engage_admin/wsgi.py asks before Django (measurements.md §1). It checks size and shape,
keeps the body as it came and answers after the commit; what a message says is judged by the pipeline.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest import bodies
from ingest.inbox import Inbox, InboxError, InboxRow, inbox

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

PATHS = {
    "/v1/identify": "identify",
    "/v1/track": "track",
    "/v1/page": "page",
    "/v1/screen": "screen",
    "/v1/group": "group",
    "/v1/alias": "alias",
    "/v1/batch": "batch",
    "/v1/import": "batch",
    # Short forms of analytics.js.
    "/v1/i": "identify",
    "/v1/t": "track",
    "/v1/p": "page",
    "/v1/s": "screen",
    "/v1/g": "group",
    "/v1/a": "alias",
    "/v1/b": "batch",
}
RETRY_AFTER_SECONDS = 5

Environ = dict[str, Any]

_CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Retry-After"),
]
_PREFLIGHT = [
    *_CORS,
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding"),
    ("Access-Control-Max-Age", "86400"),
    ("Content-Length", "0"),
]
_OK_BODY = b'{"success": true}'
_OK_HEADERS = [
    ("Content-Type", "application/json"),
    ("Content-Length", str(len(_OK_BODY))),
    *_CORS,
]


def call_of(path: str) -> str | None:
    """The call that a path names ("batch" for batch and import), None for paths that are not ours."""
    return PATHS.get(path) or PATHS.get(path.rstrip("/"))


def handle(call: str, environ: Environ, start_response: StartResponse, box: Inbox = inbox) -> Iterable[bytes]:
    """Answer one tracking request: 200 after it was stored, 400 with a reason, 405, or 503 when it can be retried."""
    method = environ["REQUEST_METHOD"]
    if method == "OPTIONS":
        start_response("204 No Content", _PREFLIGHT)
        return []
    if method != "POST":
        headers = [("Allow", "POST, OPTIONS")]
        return _refuse(start_response, "405 Method Not Allowed", "method_not_allowed", "Send a POST request.", headers)
    try:
        _accept(call, environ, box)
    except bodies.BadBodyError as error:
        return _refuse(start_response, "400 Bad Request", error.code, error.detail)
    except InboxError:
        return _refuse(
            start_response,
            "503 Service Unavailable",
            "unavailable",
            "The database cannot be reached; nothing was stored. Send the same request again later.",
            [("Retry-After", str(RETRY_AFTER_SECONDS))],
        )
    start_response("200 OK", _OK_HEADERS)
    return [_OK_BODY]


def _accept(call: str, environ: Environ, box: Inbox) -> None:
    received_at = datetime.now(UTC)
    limit = bodies.LONGEST_BATCH if call == "batch" else bodies.LONGEST_CALL
    body = _read(environ, limit)
    gzipped = None
    if "gzip" in environ.get("HTTP_CONTENT_ENCODING", "").lower():
        gzipped, body = body, bodies.inflate(body, limit)
    named, repaired = bodies.check(body)
    if repaired is not None:
        body, gzipped = repaired, None
    key = _basic_key(environ) or named
    source = box.source(key)
    if source is None:
        box.count_unknown(key)
        return
    encoding, stored = bodies.pack(body, gzipped)
    refused = "" if source.is_enabled else "source_disabled"
    ip = environ.get("REMOTE_ADDR") or None
    box.put(InboxRow(source.space_id, source.source_id, received_at, call, encoding, stored, ip, refused))


def _read(environ: Environ, limit: int) -> bytes:
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared.isdigit() and int(declared) > limit:
        raise bodies.too_large(limit)
    stream = environ["wsgi.input"]
    if declared.isdigit():
        body: bytes = stream.read(int(declared))
        if len(body) < int(declared):
            raise bodies.BadBodyError("incomplete", "The body ended before its Content-Length; send it again.")
    else:
        parts: list[bytes] = []
        size = 0
        while size <= limit and (part := stream.read(limit + 1 - size)):
            parts.append(part)
            size += len(part)
        body = b"".join(parts)
    if len(body) > limit:
        raise bodies.too_large(limit)
    return body


def _basic_key(environ: Environ) -> str:
    """The write key of `Authorization: Basic base64(key:)`, also without the colon; "" when there is none."""
    scheme, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip() + "==").decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _refuse(
    start_response: StartResponse, status: str, code: str, detail: str, headers: list[tuple[str, str]] | None = None
) -> Iterable[bytes]:
    body = json.dumps({"success": False, "code": code, "message": detail}).encode()
    start_response(
        status,
        [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *_CORS, *(headers or [])],
    )
    return [body]
