"""Traits as merge fields: their tags, and the values that Mailchimp takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.jstext import text

LONGEST_TAG = 10
_OTHERS = re.compile(r"[^A-Za-z0-9]+")
_NAMES = {"FIRSTNAME": "FNAME", "LASTNAME": "LNAME"}


def tag_of(key: str) -> str:
    """`first_time_shopper` as `FIRSTTIMES`; first and last name under Mailchimp's own tags."""
    plain = _OTHERS.sub("", key).upper()
    return _NAMES.get(plain, plain[:LONGEST_TAG])


def merge_fields(traits: Mapping[str, Any] | None) -> dict[str, Any]:
    """By tag. The e-mail is the address itself, and what Mailchimp refuses is left out."""
    found: dict[str, Any] = {}
    for key, value in (traits or {}).items():
        tag = tag_of(key)
        if tag and tag != "EMAIL":
            told = _value(value)
            if told is not None:
                found[tag] = told
    return found


def _value(value: Any) -> Any:
    if value is None:
        return "null"
    if isinstance(value, list):
        plain = [item for item in value if not isinstance(item, dict | list)]
        return ", ".join(text(item) for item in plain) if plain or not value else None
    if isinstance(value, dict):
        # The only kind of field that takes an object is an address.
        return value if "addr1" in value else None
    return value if isinstance(value, str) else text(value)
