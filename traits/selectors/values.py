"""The stored values of a trait: the most common ones, how they are distributed, and who has which."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection

from audiences.selectors.audiences import Person, people
from traits.models import Trait, TraitValue

MOST_COMMON = 5
BUCKETS = 10
_STORED = (
    "SELECT v.profile_id, v.value FROM trait_value v "
    "WHERE v.space_id = %(space)s AND v.trait_id = %(trait)s AND v.value IS NOT NULL"
)
# One column of the rows of a SQL trait.
_COLUMN = (
    "SELECT v.profile_id, v.value -> %(column)s AS value FROM trait_value v "
    "WHERE v.space_id = %(space)s AND v.trait_id = %(trait)s AND jsonb_typeof(v.value -> %(column)s) <> 'null'"
)

# Values of lists are counted one by one.
_COMMON = """
SELECT u.v::text, count(*) AS profiles FROM ({values}) d CROSS JOIN LATERAL jsonb_array_elements(
    CASE WHEN jsonb_typeof(d.value) = 'array' THEN d.value ELSE jsonb_build_array(d.value) END
) AS u(v) GROUP BY u.v ORDER BY count(*) DESC, u.v::text COLLATE "C" LIMIT %(limit)s
"""
_SUMMARY = """
WITH d AS MATERIALIZED ({values}),
n AS (SELECT (d.value)::numeric AS x FROM d WHERE jsonb_typeof(d.value) = 'number'),
bounds AS (SELECT min(x) AS low, max(x) AS high, avg(x) AS mean, sum(x) AS total, count(*) AS numbers,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY x) AS middle FROM n),
counted AS (
    SELECT LEAST(width_bucket(n.x, b.low, b.high, %(buckets)s), %(buckets)s) AS bucket, count(*) AS profiles
    FROM n CROSS JOIN bounds b WHERE b.high > b.low GROUP BY 1
)
SELECT (SELECT count(*) FROM d), b.numbers, b.low, b.high, b.mean, b.middle, b.total,
    (SELECT json_object_agg(c.bucket, c.profiles) FROM counted c)
FROM bounds b
"""


@dataclass(frozen=True, kw_only=True)
class Common:
    """A value, and how many profiles have it (alone or in their list)."""

    value: Any
    profiles: int
    percent: int

    @property
    def text(self) -> str:
        return shown(self.value)


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Profiles with a number from `low` to below `high` (the last one includes it)."""

    low: float
    high: float
    profiles: int
    percent: int


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """`total` profiles have a value. The figures and `buckets` are of numbers, `common` of all others."""

    total: int
    low: float | None
    high: float | None
    mean: float | None
    middle: float | None
    sum: float | None
    buckets: list[Bucket]
    common: list[Common]

    @property
    def is_numeric(self) -> bool:
        return self.low is not None


@dataclass(frozen=True, kw_only=True)
class Valued:
    """A profile and its value."""

    person: Person
    value: Any
    changed_at: Any = None

    @property
    def text(self) -> str:
        return shown(self.value)

    @property
    def texts(self) -> dict[str, str]:
        """Of a SQL trait: the text of each column that has a value."""
        return {name: shown(item) for name, item in self.value.items() if item is not None}


def shown(value: Any) -> str:
    """A value for people: texts as they are, lists with commas, 45.0 as 45."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {shown(item)}" for name, item in value.items() if item is not None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def common_values(trait: Trait, *, limit: int = MOST_COMMON, column: str = "") -> list[Common]:
    """The most common values over all profiles (W053), those of lists one by one; of a SQL trait those of a column."""
    return _common(_COLUMN if column else _STORED, _params(trait) | {"column": column}, limit, trait.size)


def distribution(trait: Trait, *, column: str = "") -> Distribution:
    """How the stored values are distributed; of a SQL trait those of a column."""
    return distribution_of(_COLUMN if column else _STORED, _params(trait) | {"column": column})


def _params(trait: Trait) -> dict[str, Any]:
    return {"space": trait.space_id, "trait": trait.pk}


def distribution_of(values: str, params: dict[str, Any]) -> Distribution:
    """The distribution of `values`, SQL of (profile_id, value)."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY.format(values=values), {**params, "buckets": BUCKETS})
        total, numbers, low, high, mean, middle, summed, counted = cursor.fetchone()
    common = [] if numbers == total else _common(values, params, BUCKETS, total)
    return Distribution(
        total=total,
        low=_float(low),
        high=_float(high),
        mean=_float(mean),
        middle=_float(middle),
        sum=_float(summed),
        buckets=_buckets(_float(low), _float(high), numbers, counted or {}),
        common=common,
    )


def _float(number: Any) -> float | None:
    return None if number is None else float(number)


def _buckets(low: float | None, high: float | None, numbers: int, counted: dict[str, int]) -> list[Bucket]:
    if low is None or high is None or not numbers:
        return []
    if low == high:
        return [Bucket(low=low, high=high, profiles=numbers, percent=100)]
    width, most = (high - low) / BUCKETS, max(counted.values())
    return [
        Bucket(
            low=low + width * number,
            high=low + width * (number + 1),
            profiles=counted.get(str(number + 1), 0),
            percent=round(counted.get(str(number + 1), 0) * 100 / most),
        )
        for number in range(BUCKETS)
    ]


def _common(values: str, params: dict[str, Any], limit: int, total: int) -> list[Common]:
    with connection.cursor() as cursor:
        cursor.execute(_COMMON.format(values=values), {**params, "limit": limit})
        rows = cursor.fetchall()
    return [
        Common(value=json.loads(text), profiles=profiles, percent=round(profiles * 100 / total) if total else 0)
        for text, profiles in rows
    ]


def profiles_with(trait: Trait, *, after: int = 0, limit: int = 50) -> tuple[list[Valued], int | None]:
    """Profiles with a value by profile id after a position, and the position of the next page (None at the end)."""
    rows = list(
        TraitValue.objects.filter(
            space_id=trait.space_id, trait_id=trait.pk, value__isnull=False, profile_id__gt=after
        ).order_by("profile_id")[: limit + 1]
    )
    following = rows[limit - 1].profile_id if len(rows) > limit else None
    by_id = {row.profile_id: row for row in rows[:limit]}
    persons = people(space=trait.space, profile_ids=list(by_id))
    found = [
        Valued(person=person, value=by_id[person.profile_id].value, changed_at=by_id[person.profile_id].changed_at)
        for person in persons
    ]
    return found, following
