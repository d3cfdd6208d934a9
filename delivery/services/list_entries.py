"""The entries of a batch as connectors take them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from delivery.services.list_outcomes import Entry
from destinations.kit.definition import ListEntry


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
