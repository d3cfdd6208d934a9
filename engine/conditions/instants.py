"""Instants and durations in whole microseconds: ISO 8601 in, datetimes out."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

SECOND = 1_000_000
UNITS = {"minutes": 60 * SECOND, "hours": 3600 * SECOND, "days": 86_400 * SECOND, "weeks": 604_800 * SECOND}
LONGEST_DURATION = 36_500 * UNITS["days"]

# The very same text is the compiler's guard, so it stays inside what Python and PostgreSQL regexes share.
ISO_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)$"
)
_ISO_INSTANT = re.compile(ISO_INSTANT)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)


def parse_instant(text: str) -> int | None:
    """Microseconds since 1970 of an ISO 8601 timestamp with zone; None for anything else.

    Digits beyond microseconds are cut off. Days that do not exist and the year 0 are invalid.
    """
    if not _ISO_INSTANT.fullmatch(text):
        return None
    try:
        day = date(int(text[0:4]), int(text[5:7]), int(text[8:10])).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    clock, zone = _split_zone(text[11:])
    seconds = day * 86_400 + int(clock[0:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8] or 0) - zone
    return seconds * SECOND + int(clock[9:15].ljust(6, "0"))


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(micros: int) -> datetime:
    """The UTC datetime of an instant; OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=micros)


def _split_zone(rest: str) -> tuple[str, int]:
    if rest.endswith("Z"):
        return rest[:-1], 0
    start = max(rest.rfind("+"), rest.rfind("-"))
    digits = rest[start + 1 :].replace(":", "").ljust(4, "0")
    offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return rest[:start], offset if rest[start] == "+" else -offset
