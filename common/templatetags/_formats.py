"""Numbers and times as pages show them (ux.md §1 rules 5 and 6). Plain functions; unknown is a dash, never 0."""

from __future__ import annotations

import re
from datetime import UTC, datetime

UNKNOWN = "\N{EN DASH}"
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (86_400 * 60, 86_400, "d"))


def format_number(value: object, decimals: int = 0) -> str:
    """`1284` as "1,284"; None and text that is no number as a dash."""
    if value is None or value == "" or isinstance(value, bool):
        return UNKNOWN
    try:
        number = float(str(value))
    except ValueError:
        return UNKNOWN
    if decimals:
        return f"{number:,.{decimals}f}"
    return f"{int(value):,}" if isinstance(value, int) else f"{number:,.0f}"


def format_compact(value: int | float | None) -> str:
    """1,284 as "1.3k", 2,500,000 as "2.5M"; below 1,000 as it is."""
    if value is None:
        return UNKNOWN
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.1f}".removesuffix(".0") + suffix
    return format_number(value)


def format_percent(share: float | None, decimals: int = 1) -> str:
    """A share of 1 as a percentage: 0.984 as "98.4 %". Below 100 % it never rounds up to 100."""
    if share is None:
        return UNKNOWN
    percent = round(share * 100, decimals)
    if share < 1 and percent >= 100:
        percent = 100 - 10**-decimals
    text = f"{percent:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def format_change(value: int | None) -> str:
    """A signed count with a true minus sign: "+120", "±0"."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "±0"
    sign = "+" if value > 0 else "\N{MINUS SIGN}"
    return f"{sign}{abs(value):,}"


def format_age(moment: datetime, now: datetime) -> str:
    """ "3 min ago", "in 2 h", "just now"; from 60 days on the date."""
    seconds = (now - moment).total_seconds()
    distance = abs(seconds)
    if distance < 5:
        return "just now"
    for limit, unit, word in _STEPS:
        if distance < limit:
            text = f"{int(distance // unit)} {word}"
            return f"{text} ago" if seconds >= 0 else f"in {text}"
    return f"{moment.astimezone(UTC):%-d %b %Y}"


def format_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_duration(seconds: float | None) -> str:
    """3.2 s, 4 min 10 s, 2 h 5 min, 3 d 4 h; below a second in ms."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = int(seconds)
    for unit, big, small_unit, small in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // small_unit
            return f"{whole // unit} {big}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def initials(name: str) -> str:
    """Two letters of a name or an e-mail address, for an avatar."""
    words = re.split(r"[\s._-]+", name.partition("@")[0].strip(" ._-"))
    if not words[0]:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else words[0][1:2])).upper()
