"""Members of the profile list, by the columns that name a person."""

from __future__ import annotations

from destinations.connectors.responsys import records
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item

# What may be written; a record with other names would not fit its header.
COLUMNS = (
    "EMAIL_ADDRESS_",
    "EMAIL_MD5_HASH_",
    "EMAIL_SHA256_HASH_",
    "RIID_",
    "CUSTOMER_ID_",
    "MOBILE_NUMBER_",
)


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """Members with the same columns share a call."""
    results = Results(items)
    records.need_identifier(results)
    by_columns: dict[tuple[str, ...], list[records.Record]] = {}
    for item in results.open:
        told = item.payload.get("userData") or {}
        names = tuple(name for name in told if name in COLUMNS and records.member(item, name) is not None)
        row = [records.value(item, records.member(item, name)) for name in names]
        by_columns.setdefault(names, []).append((item, row))
    for names, found in by_columns.items():
        yield from records.write_members(context, results, names, found)
    return results.done()
