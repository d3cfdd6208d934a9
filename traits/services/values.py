"""The door for values that are not computed from events: of a query in a warehouse, of a model.

A kind of such traits registers itself in `engine.traits.kinds` (origin, how its definition is read and described), its
app decides when to look for new values, and writes them here; everything else is as for computed ones: what changed is
stored, shown on profiles, sent, and evaluated by audiences, traits and journeys that read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from audiences.models import ComputeStatus
from audiences.services.locks import lock_space
from traits.models import Trait
from traits.services.compute import evaluated_traits, settle_keys, spread
from traits.services.observing import observe
from traits.services.sql_columns import columns_of, keys_of
from traits.services.storing import Changed, Written, publish

MOST_AT_ONCE = 10_000


def write_values(*, trait: Trait, values: Mapping[int, Any], now: datetime) -> int:
    """Give profiles (by row id) their values, plain JSON data; None takes a value away. Returns how many changed.

    In one transaction under the space's lock for every MOST_AT_ONCE profiles; equal values change and send nothing.
    Profiles that are not mentioned keep what they have: `profiles_with_value` says who they are.
    """
    changed = 0
    ids = sorted(values)
    for start in range(0, len(ids), MOST_AT_ONCE):
        block = ids[start : start + MOST_AT_ONCE]
        with transaction.atomic():
            lock_space(trait.space_id)
            changed += len(_write_block(trait, {profile_id: values[profile_id] for profile_id in block}, now))
    return changed


def finish(*, trait: Trait, now: datetime, error: str = "") -> None:
    """Note how a run of the trait ended: Live, or Failed with a sentence."""
    status = ComputeStatus.FAILED if error else ComputeStatus.LIVE
    fields: dict[str, Any] = {"status": status, "status_detail": error}
    if not error:
        fields["last_computed_at"] = now
        trait.refresh_from_db()
        observe(trait, now=now)
    Trait.objects.filter(pk=trait.pk, is_enabled=True).update(**fields)


def profiles_with_value(trait: Trait) -> list[int]:
    """Row ids of the profiles that have a value now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id FROM trait_value WHERE space_id = %s AND trait_id = %s AND value IS NOT NULL "
            "ORDER BY profile_id",
            [trait.space_id, trait.pk],
        )
        return [row[0] for row in cursor.fetchall()]


def _write_block(trait: Trait, values: Mapping[int, Any], now: datetime) -> Sequence[Changed]:
    rows = [{"i": profile_id, "v": value} for profile_id, value in values.items()]
    given = "SELECT i, v FROM json_to_recordset(%(rows)s) AS g(i bigint, v jsonb)"
    return write_given(trait=trait, given=given, params={"rows": json.dumps(rows)}, now=now)


def write_given(*, trait: Trait, given: str, params: Mapping[str, Any], now: datetime) -> Sequence[Changed]:
    """The same of values that are in the database: `given` is SQL of profile ids and values (i, v), each profile once.

    In the caller's transaction, which holds the space's lock.
    """
    shown = "p.traits -> %(key)s"
    is_shown = "shown IS NOT DISTINCT FROM value"
    if columns_of(trait):
        shown, is_shown = "p.traits", "shown @> jsonb_strip_nulls(value)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH given AS MATERIALIZED (
                SELECT p.id, nullif(g.v, 'null'::jsonb) AS value, t.value AS was, {shown} AS shown
                FROM ({given}) AS g(i, v)
                JOIN profile p ON p.space_id = %(space)s AND p.id = g.i AND p.collection = %(collection)s
                LEFT JOIN trait_value t ON t.space_id = %(space)s AND t.trait_id = %(trait)s AND t.profile_id = p.id
            ),
            stored AS (
                INSERT INTO trait_value AS t (space_id, trait_id, profile_id, value, changed_at)
                SELECT %(space)s, %(trait)s, id, value, %(now)s FROM given WHERE value IS DISTINCT FROM was ORDER BY id
                ON CONFLICT (space_id, trait_id, profile_id) DO UPDATE
                SET value = excluded.value, changed_at = excluded.changed_at
            )
            SELECT id, value::text, value IS DISTINCT FROM was, was IS NOT NULL FROM given
            WHERE value IS DISTINCT FROM was OR (value IS NOT NULL AND NOT ({is_shown}))
            """,  # noqa: S608 - the parts are our own, values are parameters
            {
                **params,
                "space": trait.space_id,
                "trait": trait.pk,
                "key": trait.key,
                "collection": trait.collection,
                "now": now,
            },
        )
        written = [
            Written(trait_id=trait.pk, profile_id=profile_id, value=value, is_changed=is_changed, had_value=had)
            for profile_id, value, is_changed, had in cursor.fetchall()
        ]
    changes = publish(space=trait.space, traits=[trait], written=written, now=now)
    traits = evaluated_traits(trait.space)
    ids = frozenset(change.profile_id for change in changes)
    if ids:
        keys = frozenset(keys_of(trait))
        changed = settle_keys(space=trait.space, traits=traits, keys=keys, profile_ids=ids, now=now)
        spread(space=trait.space, changed=changed, now=now)
    return changes
