"""Finding profiles by any identifier. Every look-up is a range of one index, however many profiles there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from profiles.models import ACCOUNTS, USERS, ExternalId, Profile, ProfileAlias
from spaces.models import Space

PAGE_SIZE = 50
LONGEST_QUERY = 500
SEGMENT_ID_PREFIXES = {"use_": USERS, "acc_": ACCOUNTS}

# The types that occur, by skipping through the index instead of reading all of it.
TYPES_SQL = """
WITH RECURSIVE kinds(id_type) AS (
  (SELECT id_type FROM external_id WHERE space_id = %(space)s AND collection = %(collection)s ORDER BY id_type LIMIT 1)
  UNION ALL
  SELECT (SELECT e.id_type FROM external_id e
          WHERE e.space_id = %(space)s AND e.collection = %(collection)s AND e.id_type > k.id_type
          ORDER BY e.id_type LIMIT 1)
  FROM kinds k WHERE k.id_type IS NOT NULL
)
SELECT id_type FROM kinds WHERE id_type IS NOT NULL ORDER BY id_type
"""

SEARCH_SQL = """
SELECT found.id_type, found.value, found.profile_id
FROM unnest(%(types)s::text[]) AS wanted(id_type)
CROSS JOIN LATERAL (
  SELECT e.id_type, e.value, e.profile_id FROM external_id e
  WHERE e.space_id = %(space)s AND e.collection = %(collection)s AND e.id_type = wanted.id_type
    AND {match} AND (%(value_after)s::text IS NULL OR (e.value, e.id_type) > (%(value_after)s, %(type_after)s))
  ORDER BY e.value LIMIT %(limit)s
) AS found
ORDER BY found.value, found.id_type LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A profile and the identifier by which it was found (empty where it was listed or found by its Segment ID)."""

    profile: Profile
    id_type: str = ""
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class SearchPage:
    """`after` is the cursor of the next page, None on the last."""

    matches: list[Match]
    after: str | None


def identifier_types(space: Space, *, collection: int = USERS) -> list[str]:
    """The identifier types that profiles of the space have."""
    with connection.cursor() as cursor:
        cursor.execute(TYPES_SQL, {"space": space.pk, "collection": collection})
        return [row[0] for row in cursor.fetchall()]


def clean_query(text: str) -> str:
    """What was typed, without blanks around it and what PostgreSQL cannot hold."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode().strip()[:LONGEST_QUERY]


def split_identifier(text: str, types: Sequence[str]) -> tuple[list[str], str]:
    """`type:value` as that type and value, when the type occurs; else the whole text for every type."""
    id_type, colon, value = text.partition(":")
    if colon and id_type.lower() in types and value:
        return [id_type.lower()], value.strip().lower()
    return list(types), text.lower()


def search_profiles(
    space: Space, *, text: str, collection: int = USERS, after: str = "", exact: bool = False, size: int = PAGE_SIZE
) -> SearchPage:
    """Profiles that hold an identifier equal to `text` or (unless `exact`) beginning with it, by value.

    `text` may be `type:value`, and a Segment ID, also of a profile that was merged away. A profile appears once.
    """
    text = clean_query(text)
    if not text:
        return SearchPage(matches=[], after=None)
    if text[:4] in SEGMENT_ID_PREFIXES:
        profile = profile_by_segment_id(space, text)
        if profile is not None:
            found = [Match(profile=profile)] if profile.collection == collection else []
            return SearchPage(matches=found, after=None)
    types, value = split_identifier(text, identifier_types(space, collection=collection))
    value_after, type_after = _cursor(after)
    statement = SEARCH_SQL.format(match="e.value = %(value)s" if exact else "starts_with(e.value, %(value)s)")
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "space": space.pk,
                "collection": collection,
                "types": types,
                "value": value,
                "value_after": value_after,
                "type_after": type_after,
                "limit": size + 1,
            },
        )
        rows: list[tuple[str, str, int]] = cursor.fetchall()
    page = rows[:size]
    profiles = profiles_by_id(space, (row[2] for row in page))
    matches: dict[int, Match] = {}
    for id_type, shown, profile_id in page:
        if profile_id in profiles and profile_id not in matches:
            matches[profile_id] = Match(profile=profiles[profile_id], id_type=id_type, value=shown)
    more = json.dumps([page[-1][1], page[-1][0]]) if len(rows) > size else None
    return SearchPage(matches=list(matches.values()), after=more)


def profiles_by_id(space: Space, ids: Iterable[int]) -> dict[int, Profile]:
    rows = Profile.objects.in_space(space).filter(id__in=set(ids)).defer("trait_times")
    return {profile.id: profile for profile in rows}


def profile_by_segment_id(space: Space, segment_id: str) -> Profile | None:
    """The profile of a Segment ID; for one that was merged away its survivor."""
    rows = Profile.objects.in_space(space)
    profile = rows.filter(segment_id=segment_id).first()
    if profile is None:
        alias = ProfileAlias.objects.filter(segment_id=segment_id, space_id=space.pk).first()
        if alias is not None:
            profile = rows.filter(id=alias.profile_id).first()
    found: Profile | None = profile
    return found


def identifiers_of(space: Space, profile_ids: Iterable[int]) -> dict[int, list[ExternalId]]:
    """The identifiers of several profiles, first added first."""
    found: dict[int, list[ExternalId]] = {}
    rows = ExternalId.objects.in_space(space).filter(profile_id__in=set(profile_ids))
    for row in rows.order_by("created_at", "id_type", "value"):
        found.setdefault(row.profile_id, []).append(row)
    return found


def _cursor(text: str) -> tuple[str | None, str | None]:
    """What `after` holds: the value and type of the last row. Anything else is the first page."""
    try:
        found: Any = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None, None
    if isinstance(found, list) and len(found) == 2 and all(isinstance(part, str) for part in found):
        return clean_query(found[0]), clean_query(found[1])
    return None, None
