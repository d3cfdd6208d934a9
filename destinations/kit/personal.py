"""Personal data as vendors want to match it: normalised, hashed, and never hashed twice (spec: connectors, section 7).

Vendors differ in how they normalise; a connector says what it does and tests it against the vendor's own examples.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Literal

import phonenumbers

_HASHED = re.compile(r"[0-9a-fA-F]{64}\Z")
_HASH_LENGTH = 64
_NO_DIGIT = re.compile(r"[^0-9]+")


def is_hashed(value: str) -> bool:
    """Whether the text already is a SHA-256 in hexadecimal."""
    return bool(_HASHED.match(value))


def sha256(value: str) -> str:
    """SHA-256 of the text as UTF-8, in lower-case hexadecimal."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def hashed(value: str, normalize: Callable[[str], str] = str.strip) -> str:
    """SHA-256 of the normalised text. A value that is hashed already stays; nothing stays nothing ("")."""
    if len(value) >= _HASH_LENGTH and is_hashed(value.strip()):
        return value.strip().lower()
    text = normalize(value)
    return sha256(text) if text else ""


def hash_of(
    value: str, algorithm: Literal["md5", "sha1", "sha256"], normalize: Callable[[str], str] = str.strip
) -> str:
    """Another hash of the normalised text, for vendors that ask for it (Mailchimp names members by MD5)."""
    return hashlib.new(algorithm, normalize(value).encode(), usedforsecurity=False).hexdigest()


def trim_lower(value: str) -> str:
    """Without blanks around it, in lower case: e-mails and most names."""
    return value.strip().lower()


def digits(value: str) -> str:
    """Only the digits 0-9."""
    return _NO_DIGIT.sub("", value)


def e164(value: str, *, region: str | None = None) -> str:
    """A phone number as `+` and digits; "" when it is none.

    `region` (`"US"`, `"DE"`) is the country of numbers written without a country code; without it those are none.
    A leading `00` counts as `+`.
    """
    text = value.strip()
    if text.startswith("00"):
        text = f"+{text[2:]}"
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
