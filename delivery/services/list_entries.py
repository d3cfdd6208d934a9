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
    decode = msgspec.json.Decoder().decode
    context, integrations = _Shared("context"), _Shared("integrations")
    entries = []
    for entry in batch:
        text, is_known = context.cut(entry.payload)
        text, are_known = integrations.cut(text)
        event = decode(text)
        if not (context.fill(event, is_known=is_known) and integrations.fill(event, is_known=are_known)):
            event = decode(entry.payload)
            context.learn(event)
            integrations.learn(event)
        entries.append(
            ListEntry(
                message_id=entry.message_id,
                id_type=entry.id_type,
                id_value=entry.id_value,
                event=event,
                is_retry=entry.first_attempt_at is not None,
            )
        )
    return entries


class _Shared:
    """A member of the events that is read once and taken out of the texts that say the same.

    Its text begins with a quote, which inside of a JSON text has a backslash before it: it can only be found where a
    member begins. That may be a member further inside, so that what was taken out has to be found missing.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._text = ""
        # Nobody can write it into an event.
        self._mark = secrets.token_hex(8)
        self._marked = f'"{name}":"{self._mark}"'
        self._value: object = None

    def cut(self, text: str) -> tuple[str, bool]:
        """The text, with a mark in place of the known member when it has that."""
        if not self._text:
            return text, False
        before, found, after = text.partition(self._text)
        return (f"{before}{self._marked}{after}", True) if found else (text, False)

    def fill(self, event: dict[str, Any], *, is_known: bool) -> bool:
        """Put the known value where the mark is. False: the event has to be read from its whole text."""
        if is_known and event.get(self._name) == self._mark:
            event[self._name] = self._value
            return True
        return not is_known and self._name not in event

    def learn(self, event: dict[str, Any]) -> None:
        """Know the member of this event from now on; the same value as before stays the same object.

        Objects alone: the text of a number may be the beginning of another one's.
        """
        value = event.get(self._name)
        if not isinstance(value, dict):
            return
        text = f'"{self._name}":{msgspec.json.encode(value).decode()}'
        if text == self._text:
            event[self._name] = self._value
        else:
            self._text, self._value = text, value
