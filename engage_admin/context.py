"""The health chip of the shell: how many problems of a space are open."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from redis.exceptions import RedisError

from engage_admin.problems import problems
from spaces.context import route_url
from spaces.models import Space

KEPT_SECONDS = 15


def health(request: HttpRequest) -> dict[str, Any]:
    """`nav_health`: `{"count", "url"}`, counted when a page shows it, at most every KEPT_SECONDS for a space."""
    space: Space | None = getattr(request, "space", None)
    if space is None:
        return {}
    return {
        "nav_health": SimpleLazyObject(lambda: {"count": _count(space), "url": f"{route_url('home', space)}#problems"})
    }


def _count(space: Space) -> int:
    key = f"problems:{space.pk}"
    try:
        kept: int | None = cache.get(key)
        if kept is None:
            kept = len(problems(space, now=timezone.now()))
            cache.set(key, kept, timeout=KEPT_SECONDS)
    except RedisError:
        return len(problems(space, now=timezone.now()))
    return kept
