"""The entries of a run: batch by batch, and as connectors take them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from django.db import connection as database
from django.db import transaction

from delivery.services import outbox
from delivery.services.list_outcomes import Entry
from destinations.kit.definition import ListEntry


def batches(read: Callable[[int], list[Entry]], *, size: int) -> Generator[list[Entry], None, None]:
    """Batches of `size` until there are no more; `read(after_id)` finds the next.

    While one is sent the one after it is read, by a thread with a database connection of its own. Inside a transaction
    of the caller it is read when it is asked for: another connection would not see its rows.
    """

    def read_ahead(after_id: int) -> list[Entry]:
        if database.connection is None:
            outbox.set_plain_plans()
        return read(after_id)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="entries") as thread:
        try:
            batch = read(0)
            while batch:
                last_id = batch[-1].id
                is_ahead = len(batch) == size and not transaction.get_connection().in_atomic_block
                following = thread.submit(read_ahead, last_id) if is_ahead else None
                yield batch
                batch = read(last_id) if following is None else following.result()
        finally:
            thread.submit(lambda: database.close())  # noqa: PLW0108 - looked up there, it is that thread's connection


def list_entries(batch: Sequence[Entry]) -> list[ListEntry]:
    """The events are read-only: what one says like the one before, letter by letter, is the same object.

    Nearly all calls of a batch have the same context and integrations, so these are read once, what is made of them is
    made once, and a batch takes a third of the memory.
    """
    read = _Reader().read
    return [
        ListEntry(
            message_id=entry.message_id,
            id_type=entry.id_type,
            id_value=entry.id_value,
            event=read(entry.payload),
            is_retry=entry.first_attempt_at is not None,
        )
        for entry in batch
    ]


class _Reader:
    """Reads events whose `context` and `integrations`, written side by side, often say the same.

    Their text begins with a quote, which inside of a JSON text has a backslash before it: it can only be found where
    members begin. These may be members further inside, so that what stands in for them has to be found in its place.
    """

    SHARED = ("context", "integrations")
    # By its beginning the shared text is found much quicker than by all of it.
    BEGINNING = f'"{SHARED[0]}":{{'

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder().decode
        # Nobody can write it into an event.
        self._mark = secrets.token_hex(8)
        self._marked = ",".join(f'"{name}":"{self._mark}"' for name in self.SHARED)
        self._text = ""
        self._known: dict[str, tuple[str, object]] = {}
        self._values: dict[str, object] = {}

    def read(self, text: str) -> dict[str, Any]:
        event: dict[str, Any]
        if self._text:
            begin = text.find(self.BEGINNING)
            if begin >= 0 and text.startswith(self._text, begin):
                event = self._decode(f"{text[:begin]}{self._marked}{text[begin + len(self._text) :]}")
                if event.get("context") == self._mark:
                    event.update(self._values)
                    return event
        event = self._decode(text)
        self._learn(event)
        return event

    def _learn(self, event: dict[str, Any]) -> None:
        """Know what this event shares from now on; the same value as before stays the same object.

        Objects alone: the text of a number may be the beginning of another one's.
        """
        told = {name: event[name] for name in self.SHARED if isinstance(event.get(name), dict)}
        for name, value in told.items():
            text = f'"{name}":{msgspec.json.encode(value).decode()}'
            if self._known.get(name, ("",))[0] != text:
                self._known[name] = (text, value)
            event[name] = self._known[name][1]
        if len(told) == len(self.SHARED):
            self._text = ",".join(self._known[name][0] for name in self.SHARED)
            self._values = {name: event[name] for name in self.SHARED}
