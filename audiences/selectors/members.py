"""The members of an audience: pages of them, found by any identifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from audiences.models import Audience, Membership
from audiences.selectors.audiences import Person, people
from profiles.masking import masked, masked_identifier
from profiles.selectors.search import clean_query, identifier_types, profile_by_segment_id, split_identifier

MOST_FOUND = 200
SEARCH = """
SELECT found.profile_id FROM unnest(%(types)s::text[]) AS wanted(id_type)
CROSS JOIN LATERAL (
  SELECT e.profile_id, e.value FROM external_id e
  WHERE e.space_id = %(space)s AND e.collection = %(collection)s AND e.id_type = wanted.id_type
    AND starts_with(e.value, %(value)s)
    AND EXISTS (
      SELECT FROM membership m WHERE m.space_id = %(space)s AND m.audience_id = %(audience)s
      AND m.profile_id = e.profile_id AND m.is_member
    )
  ORDER BY e.value LIMIT %(limit)s
) AS found
ORDER BY found.value LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class MemberRow:
    """`changed_at` is when the person entered."""

    person: Person
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class MemberPage:
    """`following` is the position of the next page, None at the end; `is_cut`: more were found than are shown."""

    rows: list[MemberRow]
    following: int | None = None
    is_cut: bool = False


def member_page(*, audience: Audience, shows_pii: bool, after: int = 0, limit: int = 50, text: str = "") -> MemberPage:
    """Members in the order of profile ids; with `text`, those with an identifier that begins so, at most MOST_FOUND."""
    text = clean_query(text)
    if text:
        ids = _found(audience, text)
        is_cut, ids = len(ids) > MOST_FOUND, ids[:MOST_FOUND]
        return MemberPage(rows=_rows(audience, ids, shows_pii=shows_pii), is_cut=is_cut)
    stored = Membership.objects.filter(space_id=audience.space_id, audience_id=audience.pk, is_member=True)
    found = list(
        stored.filter(profile_id__gt=after).order_by("profile_id").values_list("profile_id", flat=True)[: limit + 1]
    )
    return MemberPage(
        rows=_rows(audience, found[:limit], shows_pii=shows_pii),
        following=found[limit - 1] if len(found) > limit else None,
    )


def _found(audience: Audience, text: str) -> list[int]:
    if text[:4] in {"use_", "acc_"}:
        profile = profile_by_segment_id(audience.space, text)
        stored = Membership.objects.filter(space_id=audience.space_id, audience_id=audience.pk, is_member=True)
        return [profile.id] if profile and stored.filter(profile_id=profile.id).exists() else []
    types, value = split_identifier(text, identifier_types(audience.space, collection=audience.collection))
    with connection.cursor() as cursor:
        cursor.execute(
            SEARCH,
            {
                "space": audience.space_id,
                "audience": audience.pk,
                "collection": audience.collection,
                "types": types,
                "value": value,
                "limit": MOST_FOUND + 1,
            },
        )
        return list(dict.fromkeys(row[0] for row in cursor.fetchall()))


def _rows(audience: Audience, ids: list[int], *, shows_pii: bool) -> list[MemberRow]:
    changed = dict(
        Membership.objects.filter(space_id=audience.space_id, audience_id=audience.pk, profile_id__in=ids).values_list(
            "profile_id", "changed_at"
        )
    )
    return [
        MemberRow(person=person if shows_pii else masked_person(person), changed_at=changed[person.profile_id])
        for person in people(space=audience.space, profile_ids=ids)
    ]


def masked_person(person: Person) -> Person:
    """The person with personal data masked, for members without the right to see it."""
    identifiers = {
        id_type: [masked_identifier(id_type, value) for value in values]
        for id_type, values in person.identifiers.items()
    }
    open_values = {
        value
        for id_type, values in person.identifiers.items()
        for value in values
        if masked_identifier(id_type, value) == value
    }
    is_open = person.label in open_values or person.label == person.segment_id
    traits: dict[str, Any] = masked(person.traits)
    return replace(
        person,
        identifiers=identifiers,
        label=person.label if is_open else str(masked(person.label, "name")),
        traits=traits,
    )


def shown_people(persons: list[Person], *, shows_pii: bool) -> list[Person]:
    return persons if shows_pii else [masked_person(person) for person in persons]
