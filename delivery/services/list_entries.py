"""The entries of a run: batch by batch, and as connectors take them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

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

    Nearly all calls of a batch have the same context and integrations, so what is made of these is made once, and a
    batch takes a third of the memory.
    """
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    common: dict[str, tuple[bytes, object]] = {"context": (b"", None), "integrations": (b"", None)}
    entries = []
    for entry in batch:
        event = decode(entry.payload)
        for name, (text, known) in common.items():
            if name not in event:
                continue
            if encode(event[name]) == text:
                event[name] = known
            else:
                common[name] = encode(event[name]), event[name]
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
