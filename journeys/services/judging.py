"""Verdicts of the conditions of steps for many people at once: the same SQL as audiences, a statement a wave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from audiences.compiler import CompiledInput, References, TheseProfiles, compile_audiences, in_statements
from engine.conditions.nodes import Condition
from spaces.models import Space

# One statement judges every condition for everybody; more answers than this many times the questions are wasteful.
MOST_WASTE = 3


@dataclass(frozen=True, kw_only=True)
class Question:
    """The condition of a step of a version. Events received before `since` (its publication) do not count."""

    condition: Condition
    since: datetime | None


Asked = tuple[int, str]
"""Version id and step id."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the condition holds; `recheck_at`: the next instant at which time alone can change that."""

    is_member: bool
    recheck_at: datetime | None


def judge(
    *,
    space: Space,
    questions: Mapping[Asked, Question],
    people: Mapping[Asked, Collection[int]],
    references: References,
    now: datetime,
) -> dict[Asked, dict[int, Answer]]:
    """The verdict on each profile for each question. A profile that is gone has none.

    Raises audiences.compiler.CompileError or what PostgreSQL says of the statement.
    """
    answers: dict[Asked, dict[int, Answer]] = {asked: {} for asked in people}
    for group in _groups(people):
        numbers = dict(enumerate(group))
        inputs = [
            CompiledInput(
                audience_id=number,
                condition=questions[asked].condition,
                include_anonymous=True,
                historical_from=questions[asked].since,
            )
            for number, asked in numbers.items()
        ]
        ids = sorted({profile_id for asked in group for profile_id in people[asked]})
        for part in in_statements(inputs):
            query = compile_audiences(space.pk, part, TheseProfiles(ids=ids), now, references=references)
            with connection.cursor() as cursor:
                cursor.execute(query.sql, query.params)
                for profile_id, number, is_member, recheck_at in cursor.fetchall():
                    answers[numbers[number]][profile_id] = Answer(is_member, recheck_at)
    return answers


def _groups(people: Mapping[Asked, Collection[int]]) -> list[Sequence[Asked]]:
    """Questions that one statement answers: all of them, unless most of what it answers was not asked."""
    if not people:
        return []
    asked = sum(len(ids) for ids in people.values())
    everybody = len({profile_id for ids in people.values() for profile_id in ids})
    if everybody * len(people) <= MOST_WASTE * asked:
        return [list(people)]
    alike: dict[int, list[Asked]] = defaultdict(list)
    for key, ids in people.items():
        alike[hash(frozenset(ids))].append(key)
    return list(alike.values())
