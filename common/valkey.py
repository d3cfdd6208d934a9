"""The plain client of the broker's server, for what Django's cache does not offer."""

from __future__ import annotations

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    """One client a process. An answer takes a second at most; raises `redis.RedisError`."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=1.0)
