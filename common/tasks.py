"""Starting background work: a wake-up after commit, at most one queued per task and key, and bounded runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from celery import Task
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from common.bell import ring
from common.slots import slot

logger = logging.getLogger(__name__)

WAKE_SECONDS = 1
WORD_SECONDS = 60


def enqueue(task: Task, /, *, words: Iterable[str] = (), **kwargs: Any) -> None:
    """Run the task soon after this transaction commits; `words` tell runs that listen what it is about.

    Work is always a row in PostgreSQL that a beat sweep finds too, so a wake-up that cannot be sent (the broker is
    away) is logged and lost without harm. Wake-ups of the same task and arguments within a second are sent once.
    """
    transaction.on_commit(lambda: wake(task, words=words, **kwargs))


def _wake_key(task: Task, kwargs: dict[str, Any]) -> str:
    return f"wake:{task.name}:{sorted(kwargs.items())}"


def started(task: Task, /, **kwargs: Any) -> None:
    """Called first by a task that looks for work: a wake-up from now on is sent, since this run may miss its cause."""
    try:
        cache.delete(_wake_key(task, kwargs))
    except RedisError:
        logger.warning("a wake-up of %s may come up to %s s late", task.name, WAKE_SECONDS)


def wake(task: Task, /, *, words: Iterable[str] = (), **kwargs: Any) -> None:
    """Send the task now, unless one with the same arguments was sent within a second and has not started yet.

    Runs that are going on and listen (`common.bell`) hear of it as well, with its words.
    """
    try:
        ring(task, words)
        if cache.add(_wake_key(task, kwargs), 1, timeout=WAKE_SECONDS):
            task.apply_async(kwargs=kwargs, ignore_result=True, expires=60)
    except (RedisError, OperationalError):
        logger.warning("could not wake %s; the next sweep will find its work", task.name)


def wake_another(task: Task) -> None:
    """Called by a run at its end: the next one begins now, also when somebody woke the task just before."""
    started(task)
    wake(task)


@contextmanager
def turn(task: Task, lock_class: int, limit: int) -> Iterator[ExitStack | None]:
    """One of at most `limit` runs of `task` at a time; None when that many are going on.

    Closing what is yielded gives the turn back early. A run that finds no room leaves word, and the next one that ends
    wakes another: work that came while a run was ending does not wait for the sweep.
    """
    with ExitStack() as held:
        if not held.enter_context(slot(lock_class, limit)):
            _leave_word(task)
            if not held.enter_context(slot(lock_class, limit)):
                yield None
                return
        started(task)
        yield held
    if _take_word(task):
        wake_another(task)


def _leave_word(task: Task) -> None:
    try:
        cache.set(f"word:{task.name}", 1, timeout=WORD_SECONDS)
    except RedisError:
        logger.warning("a run of %s may come as late as its next sweep", task.name)


def _take_word(task: Task) -> bool:
    try:
        return bool(cache.delete(f"word:{task.name}"))
    except RedisError:
        return False
