"""Values of databases as JSON text: numbers keep every digit, instants become ISO 8601 in UTC."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

NULL = "null"
_encode = msgspec.json.encode


def json_text(value: Any) -> str:  # noqa: PLR0911 - one a type
    """NULL, and a number that JSON cannot hold, is null; an instant without a zone is taken as UTC."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else NULL
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return _text(moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z")
    if isinstance(value, date):
        return _text(value.isoformat())
    return _text(str(value).replace("\x00", "\ufffd"))


def _number(value: float) -> str:
    if not math.isfinite(value):
        return NULL
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _text(value: str) -> str:
    return _encode(value).decode()
