"""A rejected message as somebody may see it."""

from __future__ import annotations

import json

from profiles.masking import masked

HIDDEN = "Hidden: it may hold personal data."


def readable(message: str, *, shows_pii: bool) -> object:
    """The message as it came; masked where it can be read as JSON, withheld where it cannot."""
    if shows_pii:
        return message
    try:
        return masked(json.loads(message))
    except (ValueError, RecursionError):
        return HIDDEN
