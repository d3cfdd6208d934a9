"""Rings in a run of a task when the task is woken: work that comes while a run waits for answers is seen at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from functools import cache

import redis
from celery import Task
from django.conf import settings
from redis.client import PubSub

from common.valkey import client

AGAIN_SECONDS = 1.0
LISTEN_SECONDS = 60.0


def ring(task: Task, words: Iterable[str] = ()) -> None:
    """To every process that has a bell of this task; `words` say what it is about. Raises `redis.RedisError`."""
    client().publish(_channel(task), "\n".join(words))


@cache
def bell_of(task: Task) -> Bell:
    """The bell of this process; it listens from the first call on."""
    return Bell(_channel(task))


class Bell:
    """Wait on `fileno()` for reading, then ask what was `heard()`. While the server is away it is silent."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._heard, self._rope = socket.socketpair()
        self._heard.setblocking(False)
        self._rope.setblocking(False)
        self._words: set[str] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, name=f"bell {channel}", daemon=True).start()

    def fileno(self) -> int:
        return self._heard.fileno()

    def heard(self) -> set[str]:
        """The words of all rings since it was last asked, "" of those without; empty: it did not ring."""
        try:
            self._heard.recv(4096)
        except BlockingIOError:
            return set()
        with self._lock:
            words, self._words = self._words, set()
        return words

    def _listen(self) -> None:
        while True:
            try:
                with PubSub(client().connection_pool, ignore_subscribe_messages=True) as channel:
                    channel.subscribe(self._channel)
                    while True:
                        message = channel.get_message(timeout=LISTEN_SECONDS)
                        if message is not None:
                            self._pull(message["data"].decode().split("\n"))
            except redis.RedisError:
                time.sleep(AGAIN_SECONDS)

    def _pull(self, words: list[str]) -> None:
        with self._lock:
            self._words.update(words)
        try:
            self._rope.send(b".")
        except BlockingIOError:
            return  # it rings already


def _channel(task: Task) -> str:
    return f"bell:{settings.DATABASES['default']['NAME']}:{task.name}"
