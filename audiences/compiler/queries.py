"""Puts a statement together: scope, one pass over its events, facts per profile, verdicts, stored differences."""

# ruff: noqa: S608 - the texts are built from our own templates; every value of a definition is a parameter.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audiences.compiler.builder import Builder, wants_events
from audiences.compiler.references import NO_REFERENCES, References
from audiences.compiler.scopes import Everyone, Scope, within
from audiences.compiler.statement import NEVER, Columns, Query
from audiences.compiler.trees import Verdict
from engine.conditions.evidence import FARTHEST_RECHECK
from engine.conditions.instants import micros_of
from engine.conditions.mentioning import walk
from engine.conditions.nodes import Condition
from engine.conditions.profile_state import Options

SAMPLE_SIZE = 20
MOST_NODES = 450
"""A node makes up to three columns, and PostgreSQL takes 1,664 of them."""
_MICROSECOND = timedelta(microseconds=1)
# Most verdicts are "no, and never": those meet a stored row or none in the join, and are not looked at one by one. Who
# has no row among the facts, for want of events or of an identifier, is meant by it too.
_CHANGES = """
SELECT coalesce(r.profile_id, m.profile_id) AS profile_id, coalesce(r.audience_id, m.audience_id) AS audience_id,
       coalesce(r.is_member, false) AS is_member, r.recheck_at,
       coalesce(m.is_member, false) AS was_member, m.recheck_at AS was_recheck_at, m.profile_id IS NOT NULL AS is_stored
FROM (SELECT a.profile_id, a.audience_id, a.is_member, {recheck} AS recheck_at FROM (SELECT * FROM verdicts OFFSET 0) a
     WHERE (a.is_member OR a.flips_at < {never}) AND {known}) r
FULL JOIN (SELECT m.audience_id, m.profile_id, m.is_member, m.recheck_at FROM membership m
     WHERE m.space_id = {space} AND m.audience_id = ANY ({ids}) {scope}) m
     ON m.audience_id = r.audience_id AND m.profile_id = r.profile_id
WHERE coalesce(r.is_member, false) <> coalesce(m.is_member, false) OR r.recheck_at IS DISTINCT FROM m.recheck_at"""


@dataclass(frozen=True, kw_only=True)
class CompiledInput:
    """One audience of a statement. `historical_from`: only events received at or after it count (None: all)."""

    audience_id: int
    condition: Condition
    include_anonymous: bool = False
    historical_from: datetime | None = None
    occurred_from: datetime | None = None

    @property
    def options(self) -> Options:
        return Options(
            include_anonymous=self.include_anonymous,
            historical_from=self.historical_from,
            occurred_from=self.occurred_from,
        )


def compile_audiences(
    space_id: int,
    inputs: Sequence[CompiledInput],
    scope: Scope,
    now: datetime,
    *,
    references: References = NO_REFERENCES,
    changed_only: bool = False,
) -> Query:
    """One statement for all the audiences over the scope; they must be of one collection.

    Rows: (profile_id, audience_id, is_member, recheck_at). With `changed_only` just those that differ from the stored
    membership, as (profile_id, audience_id, is_member, recheck_at, was_member, was_recheck_at, is_stored).
    More audiences than one statement holds: `in_statements` first.
    `references` resolves every audience and journey step that the conditions name; their stored membership is read, so
    compute an audience after those it refers to. Raises CompileError for a missing one.
    """
    collection = _one_collection([item.condition for item in inputs])
    builder = Builder(space_id, collection, scope, now, references, is_timed=True)
    if changed_only:
        builder.only_with_events = all(wants_events(item.condition.where) for item in inputs)
        builder.leave_out_anonymous([item.options for item in inputs], is_late=True)
    verdicts = [builder.verdict(item.condition, item.options) for item in inputs]
    statement = builder.statement
    known = builder.is_known_fact()
    ids = statement.param([item.audience_id for item in inputs], "bigint[]")
    farthest = statement.instant(micros_of(now) + FARTHEST_RECHECK // _MICROSECOND)
    rows = _speaking_rows if changed_only and len(inputs) > 1 else _rows
    parts = [
        *builder.ctes(),
        f"verdicts AS ({rows(verdicts, ids, known)})",
    ]
    recheck = f"CASE WHEN a.flips_at < {NEVER} THEN LEAST(a.flips_at, {farthest}) END"
    final = f"SELECT a.profile_id, a.audience_id, a.is_member, {recheck} AS recheck_at FROM verdicts a"
    if changed_only:
        stored = "".join(f" AND {test}" for test in within(scope, "m.profile_id", statement))
        final = _CHANGES.format(
            space=statement.space,
            ids=ids,
            scope=stored,
            recheck=recheck,
            never=NEVER,
            known=builder.is_known("a.profile_id"),
        )
    return Query(sql=f"WITH {', '.join(parts)} {final}", params=statement.params)


def in_statements(inputs: Sequence[CompiledInput]) -> list[list[CompiledInput]]:
    """The inputs in their order, in groups that one statement can hold; users and accounts apart."""
    groups: list[list[CompiledInput]] = []
    weight = 0
    for item in inputs:
        size = sum(1 for _ in walk(item.condition.where))
        fits = (
            groups and weight + size <= MOST_NODES and groups[-1][0].condition.collection == item.condition.collection
        )
        if fits:
            groups[-1].append(item)
            weight += size
        else:
            groups.append([item])
            weight = size
    return groups


def preview_query(
    space_id: int,
    condition: Condition,
    now: datetime,
    *,
    options: Options,
    scope: Scope | None = None,
    references: References = NO_REFERENCES,
    sample_size: int = SAMPLE_SIZE,
) -> Query:
    """One row: (how many profiles belong, ids of up to `sample_size` of them, lowest first)."""
    builder = Builder(space_id, condition.collection, scope or Everyone(), now, references, is_timed=False)
    builder.only_with_events = wants_events(condition.where)
    builder.leave_out_anonymous([options], is_late=True)
    verdict = builder.verdict(condition, options)
    tests = f"{verdict.holds} AND {builder.is_known('f.id')} AND {builder.is_known_fact()}"
    members = f"members AS MATERIALIZED (SELECT f.id FROM facts f WHERE {tests})"
    sample = f"ARRAY(SELECT id FROM members ORDER BY id LIMIT {builder.statement.param(sample_size, 'integer')})"
    ctes = builder.ctes()
    return Query(
        sql=f"WITH {', '.join([*ctes, members])} SELECT (SELECT count(*) FROM members) AS size, {sample} AS sample",
        params=builder.statement.params,
    )


def _rows(verdicts: Sequence[Verdict], ids: str, known: str) -> str:
    """A row a profile and audience; unnest compiles an expression once, where VALUES would do so for every profile."""
    if len(verdicts) == 1:
        columns = f"({ids})[1] AS audience_id, {verdicts[0].holds} AS is_member, {verdicts[0].flips_at} AS flips_at"
        return f"SELECT f.id AS profile_id, {columns} FROM facts f WHERE {known}"
    holding = ", ".join(verdict.holds for verdict in verdicts)
    flipping = ", ".join(verdict.flips_at for verdict in verdicts)
    columns = (
        f"unnest({ids}) AS audience_id, unnest(ARRAY[{holding}]) AS is_member, unnest(ARRAY[{flipping}]) AS flips_at"
    )
    return f"SELECT f.id AS profile_id, {columns} FROM facts f WHERE {known}"


def _speaking_rows(verdicts: Sequence[Verdict], ids: str, known: str) -> str:
    """As `_rows`, of several audiences, without those that say "no, and never": a row costs more than its finding."""
    named = Columns("v")
    holding = [named.add(verdict.holds) for verdict in verdicts]
    flipping = [NEVER if verdict.flips_at == NEVER else named.add(verdict.flips_at) for verdict in verdicts]
    speaking = [
        holds if flips_at == NEVER else f"{holds} OR {flips_at} < {NEVER}"
        for holds, flips_at in zip(holding, flipping, strict=True)
    ]
    # OFFSET 0 keeps the planner from repeating the expressions where they are read by name.
    each = f"SELECT f.id AS profile_id, {', '.join(named.select())} FROM facts f WHERE {known} OFFSET 0"
    arrays = (
        f"SELECT v.profile_id, ARRAY[{', '.join(holding)}] AS holding, ARRAY[{', '.join(flipping)}] AS flipping, "
        f"array_positions(ARRAY[{', '.join(speaking)}], true) AS places FROM ({each}) v OFFSET 0"
    )
    return (
        f"SELECT v.profile_id, ({ids})[v.n] AS audience_id, v.holding[v.n] AS is_member, v.flipping[v.n] AS flips_at "
        f"FROM (SELECT v.*, unnest(v.places) AS n FROM ({arrays}) v) v"
    )


def _one_collection(conditions: Sequence[Condition]) -> str:
    collections = {condition.collection for condition in conditions}
    if len(collections) != 1:
        raise ValueError("Compile at least one audience, and users and accounts apart.")
    return collections.pop()
