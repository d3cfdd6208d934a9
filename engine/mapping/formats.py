"""Text formats of fields: `email`, `uri`, `date` … and what reads as a date (spec: connectors, section 3)."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from email.utils import parsedate_tz

from engine.jstext import number_text, text_to_number

_HEX = r"%[0-9a-f]{2}"
_PCHAR = rf"(?:[a-z0-9\-._~!$&'\"()*+,;=:@]|{_HEX})"
_QUERY = rf"(?:\?(?:[a-z0-9\-._~!$&'\"()*+,;=:@/?]|{_HEX})*)?(?:#(?:[a-z0-9\-._~!$&'\"()*+,;=:@/?]|{_HEX})*)?"
_AUTHORITY = (
    rf"(?:(?:[a-z0-9\-._~!$&'()*+,;=:]|{_HEX})*@)?"
    rf"(?:\[[0-9a-f:.]+\]|\[v[0-9a-f]+\.[a-z0-9\-._~!$&'()*+,;=:]+\]|(?:[a-z0-9\-._~!$&'\"()*+,;=]|{_HEX})*)(?::\d*)?"
)
_PATHS = rf"//?{_AUTHORITY}(?:/{_PCHAR}*)*|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*"


def _pattern(source: str, flags: int = re.IGNORECASE) -> Callable[[str], bool]:
    compiled = re.compile(source, flags | re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


_EMAIL = _pattern(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
)
_HOSTNAME = _pattern(
    r"(?=.{1,253}\.?$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-0-9a-z]{0,61}[0-9a-z])?)*\.?"
)
_IPV4 = _pattern(r"(?:(?:25[0-5]|2[0-4]\d|[01]?\d\d?)\.){3}(?:25[0-5]|2[0-4]\d|[01]?\d\d?)")
_URI = _pattern(rf"[a-z][a-z0-9+\-.]*:(?:{_PATHS}){_QUERY}")
_URI_REFERENCE = _pattern(rf"(?:[a-z][a-z0-9+\-.]*:)?(?:{_PATHS})?{_QUERY}")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)\Z", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:z|[+-]\d\d(?::?\d\d)?)?\Z", re.IGNORECASE | re.ASCII)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EMAIL_LENGTH = 1_000


def _is_email(value: str) -> bool:
    # Longer texts would only keep the expression busy; no mail server takes them.
    return len(value) <= _EMAIL_LENGTH and _EMAIL(value)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _is_date(value: str) -> bool:
    found = _DATE.match(value)
    if not found:
        return False
    year, month, day = (int(part) for part in found.groups())
    return 1 <= month <= 12 and 1 <= day <= (29 if month == 2 and _is_leap(year) else _DAYS[month - 1])


def _is_time(value: str) -> bool:
    found = _TIME.match(value)
    if not found:
        return False
    hour, minute, second = (int(part) for part in found.groups())
    return (hour <= 23 and minute <= 59 and second <= 59) or (hour, minute, second) == (23, 59, 60)


def _is_date_time(value: str) -> bool:
    parts = re.split(r"[tT\s]", value)
    return len(parts) == 2 and _is_date(parts[0]) and _is_time(parts[1])


def _is_ipv6(value: str) -> bool:
    try:
        return "%" not in value and ipaddress.IPv6Address(value) is not None
    except ValueError:
        return False


def _is_regex(value: str) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return True


FORMATS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "email": ("email address", _is_email),
    "uri": ("URI", lambda value: ("/" in value or ":" in value) and _URI(value)),
    "uri-reference": ("URI Reference", _URI_REFERENCE),
    "date": ("date", _is_date),
    "date-time": ("date and time", _is_date_time),
    "time": ("time", _is_time),
    "ipv4": ("IPv4 address", _IPV4),
    "ipv6": ("IPv6 address", _is_ipv6),
    "hostname": ("hostname", _HOSTNAME),
    "uuid": ("uuid", _pattern(r"(?:urn:uuid:)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")),
    "json-pointer": ("JSON Pointer", _pattern(r"(?:/(?:[^~/]|~0|~1)*)*")),
    "relative-json-pointer": (
        "relative JSON Pointer",
        _pattern(r"(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~0|~1)*)*)"),
    ),
    "uri-template": (
        "URI-template",
        _pattern(
            rf"(?:[^\x00-\x20\"'<>%\\^`{{|}}]|{_HEX}|"
            rf"\{{[+#./;?&=,!@|]?(?:[a-z0-9_]|{_HEX})+(?::[1-9][0-9]{{0,3}}|\*)?"
            rf"(?:,(?:[a-z0-9_]|{_HEX})+(?::[1-9][0-9]{{0,3}}|\*)?)*\}})*"
        ),
    ),
    "regex": ("regular expression", _is_regex),
}

_LAST_SECOND = 8.64e12
_LOOSE_ISO = re.compile(
    r"\d{4}[-/]?(?:\d{1,2})?[-/]?\d{0,2}[Tt\s]*(?:\d{1,2})?:?(?:\d{1,2})?:?(?:\d{1,2})?[.:]?(?:\d+)?\Z", re.ASCII
)
_ISO = re.compile(
    r"[+-]?\d{4,6}-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(?:[Zz]|[+-]\d\d:?\d\d)?)?\Z", re.ASCII
)
_CLOCK = (
    r"(?:,?\s+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[AaPp][Mm])?"
    r"(?:\s*(?:GMT|UTC|Z)?(?:[+-]\d{2}:?\d{2})?(?:\s*\([^)]*\))?)?)?"
)
_DAY_NAME = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_MONTH_NAME = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_WRITTEN = re.compile(
    rf"{_DAY_NAME}(?:{_MONTH_NAME}\s+\d{{1,2}},?\s+\d{{4}}|\d{{1,2}}[\s-]+{_MONTH_NAME},?[\s-]+\d{{4}}){_CLOCK}\Z",
    re.IGNORECASE | re.ASCII,
)
_AMERICAN = re.compile(rf"(\d{{1,2}})[/-](\d{{1,2}})[/-]\d{{4}}{_CLOCK}\Z", re.ASCII)


def reads_as_date(value: str) -> bool:
    """Whether a `datetime` field takes this text: digits are seconds since 1970, else the usual written forms."""
    number = text_to_number(value)
    if number_text(number) == value:
        return not math.isnan(number) and abs(number) <= _LAST_SECOND
    if value[-1:] not in ("Z", "z") and _LOOSE_ISO.match(value):
        return True
    value = value.strip()
    found = _ISO.match(value)
    if found:
        month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        is_time = (hour <= 23 and minute <= 59 and second <= 59) or (hour, minute, second) == (24, 0, 0)
        return 1 <= month <= 12 and 1 <= day <= 31 and is_time
    found = _AMERICAN.match(value)
    if found:
        return 1 <= int(found[1]) <= 12 and 1 <= int(found[2]) <= 31
    return _WRITTEN.match(value) is not None or ("," in value and parsedate_tz(value) is not None)
