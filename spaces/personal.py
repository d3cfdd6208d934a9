"""Hiding personal data, which an app above knows to recognize: `settings.PERSONAL_DATA_MASK` names its function."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from spaces.models import Member


@cache
def _mask() -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = import_string(settings.PERSONAL_DATA_MASK)
    return found


def shown_to(member: Member, value: Any) -> Any:
    """A JSON value as this member may see it."""
    return value if member.has_pii_access else _mask()(value)
