"""Members and former members in the audience's table."""

from __future__ import annotations

from destinations.connectors.responsys import api, pets, records
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """Members of the list first, then `1` or `0` in the table. Of two calls for a person the later counts, for both."""
    results = Results(items)
    results.need_membership()
    records.need_identifier(results)
    if not context.external_audience_id:
        for item in results.open:
            results.fail(item, "The audience has no table yet. Remove the destination and add it again.")
    people: dict[tuple[str, str], list[Item]] = {}
    for item in results.open:
        name = next(name for name in records.IDENTIFIERS if records.member(item, name))
        people.setdefault((name, str(records.member(item, name))), []).append(item)
    latest = [group[-1] for group in people.values()]
    if latest:
        column = context.computation_key[: api.NAME_LENGTH]
        yield from pets.write(context, results, context.external_audience_id, [column], latest, values=_flag)
    done = dict(zip((item.index for item in items), results.done(), strict=True))
    for group in people.values():
        for earlier in group[:-1]:
            results.set(earlier, done[group[-1].index])
    return results.done()


def _flag(item: Item) -> list[str]:
    return ["1" if item.membership else "0"]
