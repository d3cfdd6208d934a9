"""Values of traits: stored, shown among the traits of their profiles, counted and sent, in one transaction.

Whatever a value comes from (events, a warehouse, a model), it is written here. The caller holds the space's lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection

from delivery.services.emit import Change, connected_computations, emit_changes
from spaces.models import Space
from traits.models import Trait
from traits.services.sql_columns import columns_of, keys_of

_encode = msgspec.json.encode
NULL = "null"


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """The value of a trait that became another: JSON text, None when there is none any more."""

    trait_id: int
    profile_id: int
    value: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A value to be shown among the traits of its profile. `is_changed` false: it only was not shown as it is."""

    trait_id: int
    profile_id: int
    value: str | None
    is_changed: bool
    had_value: bool


def publish(*, space: Space, traits: Sequence[Trait], written: Sequence[Written], now: datetime) -> list[Changed]:
    """Show values on the profiles, count who has one, and queue the calls that changes cause (F088)."""
    if not written:
        return []
    by_id = {trait.pk: trait for trait in traits}
    _show(space_id=space.pk, traits=by_id, written=written)
    changes = [
        Changed(trait_id=each.trait_id, profile_id=each.profile_id, value=each.value)
        for each in written
        if each.is_changed
    ]
    _count(written)
    own: dict[int, list[Changed]] = defaultdict(list)
    for change in changes:
        own[change.trait_id].append(change)
    ids = {by_id[trait_id].public_id: trait_id for trait_id in own}
    for computation_id in sorted(connected_computations(space=space, computation_ids=list(ids))):
        emit_changes(
            space=space,
            computation_id=computation_id,
            changes=[sent(each) for each in own[ids[computation_id]]],
            now=now,
        )
    return changes


def sent(change: Changed) -> Change:
    """The change as destinations are told of it."""
    return Change(profile_id=change.profile_id, value=change.value is not None, json=change.value or NULL)


def _show(*, space_id: int, traits: Mapping[int, Trait], written: Sequence[Written]) -> None:
    """Write the values under their keys. Rows are locked in the order in which ingestion locks them."""
    keys = {trait_id: keys_of(trait) for trait_id, trait in traits.items()}
    rowed = frozenset(trait_id for trait_id, trait in traits.items() if columns_of(trait))
    by_profile: dict[int, list[Written]] = defaultdict(list)
    for each in written:
        by_profile[each.profile_id].append(each)
    rows = []
    for profile_id, own in sorted(by_profile.items()):
        members = [_members(each, keys[each.trait_id], is_row=each.trait_id in rowed) for each in own]
        values = ",".join(text for text in members if text)
        names = ",".join(_text(key) for each in own for key in keys[each.trait_id])
        rows.append(f'{{"i":{profile_id},"v":{{{values}}},"k":[{names}]}}')
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM profile WHERE space_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
            [space_id, sorted(by_profile)],
        )
        # The time of a key is that of the last call that wrote it: a computation is none.
        cursor.execute(
            "UPDATE profile p SET traits = (p.traits - d.k) || d.v, trait_times = p.trait_times - d.k "
            "FROM json_to_recordset(%s) AS d(i bigint, v jsonb, k text[]) WHERE p.space_id = %s AND p.id = d.i",
            [f"[{','.join(rows)}]", space_id],
        )


def _members(each: Written, keys: Sequence[str], *, is_row: bool) -> str:
    """The value under its key, or each column of a row that has one, as JSON text; "" for nothing."""
    if each.value is None:
        return ""
    if not is_row:
        return f"{_text(keys[0])}:{each.value}"
    columns = msgspec.json.decode(each.value, type=dict[str, msgspec.Raw])
    return ",".join(
        f"{_text(name)}:{bytes(value).decode()}" for name, value in columns.items() if bytes(value) != b"null"
    )


def _text(key: str) -> str:
    return _encode(key).decode()


def _count(written: Sequence[Written]) -> None:
    """Keep `size`, the number of profiles with a value."""
    grown: dict[int, int] = defaultdict(int)
    for each in written:
        if each.is_changed and (each.value is not None) is not each.had_value:
            grown[each.trait_id] += 1 if each.value is not None else -1
    if grown:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {Trait._meta.db_table} t SET size = t.size + c.grown "  # noqa: S608 - a table of our own
                "FROM unnest(%s::bigint[], %s::bigint[]) AS c(id, grown) WHERE t.id = c.id",
                [list(grown), list(grown.values())],
            )
