"""Members and former members as rows: the audience's column says true or false."""

from __future__ import annotations

from destinations.connectors.salesforce_marketing_cloud import rows
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.json_text import js_json


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """One call for all. A person who comes twice is one row: the later call counts, for both."""
    results = Results(items)
    results.need_membership()
    if not context.external_audience_id:
        for item in results.open:
            results.fail(item, "The audience has no data extension yet. Remove the destination and add it again.")
    name = column(context, context.computation_key)
    people: dict[bytes, list[Item]] = {}
    for item in results.open:
        people.setdefault(js_json(item.payload["keys"]), []).append(item)
    latest = [group[-1] for group in people.values()]
    found = [(item, {**(item.payload.get("values") or {}), name: item.membership}) for item in latest]
    if found:
        yield from rows.save(context, context.external_audience_id, found, results)
    done = dict(zip((item.index for item in items), results.done(), strict=True))
    for group in people.values():
        for earlier in group[:-1]:
            results.set(earlier, done[group[-1].index])
    return results.done()


def column(context: Context, key: str) -> str:
    """The column of the audience: the one that was named for it, else its key in Title Case."""
    return str(context.audience_settings.get("column") or rows.column_of(key))
