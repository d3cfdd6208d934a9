"""The first step of a deletion: the profile and all rows that hang on it go in one transaction."""

# ruff: noqa: S608 - tables and columns are constants

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from audiences.services.locks import lock_space
from delivery.services.copying import bigint_array
from delivery.services.forgetting import destinations_told, take_off_lists
from delivery.services.source_calls import STAND_IN_TYPES, stand_in
from ingest.deletion.subject import Subject, identities, personal_values
from ingest.deletion.tables import BY_PROFILE
from journeys.services.forgetting import forget_runs
from profiles.models import USERS, ExternalId, Profile, ProfileAlias, Regulation, Suppression
from profiles.services.locks import own_profiles
from profiles.services.suppressions import suppress
from spaces.models import Space

MEMBERSHIPS = """
WITH gone AS (
    DELETE FROM membership WHERE space_id = %(space)s AND profile_id = ANY(%(profiles)s::bigint[])
    RETURNING audience_id, is_member
), counted AS (
    SELECT audience_id, count(*) FILTER (WHERE is_member) AS members FROM gone GROUP BY audience_id
), sized AS (
    UPDATE audiences_audience a SET size = a.size - c.members FROM counted c
    WHERE a.id = c.audience_id AND c.members > 0 RETURNING a.id, c.members, a.size
), noted AS (
    INSERT INTO membership_count AS m (space_id, audience_id, hour, entered, "left", size)
    SELECT %(space)s, id, date_trunc('hour', %(now)s::timestamptz), 0, members, size FROM sized
    ON CONFLICT (space_id, audience_id, hour) DO UPDATE SET "left" = m."left" + excluded."left", size = excluded.size
)
SELECT count(*) FROM gone
"""
TRAIT_VALUES = """
WITH gone AS (
    DELETE FROM trait_value WHERE space_id = %(space)s AND profile_id = ANY(%(profiles)s::bigint[])
    RETURNING trait_id, value
), counted AS (
    SELECT trait_id, count(value) AS profiles FROM gone GROUP BY trait_id
), sized AS (
    UPDATE traits_trait t SET size = t.size - c.profiles FROM counted c WHERE t.id = c.trait_id
)
SELECT count(*) FROM gone
"""
QUEUE = """
UPDATE changed_profiles SET profile_ids = ARRAY(SELECT unnest(profile_ids) EXCEPT SELECT unnest(%(profiles)s::bigint[]))
WHERE space_id = %(space)s AND profile_ids && %(profiles)s::bigint[]
"""


def find_profiles(space_id: int, subject: Subject) -> list[Profile]:
    """The profiles of the subject now: merges may have moved them, or calls that were under way have made one."""
    wanted = set(subject.profiles)
    aliases = ProfileAlias.objects.filter(space_id=space_id, segment_id__in=subject.segment_ids)
    wanted |= set(aliases.values_list("profile_id", flat=True))
    for one in subject.ids:
        bound = ExternalId.objects.filter(space_id=space_id, collection=USERS, id_type=one.id_type, value=one.value)
        wanted |= set(bound.values_list("profile_id", flat=True))
    return list(Profile.objects.filter(space_id=space_id, id__in=wanted, collection=USERS).order_by("id"))


def learn(space_id: int, subject: Subject, profiles: list[Profile]) -> None:
    """Add to the subject what the profiles say of it."""
    ids = [profile.id for profile in profiles]
    rows = ExternalId.objects.filter(space_id=space_id, profile_id__in=ids, collection=USERS)
    found = identities(list(rows.order_by("created_at").values_list("id_type", "value", "original")))
    known = {(one.id_type, one.value) for one in found}
    subject.ids = [*found, *(one for one in subject.ids if (one.id_type, one.value) not in known)]
    aliases = ProfileAlias.objects.filter(space_id=space_id, profile_id__in=ids).values_list("segment_id", flat=True)
    names = [*subject.segment_ids, *(profile.segment_id for profile in profiles), *aliases]
    subject.segment_ids = list(dict.fromkeys(names))
    subject.profiles = sorted({*subject.profiles, *ids})
    subject.personal = sorted({*subject.personal, *(text for one in profiles for text in personal_values(one.traits))})
    subject.is_scattered = subject.is_scattered or any(profile.merges for profile in profiles)


def stand_ins(space_id: int, subject: Subject) -> list[int]:
    """What stands for the person in calls that a source sent on and that the space keeps nothing of (F136)."""
    return sorted(
        {
            stand_in(space_id, id_type=one.id_type, value=text)
            for one in subject.ids
            if one.id_type in STAND_IN_TYPES
            for text in (one.value, one.original)
        }
    )


@transaction.atomic
def delete_profiles(*, regulation: Regulation, subject: Subject, now: datetime) -> tuple[dict[str, int], list[int]]:
    """Rows deleted by table, and the destinations whose lists are asked to let the person go.

    Events, calls and texts follow in later steps: nothing finds them by the person any more. Safe to run twice.
    """
    space = Space.objects.select_related("workspace").get(pk=regulation.space_id)
    own_profiles(space.pk)
    lock_space(space.pk)
    profiles = find_profiles(space.pk, subject)
    learn(space.pk, subject, profiles)
    Suppression.objects.filter(space=space, profile_id__in=subject.profiles).update(profile_id=None)
    is_temporary = regulation.kind == Regulation.Kind.DELETE
    suppress(regulation=regulation, keys=subject.keys, profile_id=None, is_temporary=is_temporary)
    ids = bigint_array(subject.profiles)
    values: dict[str, int | str | datetime] = {"space": space.pk, "profiles": ids, "now": now}
    told = destinations_told(space_id=space.pk, profile_ids=[*subject.profiles, *stand_ins(space.pk, subject)])
    subject.destinations = sorted({*subject.destinations, *told})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT audience_id FROM membership WHERE space_id = %(space)s "
            "AND profile_id = ANY(%(profiles)s::bigint[])",
            values,
        )
        subject.audiences = sorted({*subject.audiences, *(row[0] for row in cursor.fetchall())})
    asked = [
        destination
        for profile in profiles
        for destination in take_off_lists(space=space, profile_id=profile.id, now=now)
    ]
    counts = {"journey_run": forget_runs(space_id=space.pk, profile_ids=subject.profiles, now=now)}
    with connection.cursor() as cursor:
        for table, statement in (("membership", MEMBERSHIPS), ("trait_value", TRAIT_VALUES)):
            cursor.execute(statement, values)
            counts[table] = cursor.fetchone()[0]
        cursor.execute(QUEUE, values)
        for table, column in BY_PROFILE:
            where = f"t.{column} = ANY(%(profiles)s::bigint[])"
            in_space = "" if table == "sql_staged_row" else "t.space_id = %(space)s AND "
            cursor.execute(f"DELETE FROM {table} t WHERE {in_space}{where}", values)
            counts[table] = cursor.rowcount
        cursor.execute(
            "DELETE FROM profile WHERE space_id = %(space)s AND id = ANY(%(profiles)s::bigint[])",
            values,
        )
        counts["profile"] = cursor.rowcount
    return counts, sorted(set(asked))
