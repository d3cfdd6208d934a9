"""The echo receiver: answers as its query string says and remembers what it got."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection
from django.utils import timezone

from common.errors import InvalidError
from demo.models import EchoRequest

MAX_DELAY_SECONDS = 30.0
MAX_BODY = 512 * 1024
KEPT_PER_NAME = 200_000
HIDDEN_HEADERS = frozenset({"cookie"})


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """How to answer: a status, after a delay in seconds, and a share of requests that get 500 instead."""

    status: int
    delay: float
    fail: float


def behavior(query: dict[str, str]) -> Behavior:
    """`?status=503&delay=1.5&fail=0.2`. InvalidError names the parameter that is wrong."""
    return Behavior(
        status=int(_number(query, "status", 200, 200, 599)),
        delay=_number(query, "delay", 0.0, 0.0, MAX_DELAY_SECONDS),
        fail=_number(query, "fail", 0.0, 0.0, 1.0),
    )


def _number(query: dict[str, str], name: str, default: float, least: float, most: float) -> float:
    text = query.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise InvalidError.at(f"/{name}", f"{name} must be a number from {least:g} to {most:g}.")
    return value


def receive(
    *, name: str, method: str, query: str, headers: dict[str, str], body: bytes, how: Behavior
) -> tuple[int, dict[str, Any]]:
    """Wait, record, and return the status and JSON answer.

    The answer repeats what was received; `externalId` lets list destinations create their list here.
    """
    if how.delay:
        time.sleep(how.delay)
    failed = how.fail and random.random() < how.fail  # noqa: S311 - a share of failures, not a secret
    status = 500 if failed else how.status
    text = body[:MAX_BODY].decode("utf-8", "replace").replace("\x00", "\ufffd")
    kept = {key: value for key, value in headers.items() if key.lower() not in HIDDEN_HEADERS}
    content = parsed(body)
    message_id = content.get("messageId") if isinstance(content, dict) else None
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO echo_request (name, received_at, method, query, headers, body, status, message_id) "
            "VALUES (%s, %s, %s, %s, %s::jsonb, %s, %s, %s)",
            [
                name,
                timezone.now(),
                method,
                query,
                msgspec.json.encode(kept).decode().replace("\\u0000", ""),
                text,
                status,
                message_id.replace("\x00", "\ufffd") if isinstance(message_id, str) else None,
            ],
        )
    answer: dict[str, Any] = {"ok": status < 400, "receiver": name, "status": status, "externalId": f"echo-{name}"}
    if status >= 400:
        answer["error"] = f"The echo receiver {name} was told to answer {status}."
    answer["received"] = content if len(body) <= 16_384 else f"{len(body)} bytes"
    return status, answer


def parsed(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body[:16_384].decode("utf-8", "replace")


def counts(name: str) -> dict[str, int]:
    """`{"total", "succeeded"}` (answered 2xx), and the total once more by messageId: distinct, repeated and without."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE status < 300), count(DISTINCT message_id), "
            "count(message_id) FROM echo_request WHERE name = %s",
            [name],
        )
        total, succeeded, distinct, with_id = cursor.fetchone()
    return {
        "total": total,
        "succeeded": succeeded,
        "distinct_message_ids": distinct,
        "repeated_message_ids": with_id - distinct,
        "without_message_id": total - with_id,
    }


def clear(name: str) -> int:
    return EchoRequest.objects.filter(name=name).delete()[0]


def trim() -> None:
    """Keep the newest KEPT_PER_NAME requests of each receiver."""
    for name in EchoRequest.objects.order_by().values_list("name", flat=True).distinct():
        newest = EchoRequest.objects.filter(name=name).order_by("-id").values_list("id", flat=True)
        last_kept = newest[KEPT_PER_NAME : KEPT_PER_NAME + 1].first()
        if last_kept is not None:
            EchoRequest.objects.filter(name=name, id__lte=last_kept).delete()
