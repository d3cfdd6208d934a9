"""The SQL of predictions: one statement reads the features of many people as of a cut-off, and what they did after it.

Features look at events up to the cut-off only, the label at those after it; the two are read apart from each other, so
that nothing of the future can reach a feature. All times are those at which things happened (`event.ts`).
"""

# ruff: noqa: S608 - the texts are built from our own templates; every value of a definition is a parameter.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audiences.compiler.occurrences import matches
from audiences.compiler.statement import Query, Statement
from engine.conditions.instants import micros_of
from engine.traits.prediction_features import ANYTHING, TARGET, Feature, Vocabulary
from engine.traits.predictions import PredictionTrait
from profiles.models import USERS

MOST_HAPPENINGS = 12
MOST_NUMBERS = 6
SAMPLED_EVENTS = 20_000
FEWEST_NUMBERS = 20
SHARES = 65_536
# Enough for any amount of money; what is wider is no figure that a model learns from.
WIDEST = "1000000000000"


@dataclass(frozen=True, kw_only=True)
class People:
    """Profiles by row id, `first` to `last`, and of these `share` of SHARES, always the same ones."""

    first: int
    last: int
    share: int = SHARES


class _Statement:
    def __init__(
        self, space_id: int, trait: PredictionTrait, people: People, moment: datetime, received_from: datetime | None
    ) -> None:
        self.inner = Statement(space_id=space_id, now=moment, is_timed=False)
        self.trait = trait
        self.people = people
        self.received_from = received_from
        self.hit = f"({matches(trait.event, self.inner)})"

    @property
    def scope(self) -> str:
        inner, people = self.inner, self.people
        tests = [
            f"p.space_id = {inner.space}",
            f"p.collection = {USERS}",
            f"p.id >= {inner.param(people.first, 'bigint')}",
            f"p.id <= {inner.param(people.last, 'bigint')}",
        ]
        if people.share < SHARES:
            tests.append(f"(hashint8extended(p.id, 7301) & {SHARES - 1}) < {inner.param(people.share, 'bigint')}")
        return f"scope AS MATERIALIZED (SELECT p.id FROM profile p WHERE {' AND '.join(tests)})"

    def events(self, *tests: str) -> str:
        inner, people = self.inner, self.people
        where = [
            f"e.space_id = {inner.space}",
            f"e.profile_id >= {inner.param(people.first, 'bigint')}",
            f"e.profile_id <= {inner.param(people.last, 'bigint')}",
            *tests,
        ]
        if self.received_from is not None:
            where.append(f"e.received_at >= {inner.param(self.received_from, 'timestamptz')}")
        return f"event e JOIN scope s ON s.id = e.profile_id WHERE {' AND '.join(where)}"

    def at(self, moment: datetime) -> str:
        return self.inner.instant(micros_of(moment))

    def query(self, sql: str) -> Query:
        return Query(sql=sql, params=self.inner.params)


def features_query(
    *,
    space_id: int,
    trait: PredictionTrait,
    people: People,
    vocabulary: Vocabulary,
    features: Sequence[Feature],
    cutoff: datetime,
    received_from: datetime | None = None,
) -> Query:
    """Rows of people who qualify at the cut-off, by row id: id bigint, label real, then a real for each feature.

    label: 1 when what is predicted happened after the cut-off and not later than the horizon, else 0. No column is
    null: what is unknown is NaN.
    """
    statement = _Statement(space_id, trait, people, cutoff, received_from)
    inner = statement.inner
    moment = statement.at(cutoff)
    until = statement.at(cutoff + timedelta(days=trait.days))
    kinds = inner.param([each.type for each in vocabulary.happenings], "smallint[]")
    names = inner.texts([each.name for each in vocabulary.happenings])
    known = "".join(
        f", (e.properties -> {inner.param(number.name, 'text')}) AS n{position}"
        for position, number in enumerate(vocabulary.numbers)
    )
    columns = [_column(feature, vocabulary) for feature in features]
    chosen = ", ".join(f"{sql} AS c{position}" for position, sql in enumerate(columns))
    shown = ", ".join(f"p.c{position}::real" for position in range(len(columns)))
    return statement.query(f"""
        WITH {statement.scope},
        usual AS (SELECT u.type, u.name, u.slot FROM unnest({kinds}, {names}) WITH ORDINALITY u(type, name, slot)),
        past AS MATERIALIZED (
            SELECT e.profile_id, count(*) FILTER (WHERE e.hit) AS hits, {chosen}
            FROM (
                SELECT e.profile_id, e.hit, e.age, floor(e.age)::integer AS day, coalesce(u.slot, 0) AS slot{
        "".join(f", e.n{position}" for position in range(len(vocabulary.numbers)))
    }
                FROM (
                    SELECT e.profile_id, e.type, e.name, {statement.hit} AS hit,
                           (extract(epoch FROM {moment} - e.ts) / 86400)::float8 AS age{known}
                    FROM {statement.events(f"e.ts <= {moment}")}
                ) e
                LEFT JOIN usual u ON u.type = e.type AND u.name = e.name
            ) e
            GROUP BY e.profile_id
        ),
        future AS MATERIALIZED (
            SELECT DISTINCT e.profile_id
            FROM {statement.events(f"e.ts > {moment}", f"e.ts <= {until}", statement.hit)}
        )
        SELECT p.profile_id, (f.profile_id IS NOT NULL)::integer::real, {shown}
        FROM past p LEFT JOIN future f ON f.profile_id = p.profile_id
        WHERE {_qualifies(trait, "p.hits > 0")} ORDER BY p.profile_id
    """)


def _qualifies(trait: PredictionTrait, did: str) -> str:
    return {"everyone": "true", "did": did, "did_not": f"NOT ({did})"}[trait.people]


def _column(feature: Feature, vocabulary: Vocabulary) -> str:
    """One feature over the events `e` of a person; never null."""
    tests = []
    if feature.subject == TARGET:
        tests.append("e.hit")
    elif feature.subject != ANYTHING:
        tests.append(f"e.slot = {int(feature.subject)}")
    if feature.days is not None:
        tests.append(f"e.age < {feature.days}")
    match feature.measure:
        case "count":
            return f"count(*){_filter(tests)}"
        case "active":
            return f"count(DISTINCT e.day){_filter(tests)}"
        case "first":
            return f"coalesce(max(e.age){_filter(tests)}, 'NaN')"
        case "last":
            return f"coalesce(min(e.age){_filter(tests)}, 'NaN')"
        case "gap":
            span, count = f"max(e.age){_filter(tests)} - min(e.age){_filter(tests)}", f"count(*){_filter(tests)}"
            return f"coalesce(({span}) / nullif({count} - 1, 0), 'NaN')"
    return _number(feature, vocabulary, tests)


def _number(feature: Feature, vocabulary: Vocabulary, tests: list[str]) -> str:
    slot = None if feature.subject == TARGET else feature.subject
    position = next(
        place
        for place, number in enumerate(vocabulary.numbers)
        if number.name == feature.property and number.slot == slot
    )
    only = _filter([*tests, f"jsonb_typeof(e.n{position}) = 'number'"])
    figure = f"{'sum' if feature.measure == 'sum' else 'avg'}((e.n{position})::numeric){only}"
    return f"round(least(greatest(coalesce({figure}, 0), -{WIDEST}), {WIDEST}), 4)"


def _filter(tests: Sequence[str]) -> str:
    return f" FILTER (WHERE {' AND '.join(tests)})" if tests else ""


def vocabulary_query(
    *,
    space_id: int,
    trait: PredictionTrait,
    people: People,
    cutoff: datetime,
    received_from: datetime | None = None,
) -> Query:
    """The usual events up to the cut-off, those of most people first, and the numbers that come with them.

    Rows: (what, type, name, is_target, property): `event` rows in their order, then `number` rows; of a number, the
    event that it comes with or, with `is_target`, what is predicted.
    """
    statement = _Statement(space_id, trait, people, cutoff, received_from)
    inner = statement.inner
    moment = statement.at(cutoff)
    # Without property tests what is predicted is an event of its own name: it need not be counted twice.
    node = trait.event
    is_known = not node.properties and node.name is not None
    most, few = inner.param(MOST_HAPPENINGS, "integer"), inner.param(FEWEST_NUMBERS, "integer")
    return statement.query(f"""
        WITH {statement.scope},
        seen AS MATERIALIZED (
            SELECT e.type, e.name, e.properties, e.profile_id, {statement.hit} AS hit
            FROM {statement.events(f"e.ts <= {moment}")}
        ),
        usual AS (
            SELECT e.type, e.name, count(DISTINCT e.profile_id) AS people FROM seen e
            WHERE e.name <> ''{" AND NOT e.hit" if is_known else ""}
            GROUP BY e.type, e.name ORDER BY people DESC, e.type, e.name COLLATE "C" LIMIT {most}
        ),
        numbers AS (
            SELECT e.type, e.name, e.hit, n.key, count(*) AS times
            FROM (SELECT e.type, e.name, e.hit, e.properties FROM seen e
                  WHERE e.hit OR (e.type, e.name) IN (SELECT u.type, u.name FROM usual u)
                  LIMIT {inner.param(SAMPLED_EVENTS, "integer")}) e
            CROSS JOIN LATERAL jsonb_each(e.properties) n
            WHERE jsonb_typeof(n.value) = 'number'
            GROUP BY e.type, e.name, e.hit, n.key HAVING count(*) >= {few}
            ORDER BY e.hit DESC, times DESC, n.key COLLATE "C" LIMIT {inner.param(MOST_NUMBERS, "integer")}
        )
        SELECT 'event', u.type, u.name, false, '' FROM (SELECT * FROM usual) u
        UNION ALL
        SELECT 'number', n.type, n.name, n.hit, n.key FROM (SELECT * FROM numbers) n
    """)


def counts_query(
    *,
    space_id: int,
    trait: PredictionTrait,
    people: People,
    now: datetime,
    received_from: datetime | None = None,
) -> Query:
    """One row of what there is to learn from: first event, then per window of the horizon (the last, the one before)
    people who qualify at its beginning and those who did it in it, and people who qualify now."""
    statement = _Statement(space_id, trait, people, now, received_from)
    moments = [statement.at(now - timedelta(days=trait.days * back)) for back in range(3)]
    windows = "".join(
        f", bool_or(e.hit AND e.ts > {moments[back]} AND e.ts <= {moments[back - 1]}) AS did{back}" for back in (1, 2)
    )
    figures = []
    for back, moment in enumerate(moments):
        qualifies = f"p.seen <= {moment} AND {_qualifies(trait, f'coalesce(p.hit_at <= {moment}, false)')}"
        figures.append(f"count(*) FILTER (WHERE {qualifies})")
        if back:
            figures.append(f"count(*) FILTER (WHERE {qualifies} AND p.did{back})")
    return statement.query(f"""
        WITH {statement.scope},
        person AS (
            SELECT e.profile_id, min(e.ts) AS seen, min(e.ts) FILTER (WHERE e.hit) AS hit_at{windows}
            FROM (SELECT e.profile_id, e.ts, {statement.hit} AS hit FROM {statement.events(f"e.ts <= {moments[0]}")}) e
            GROUP BY e.profile_id
        )
        SELECT min(p.seen), {", ".join(figures)} FROM person p
    """)
