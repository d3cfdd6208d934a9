"""What the shell around every page shows: the space switcher, the sections and who is signed in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    return {}
