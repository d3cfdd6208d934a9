"""Requests and responses as they may be stored and shown: without secrets, and not too long."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from destinations.kit.http import AnyResponse, Request, reason_of

REDACTED = "REDACTED"
BODY_LIMIT = 16 * 1024

_SECRET_WORDS = ("authorization", "cookie", "token", "secret", "password", "api-key", "apikey")


def redact(text: str, secrets: Collection[str]) -> str:
    """`text` with every occurrence of a secret replaced."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, REDACTED)
    return text


def shown_headers(headers: Mapping[str, str], secrets: Collection[str]) -> Mapping[str, str]:
    """Read-only: headers that were seen before are the same object."""
    return _shown_headers(tuple(headers.items()), tuple(secrets))


@lru_cache(maxsize=256)
def _shown_headers(headers: tuple[tuple[str, str], ...], secrets: tuple[str, ...]) -> Mapping[str, str]:
    return {name: REDACTED if _tells_secrets(name) else redact(value, secrets) for name, value in headers}


@lru_cache(maxsize=1024)
def _tells_secrets(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)


def shown_body(body: bytes | None, secrets: Collection[str], limit: int) -> str:
    if not body:
        return ""
    # Secrets first, then the cut: a secret cut in two would not be recognised.
    text = redact(body.decode("utf-8", "replace").replace("\x00", "\ufffd"), secrets)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def shown_request(request: Request, secrets: Collection[str], *, limit: int = BODY_LIMIT) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": redact(request.url, secrets),
        "headers": shown_headers(request.headers, secrets),
        "body": shown_body(request.body, secrets, limit),
    }


def shown_response(raw: AnyResponse, secrets: Collection[str], *, limit: int = BODY_LIMIT) -> dict[str, Any]:
    return {
        "status": raw.status,
        "reason": reason_of(raw.status),
        "headers": shown_headers(raw.headers, secrets),
        "body": shown_body(raw.body, secrets, limit),
        "duration_ms": raw.duration_ms,
    }
