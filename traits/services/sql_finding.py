"""Whose the rows of a SQL trait are: profiles that have the identifier, and new ones for identifiers nobody has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from audiences.models import ChangedProfiles
from audiences.tasks import compute
from common.ids import new_account_segment_id, new_user_segment_id
from common.tasks import enqueue
from engine.events import LONGEST_ID
from engine.identity import Rules
from profiles.models import ACCOUNTS
from profiles.services.identity_rules import add_identifier_types, identity_rules
from profiles.services.locks import share_profiles
from profiles.services.suppressions import Key, suppressed_in
from traits.models import SqlRun, Trait

_MATCH = """
UPDATE sql_staged_row s SET profile_id = e.profile_id FROM external_id e
WHERE s.run_id = %(run)s AND s.number > %(after)s AND s.number <= %(upto)s AND s.profile_id IS NULL
AND e.space_id = %(space)s AND e.collection = %(collection)s AND e.id_type = %(id_type)s AND e.value = s.looked_up
"""


def find_profiles(*, run: SqlRun, trait: Trait, id_type: str, after: int, upto: int) -> int:
    """Note the profiles of rows by their identifiers; returns how many were found."""
    share_profiles(trait.space_id)
    with connection.cursor() as cursor:
        cursor.execute(
            _MATCH,
            {
                "run": run.pk,
                "after": after,
                "upto": upto,
                "space": trait.space_id,
                "collection": trait.collection,
                "id_type": id_type,
            },
        )
        return int(cursor.rowcount)


def create_profiles(
    *, run: SqlRun, trait: Trait, id_type: str, after: int, upto: int, now: datetime
) -> tuple[int, int]:
    """Make a profile for each identifier that nobody has, in the transaction of `find_profiles`.

    Returns how many were made, and how many rows stay without: their identifiers are blocked by a rule of the space,
    too long or suppressed. Rows that were discarded make no profile and count as neither.
    """
    unknown = _unknown(run, after, upto)
    usable = _usable(trait, id_type, unknown)
    if usable:
        _insert(trait, id_type, usable, now)
        find_profiles(run=run, trait=trait, id_type=id_type, after=after, upto=upto)
    return len(usable), len(unknown) - len(usable)


def _unknown(run: SqlRun, after: int, upto: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT original FROM sql_staged_row WHERE run_id = %s AND number > %s AND number <= %s "
            "AND profile_id IS NULL AND value IS NOT NULL ORDER BY looked_up",
            [run.pk, after, upto],
        )
        return [row[0] for row in cursor.fetchall()]


def _usable(trait: Trait, id_type: str, originals: Sequence[str]) -> list[str]:
    """Identifiers that a call could bring as well (ingestion-and-profiles.md §4.2, §9)."""
    if not originals:
        return []
    rule = _rules(trait, id_type).by_type[trait.collection, id_type]
    allowed = [one for one in originals if len(one) <= LONGEST_ID and rule.read(one) is not None]
    refusing = suppressed_in(trait.space_id) if trait.collection != ACCOUNTS else None
    if refusing is None:
        return allowed
    refused = {key.value for key in refusing.among([Key(id_type, one.lower()) for one in allowed])}
    return [one for one in allowed if one.lower() not in refused]


def _rules(trait: Trait, id_type: str) -> Rules:
    rules = identity_rules(trait.space_id)
    if (trait.collection, id_type) in rules.by_type:
        return rules
    return add_identifier_types(space_id=trait.space_id, types={(trait.collection, id_type)})


def _insert(trait: Trait, id_type: str, originals: Sequence[str], now: datetime) -> None:
    """An identifier that a call has bound meanwhile keeps its profile: of the two only the first is stored."""
    new_segment_id = new_account_segment_id if trait.collection == ACCOUNTS else new_user_segment_id
    rows = [{"v": one.lower(), "o": one, "s": new_segment_id()} for one in originals]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH given AS MATERIALIZED (
                SELECT nextval('profile_id_seq') AS id, g.v, g.o, g.s
                FROM json_to_recordset(%(rows)s) AS g(v text, o text, s text) ORDER BY g.v
            ),
            bound AS (
                INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at)
                SELECT %(space)s, %(collection)s, %(id_type)s, v, o, id, %(now)s FROM given ORDER BY v
                ON CONFLICT DO NOTHING RETURNING profile_id
            )
            INSERT INTO profile (
                space_id, id, collection, segment_id, traits, trait_times, merges, created_at, updated_at
            )
            SELECT %(space)s, given.id, %(collection)s, given.s, '{}', '{}', 0, %(now)s, %(now)s
            FROM given JOIN bound ON bound.profile_id = given.id RETURNING id
            """,
            {
                "rows": json.dumps(rows),
                "space": trait.space_id,
                "collection": trait.collection,
                "id_type": id_type,
                "now": now,
            },
        )
        made = sorted(row[0] for row in cursor.fetchall())
    if made:
        ChangedProfiles.objects.create(space_id=trait.space_id, profile_ids=made, max_received_at=now)
        enqueue(compute)
