"""Who tried to sign in: attempts are counted by e-mail address, however it was written."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def attempted_email(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """The address as `UserManager.get_by_natural_key` looks it up; another spelling must not be another account."""
    written = (credentials or {}).get("username")
    if not written and request is not None:
        written = request.POST.get("username")
    return str(written or "").strip().lower()[:254]
