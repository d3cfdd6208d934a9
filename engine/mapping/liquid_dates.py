"""The `date` filter of `@liquid`: texts and numbers to dates, in UTC. "now" is refused: the engine has no clock."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.jstext import number_text

_DEFAULT_FORMAT = "%A, %B %-e, %Y at %-l:%M %P %z"
_DIRECTIVE = re.compile(r"%([-_0^#:]*)(\d*)([EO]?)([a-zA-Z%+])")
_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?\Z"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_date(value: Any, pattern: Any = None, *_: Any) -> Any:
    """Write a date by strftime directives; what is no date is returned as it was."""
    if value in ("now", "today"):
        raise ValueError("A mapping cannot read the clock; use the event's timestamp.")
    when = read_date(value)
    if when is None:
        return value
    return _DIRECTIVE.sub(lambda found: _directive(when, found), _DEFAULT_FORMAT if pattern is None else str(pattern))


def read_date(value: Any) -> datetime | None:
    """An ISO 8601 text, or seconds since 1970 as a number or as digits. A time without zone is UTC."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        if isinstance(value, (int, float)):
            return _EPOCH + timedelta(seconds=value) if math.isfinite(value) else None
        if not isinstance(value, str):
            return None
        if value.isascii() and value.isdigit():
            return _EPOCH + timedelta(seconds=int(value))
        found = _ISO.match(value.strip())
        return _from_iso(found) if found else None
    except (ValueError, OverflowError):
        return None


def _from_iso(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    when = datetime(
        int(year),
        int(month or 1),
        int(day or 1),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0").ljust(6, "0")[:6]),
        tzinfo=UTC,
    )
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        shift = timedelta(hours=hours, minutes=minutes)
        when = when - shift if zone[0] == "+" else when + shift
    return when


def _directive(when: datetime, found: re.Match[str]) -> str:
    flags, width, _, letter = found.groups()
    number = _NUMBERS.get(letter)
    if number:
        value, digits, fill = number(when)
        written = str(value)
        if "-" not in flags:
            fill = " " if "_" in flags else "0" if "0" in flags else fill
            written = written.rjust(int(width[:3]) if width else digits, fill)
        return written
    words = _WORDS.get(letter)
    if words is None:
        return found.group()
    written = str(words(when))
    if "^" in flags:
        written = written.upper()
    if "#" in flags:
        written = written.swapcase() if letter not in "pP" else written.lower()
    return written.rjust(int(width[:3])) if width else written


def _twelve(when: datetime) -> int:
    return when.hour % 12 or 12


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_NUMBERS: dict[str, Any] = {
    "C": lambda when: (when.year // 100, 2, "0"),
    "d": lambda when: (when.day, 2, "0"),
    "e": lambda when: (when.day, 2, " "),
    "H": lambda when: (when.hour, 2, "0"),
    "I": lambda when: (_twelve(when), 2, "0"),
    "j": lambda when: (when.timetuple().tm_yday, 3, "0"),
    "k": lambda when: (when.hour, 2, " "),
    "l": lambda when: (_twelve(when), 2, " "),
    "L": lambda when: (when.microsecond // 1000, 3, "0"),
    "m": lambda when: (when.month, 2, "0"),
    "M": lambda when: (when.minute, 2, "0"),
    "S": lambda when: (when.second, 2, "0"),
    "u": lambda when: (when.isoweekday(), 0, "0"),
    "U": lambda when: (int(when.strftime("%U")), 2, "0"),
    "w": lambda when: (when.isoweekday() % 7, 0, "0"),
    "W": lambda when: (int(when.strftime("%W")), 2, "0"),
    "y": lambda when: (when.year % 100, 2, "0"),
    "Y": lambda when: (when.year, 4, "0"),
}

_WORDS: dict[str, Any] = {
    "%": lambda when: "%",
    "a": lambda when: _DAYS[when.weekday()][:3],
    "A": lambda when: _DAYS[when.weekday()],
    "b": lambda when: _MONTHS[when.month - 1][:3],
    "B": lambda when: _MONTHS[when.month - 1],
    "c": lambda when: (
        f"{_DAYS[when.weekday()][:3]} {_MONTHS[when.month - 1][:3]} {when:%d} {when.year} {when:%H:%M:%S}"
    ),
    "D": lambda when: f"{when:%m/%d/%y}",
    "F": lambda when: f"{when:%Y-%m-%d}",
    "h": lambda when: _MONTHS[when.month - 1][:3],
    "n": lambda when: "\n",
    "N": lambda when: f"{when.microsecond:06d}000",
    "p": lambda when: "AM" if when.hour < 12 else "PM",
    "P": lambda when: "am" if when.hour < 12 else "pm",
    "r": lambda when: f"{when:%I:%M:%S} {'AM' if when.hour < 12 else 'PM'}",
    "R": lambda when: f"{when:%H:%M}",
    "s": lambda when: number_text(int((when - _EPOCH).total_seconds())),
    "t": lambda when: "\t",
    "T": lambda when: f"{when:%H:%M:%S}",
    "x": lambda when: f"{when.month}/{when.day}/{when.year}",
    "X": lambda when: f"{_twelve(when)}:{when:%M:%S} {'AM' if when.hour < 12 else 'PM'}",
    "z": lambda when: "+0000",
    "Z": lambda when: "UTC",
}
