"""What a line of an export says: columns by format, values as text, personal data masked where it must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db import connection

from audiences.models import Audience, AudienceExport
from profiles.masking import MASK, hidden_traits, masked, masked_identifier
from profiles.models import COLLECTION_NAMES

BLOCK_PROFILES = 2_000
MOST_VALUES = 20
"""Columns an identifier type can have; more values of a profile are left out of a formatted file."""
_NUMBER = re.compile(r"[+-][0-9()/. -]*")
PEOPLE = """
SELECT p.id, p.segment_id, {traits} FROM unnest(%(ids)s::bigint[]) AS i(id)
JOIN profile p ON p.space_id = %(space)s AND p.id = i.id ORDER BY p.id
"""
IDENTIFIERS = """
SELECT profile_id, id_type, original FROM external_id WHERE space_id = %(space)s
AND profile_id = ANY(%(ids)s::bigint[]) AND id_type || '' = ANY(%(types)s::text[])
ORDER BY profile_id, created_at, value
"""
WIDEST = """
SELECT id_type, max(number) FROM (
    SELECT x.id_type, count(*) AS number FROM external_id x
    WHERE x.space_id = %(space)s AND x.collection = %(collection)s AND x.id_type = ANY(%(types)s::text[])
      AND EXISTS (
        SELECT FROM membership m WHERE m.space_id = %(space)s AND m.audience_id = %(audience)s
        AND m.profile_id = x.profile_id AND m.is_member
      )
    GROUP BY x.id_type, x.profile_id
) AS counted GROUP BY id_type
"""


@dataclass(frozen=True, kw_only=True)
class ExportedPerson:
    segment_id: str
    traits: Mapping[str, Any]
    identifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)


def widths(export: AudienceExport) -> dict[str, int]:
    """How many columns each chosen identifier type needs: as many as the member with most values has."""
    if export.format != AudienceExport.Format.FORMATTED or not export.identifiers:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            WIDEST,
            {
                "space": export.space_id,
                "audience": export.audience_id,
                "collection": export.audience.collection,
                "types": export.identifiers,
            },
        )
        found = dict(cursor.fetchall())
    return {id_type: min(MOST_VALUES, max(1, found.get(id_type, 1))) for id_type in export.identifiers}


def header(export: AudienceExport, wide: Mapping[str, int]) -> list[str]:
    """Formatted: a column a value, the second e-mail as `email_1`. Unformatted: key and two JSON texts."""
    key = f"{_noun(export.audience)}_key"
    if export.format == AudienceExport.Format.UNFORMATTED:
        return [
            key,
            *(["external_ids"] if export.identifiers else []),
            *(["traits"] if export.traits else []),
        ]
    named = [name if number == 0 else f"{name}_{number}" for name, count in wide.items() for number in range(count)]
    return [key, *named, *export.traits]


def _noun(audience: Audience) -> str:
    return COLLECTION_NAMES[audience.collection].removesuffix("s")


def line(export: AudienceExport, person: ExportedPerson, wide: Mapping[str, int]) -> list[str]:
    """One profile in the order of `header`."""
    ids = {id_type: _shown_ids(export, id_type, person.identifiers.get(id_type, ())) for id_type in export.identifiers}
    traits = {name: _trait(export, person.traits, name) for name in export.traits}
    if export.format == AudienceExport.Format.UNFORMATTED:
        known = {name: value for name, value in traits.items() if value is not None}
        return [
            person.segment_id,
            *([_json({name: values for name, values in ids.items() if values})] if export.identifiers else []),
            *([_json(known)] if export.traits else []),
        ]
    cells = [person.segment_id]
    for id_type, count in wide.items():
        values = ids[id_type][:count]
        cells += [safe_cell(value) for value in values] + [""] * (count - len(values))
    return cells + [safe_cell(_text(traits[name])) for name in export.traits]


def _shown_ids(export: AudienceExport, id_type: str, values: Sequence[str]) -> list[str]:
    return list(values) if export.shows_pii else [masked_identifier(id_type, value) for value in values]


def _trait(export: AudienceExport, traits: Mapping[str, Any], name: str) -> Any:
    value = traits.get(name)
    if export.shows_pii:
        return value
    return MASK if value is not None and name in _hidden(export.pk, export.space_id) else masked(value, name)


@lru_cache(maxsize=8)
def _hidden(export_id: int, space_id: int) -> frozenset[str]:
    """Once an export: it is a snapshot."""
    return hidden_traits(space_id)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def safe_cell(text: str) -> str:
    """Text that a spreadsheet would take for a formula gets an apostrophe; signed and telephone numbers stay."""
    if text[:1] in {"=", "@", "\t", "\r"} or (text[:1] in {"+", "-"} and not _NUMBER.fullmatch(text)):
        return f"'{text}"
    return text


def people(export: AudienceExport, ids: Sequence[int]) -> Iterator[ExportedPerson]:
    """The profiles with these ids, in their order; those that are gone since (merged, deleted) are left out."""
    params: dict[str, Any] = {"space": export.space_id, "ids": list(ids), "types": export.identifiers}
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE.format(traits="p.traits::text" if export.traits else "'{}'"), params)
        rows = cursor.fetchall()
        identifiers: dict[int, dict[str, list[str]]] = {}
        if export.identifiers:
            cursor.execute(IDENTIFIERS, params)
            for profile_id, id_type, value in cursor.fetchall():
                identifiers.setdefault(profile_id, {}).setdefault(id_type, []).append(value)
    for profile_id, segment_id, traits in rows:
        yield ExportedPerson(
            segment_id=segment_id, traits=json.loads(traits), identifiers=identifiers.get(profile_id, {})
        )
