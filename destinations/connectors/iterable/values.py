"""Values as Iterable takes them: dates with blanks, moments in Unix seconds, nothing that is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?\Z")


def with_dates(value: Any) -> Any:
    """ISO moments at any depth as `2024-05-06 07:08:09 +00:00`; dates without a time, and what is no date, stay."""
    if isinstance(value, dict):
        return {name: with_dates(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_dates(inner) for inner in value]
    if isinstance(value, str) and _MOMENT.match(value):
        moment = _parsed(value)
        return value if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S +00:00")
    return value


def unix_seconds(value: Any) -> int | None:
    moment = _parsed(str(value)) if value else None
    return None if moment is None else int(moment.timestamp())


def present(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}


def user(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A person: identifiers, fields with the phone number among them, and how objects in them are merged."""
    fields = payload.get("dataFields")
    if fields is not None or "phoneNumber" in payload:
        fields = with_dates(dict(fields or {}))
        if "phoneNumber" in payload:
            fields["phoneNumber"] = payload["phoneNumber"]
    return present(
        {
            "email": payload.get("email"),
            "userId": payload.get("userId"),
            "dataFields": fields,
            "mergeNestedObjects": payload.get("mergeNestedObjects"),
        }
    )


def _parsed(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
