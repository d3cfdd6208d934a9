"""Merging profiles: everything that names the merged-away ones is re-pointed at the survivors, in one place.

Call inside a transaction that holds `profiles.services.locks.own_profiles` and the audiences' lock of the space.
"""

# ruff: noqa: S608 - the tables and columns are constants of this module

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from django.db import connection

from journeys.services.merging import merge_runs

_PAIRS = "json_to_recordset(%(pairs)s) AS pair(loser bigint, winner bigint)"

# Tables whose rows of the survivor win over those of the merged-away profile: (table, key columns besides profile_id).
_REPOINTED = (
    ("sent_value", ("connection_id", "id_type", "id_value")),
    ("list_change", ("connection_id", "id_type", "id_value")),
    ("list_member", ("connection_id", "id_type", "id_value")),
)


def merge_profiles(*, space_id: int, survivors: Mapping[int, int], now: datetime) -> None:
    """`survivors` maps each stored profile that goes away to the stored one it becomes.

    Traits are the caller's business, before this call: it needs both rows. Deliveries keep the profile they were
    made for; their payload is final.
    """
    if not survivors:
        return
    pairs = msgspec.json.encode([{"loser": loser, "winner": winner} for loser, winner in sorted(survivors.items())])
    values: dict[str, str | int | datetime] = {"pairs": pairs.decode(), "space": space_id, "now": now}
    with connection.cursor() as cursor:
        for statement in _statements():
            cursor.execute(statement, values)
    merge_runs(space_id=space_id, survivors=survivors, now=now)


def _statements() -> list[str]:
    mine = "t.space_id = %(space)s AND t.profile_id = pair.loser"
    statements = [
        f"UPDATE external_id t SET profile_id = pair.winner FROM {_PAIRS} WHERE {mine}",
        f"UPDATE event t SET profile_id = pair.winner FROM {_PAIRS} WHERE {mine}",
        f"INSERT INTO account_link (space_id, account_id, profile_id, created_at) "
        f"SELECT t.space_id, t.account_id, pair.winner, t.created_at FROM account_link t JOIN {_PAIRS} ON {mine} "
        f"ON CONFLICT DO NOTHING",
        f"DELETE FROM account_link t USING {_PAIRS} WHERE {mine}",
        *_users_of_accounts(),
        f"INSERT INTO account_link (space_id, account_id, profile_id, created_at) "
        f"SELECT t.space_id, pair.winner, t.profile_id, t.created_at FROM account_link t JOIN {_PAIRS} "
        f"ON t.space_id = %(space)s AND t.account_id = pair.loser ON CONFLICT DO NOTHING",
        f"DELETE FROM account_link t USING {_PAIRS} WHERE t.space_id = %(space)s AND t.account_id = pair.loser",
        *_membership(),
        *_trait_values(),
    ]
    for table, keys in _REPOINTED:
        same = " AND ".join(f"own.{key} = t.{key}" for key in keys)
        # Of several merged-away profiles with the same key one row survives.
        first = ", ".join(f"t.{key}" for key in keys)
        statements += [
            f"DELETE FROM {table} t USING {_PAIRS} WHERE {mine} AND (EXISTS (SELECT 1 FROM {table} own "
            f"WHERE own.space_id = t.space_id AND own.profile_id = pair.winner AND {same}))",
            f"DELETE FROM {table} d USING (SELECT t.profile_id, {first}, row_number() OVER ("
            f"PARTITION BY pair.winner, {first} ORDER BY t.profile_id) AS place FROM {table} t JOIN {_PAIRS} ON {mine}"
            f") t WHERE d.space_id = %(space)s AND d.profile_id = t.profile_id AND t.place > 1 "
            f"AND {same.replace('own.', 'd.')}",
            f"UPDATE {table} t SET profile_id = pair.winner FROM {_PAIRS} WHERE {mine}",
        ]
    statements += [
        f"UPDATE profile_alias t SET profile_id = pair.winner FROM {_PAIRS} WHERE {mine}",
        f"INSERT INTO profile_alias (segment_id, space_id, profile_id, merged_at) "
        f"SELECT p.segment_id, p.space_id, pair.winner, %(now)s FROM {_PAIRS} "
        f"JOIN profile p ON p.space_id = %(space)s AND p.id = pair.loser",
        f"UPDATE profile w SET merges = least(w.merges + merged.merges, 32767), "
        f"created_at = least(w.created_at, merged.created_at), updated_at = %(now)s FROM ("
        f"SELECT pair.winner, sum(p.merges + 1) AS merges, min(p.created_at) AS created_at FROM {_PAIRS} "
        f"JOIN profile p ON p.space_id = %(space)s AND p.id = pair.loser GROUP BY pair.winner) merged "
        f"WHERE w.space_id = %(space)s AND w.id = merged.winner",
        f"DELETE FROM profile p USING {_PAIRS} WHERE p.space_id = %(space)s AND p.id = pair.loser",
    ]
    return statements


def _trait_values() -> list[str]:
    """Those of the merged-away profiles go; the survivor's are computed anew from all events, with the evaluation."""
    return [
        f"WITH gone AS (DELETE FROM trait_value t USING {_PAIRS} WHERE t.space_id = %(space)s "
        f"AND t.profile_id = pair.loser RETURNING t.trait_id, t.value), "
        f"counted AS (SELECT trait_id, count(value) AS profiles FROM gone GROUP BY trait_id) "
        f"UPDATE traits_trait t SET size = t.size - counted.profiles FROM counted WHERE t.id = counted.trait_id",
    ]


def _users_of_accounts() -> list[str]:
    """The users of merged accounts are evaluated anew: audiences may ask for the audiences of their accounts.

    An account of which one part was emitted as inside is inside, until its evaluation says something else.
    """
    return [
        f"INSERT INTO changed_profiles (space_id, profile_ids, max_received_at) "
        f"SELECT %(space)s, array_agg(DISTINCT t.profile_id), %(now)s FROM account_link t JOIN {_PAIRS} "
        f"ON t.space_id = %(space)s AND t.account_id IN (pair.loser, pair.winner) HAVING count(*) > 0",
        f"UPDATE sent_value w SET value = t.value FROM sent_value t JOIN {_PAIRS} ON t.space_id = %(space)s "
        f"AND t.profile_id = pair.loser AND t.id_type = 'account' AND t.value = '\"inside\"' "
        f"WHERE w.space_id = t.space_id AND w.connection_id = t.connection_id AND w.profile_id = pair.winner "
        f"AND w.id_type = 'account'",
    ]


def _membership() -> list[str]:
    """A person who was counted in an audience several times is counted once; nobody leaves by being merged.

    The survivor is evaluated again after the merge, which corrects what the union of the rows does not know.
    """
    involved = (
        f"SELECT pair.winner, m.audience_id, m.is_member, m.changed_at, m.recheck_at FROM (SELECT loser AS id, winner "
        f"FROM {_PAIRS} UNION SELECT winner, winner FROM {_PAIRS}) AS pair "
        f"JOIN membership m ON m.space_id = %(space)s AND m.profile_id = pair.id"
    )
    return [
        f"WITH surplus AS (SELECT audience_id, sum(members - 1) AS surplus FROM ("
        f"SELECT audience_id, winner, count(*) FILTER (WHERE is_member) AS members FROM ({involved}) AS involved "
        f"GROUP BY audience_id, winner) AS counted WHERE members > 1 GROUP BY audience_id), "
        f"sized AS (UPDATE audiences_audience a SET size = a.size - surplus.surplus FROM surplus "
        f"WHERE a.id = surplus.audience_id RETURNING a.id, a.size) "
        f'INSERT INTO membership_count AS c (space_id, audience_id, hour, entered, "left", size) '
        f"SELECT %(space)s, id, date_trunc('hour', %(now)s::timestamptz), 0, 0, size FROM sized "
        f"ON CONFLICT (space_id, audience_id, hour) DO UPDATE SET size = excluded.size",
        f"INSERT INTO membership AS m (space_id, audience_id, profile_id, is_member, changed_at, recheck_at) "
        f"SELECT %(space)s, audience_id, winner, bool_or(is_member), max(changed_at), min(recheck_at) "
        f"FROM ({involved}) AS involved GROUP BY audience_id, winner "
        f"ON CONFLICT (space_id, audience_id, profile_id) DO UPDATE SET is_member = excluded.is_member, "
        f"changed_at = excluded.changed_at, recheck_at = excluded.recheck_at",
        f"DELETE FROM membership t USING {_PAIRS} WHERE t.space_id = %(space)s AND t.profile_id = pair.loser",
    ]
