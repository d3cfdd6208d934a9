"""Rings in a run of a task when the task is woken: work that comes while a run waits for answers is seen at once."""

from __future__ import annotations

import socket
import threading
import time
from functools import cache

import redis
from celery import Task
from django.conf import settings
from redis.client import PubSub

from common.valkey import client

AGAIN_SECONDS = 1.0
LISTEN_SECONDS = 60.0


def ring(task: Task) -> None:
    """To every process that has a bell of this task. Raises `redis.RedisError`."""
    client().publish(_channel(task), "")


@cache
def bell_of(task: Task) -> Bell:
    """The bell of this process; it listens from the first call on."""
    return Bell(_channel(task))


class Bell:
    """Wait on `fileno()` for reading, then ask `rang()`. While the server is away it is silent."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._heard, self._rope = socket.socketpair()
        self._heard.setblocking(False)
        self._rope.setblocking(False)
        threading.Thread(target=self._listen, name=f"bell {channel}", daemon=True).start()

    def fileno(self) -> int:
        return self._heard.fileno()

    def rang(self) -> bool:
        """Whether it rang since it was last asked."""
        try:
            return bool(self._heard.recv(4096))
        except BlockingIOError:
            return False

    def _listen(self) -> None:
        while True:
            try:
                with PubSub(client().connection_pool, ignore_subscribe_messages=True) as channel:
                    channel.subscribe(self._channel)
                    while True:
                        if channel.get_message(timeout=LISTEN_SECONDS) is not None:
                            self._pull()
            except redis.RedisError:
                time.sleep(AGAIN_SECONDS)

    def _pull(self) -> None:
        try:
            self._rope.send(b".")
        except BlockingIOError:
            return  # it rings already


def _channel(task: Task) -> str:
    return f"bell:{settings.DATABASES['default']['NAME']}:{task.name}"
