"""Starting background work: a wake-up after commit, at most one queued per task and key."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

WAKE_SECONDS = 1


def enqueue(task: Task, /, **kwargs: Any) -> None:
    """Run the task soon after this transaction commits.

    Work is always a row in PostgreSQL that a beat sweep finds too, so a wake-up that cannot be sent (the broker is
    away) is logged and lost without harm. Wake-ups of the same task and arguments within a second are sent once.
    """
    transaction.on_commit(lambda: wake(task, **kwargs))


def wake(task: Task, /, **kwargs: Any) -> None:
    key = f"wake:{task.name}:{sorted(kwargs.items())}"
    try:
        if cache.add(key, 1, timeout=WAKE_SECONDS):
            task.apply_async(kwargs=kwargs, ignore_result=True, expires=60)
    except (RedisError, OperationalError):
        logger.warning("could not wake %s; the next sweep will find its work", task.name)
