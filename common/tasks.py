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


def _wake_key(task: Task, kwargs: dict[str, Any]) -> str:
    return f"wake:{task.name}:{sorted(kwargs.items())}"


def started(task: Task, /, **kwargs: Any) -> None:
    """Called first by a task that looks for work: a wake-up from now on is sent, since this run may miss its cause."""
    try:
        cache.delete(_wake_key(task, kwargs))
    except RedisError:
        logger.warning("a wake-up of %s may come up to %s s late", task.name, WAKE_SECONDS)


def wake(task: Task, /, **kwargs: Any) -> None:
    """Send the task now, unless one with the same arguments was sent within a second and has not started yet."""
    try:
        if cache.add(_wake_key(task, kwargs), 1, timeout=WAKE_SECONDS):
            task.apply_async(kwargs=kwargs, ignore_result=True, expires=60)
    except (RedisError, OperationalError):
        logger.warning("could not wake %s; the next sweep will find its work", task.name)
