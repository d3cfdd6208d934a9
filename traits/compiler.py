"""Computed traits as SQL over a scope of profiles, in one pass over their events: the twin of `engine.traits`.

compile_traits(space_id, [TraitInput(…)], scope, now, changed_only=False) -> Query
value_query(space_id, trait, now, options) -> (ctes, value, params): every profile's value, for previews
in_statements([TraitInput, …]) -> groups that one compile_traits call can take

It stands on `audiences.compiler`: scopes, events and property tests are those of conditions. Values of one profile are
gathered in arrays where order or equality matters, and made into the trait's value there (`folding` says what of).
"""

# ruff: noqa: S608 - the texts are built from our own templates; every value of a definition is a parameter.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audiences.compiler.builder import BY_NAME, Builder
from audiences.compiler.occurrences import Occurrences, occurrences, property_value
from audiences.compiler.references import NO_REFERENCES
from audiences.compiler.scopes import Everyone, Scope, TheseProfiles, within
from audiences.compiler.statement import NEVER, Query
from audiences.compiler.values import SCALARS, walk
from engine.conditions.evidence import FARTHEST_RECHECK
from engine.conditions.instants import micros_of
from engine.conditions.profile_state import Options
from engine.traits.definition import EventTrait
from engine.traits.folding import AVERAGE_PLACES, MOST_LISTED
from profiles.models import USERS

WIDE_SCOPES = "SET LOCAL enable_nestloop = off"
"""For statements over everybody or a range of ids: what is estimated as one row in a new space may be everybody."""
ANY_SCOPE = "SET LOCAL enable_nestloop = on"
MOST_IN_A_STATEMENT = 100
_MICROSECOND = timedelta(microseconds=1)
# Twenty digits before rounding to ten: PostgreSQL gives a quotient the digits of its operands, sixteen at least.
_DIGITS = "0.00000000000000000000"
# jsonb has an order of its own, but texts in it follow the database's collation.
_ORDER = (
    "array_position(ARRAY['boolean', 'number', 'string'], jsonb_typeof({v})), "
    "CASE WHEN jsonb_typeof({v}) = 'number' THEN ({v})::numeric END, ({v} #>> '{{}}') COLLATE \"C\""
)
_CHANGES = """
SELECT r.profile_id, r.trait_id, r.value, r.recheck_at, r.value IS DISTINCT FROM m.value AS is_changed,
       r.value IS NOT NULL AND r.shown IS DISTINCT FROM r.value AS is_hidden, m.value IS NOT NULL AS had_value
FROM result r
LEFT JOIN trait_value m ON m.space_id = {space} AND m.trait_id = r.trait_id AND m.profile_id = r.profile_id
     AND m.trait_id = ANY ({ids}) {scope}
WHERE r.value IS DISTINCT FROM m.value OR r.recheck_at IS DISTINCT FROM m.recheck_at
   OR (r.value IS NOT NULL AND r.shown IS DISTINCT FROM r.value)"""


@dataclass(frozen=True, kw_only=True)
class TraitInput:
    """One trait of a statement. `key` is where profiles show its value."""

    trait_id: int
    key: str
    trait: EventTrait
    historical_from: datetime | None = None

    @property
    def options(self) -> Options:
        return Options(historical_from=self.historical_from)


def compile_traits(
    space_id: int, inputs: Sequence[TraitInput], scope: Scope, now: datetime, *, changed_only: bool = False
) -> Query:
    """One statement for all the traits over the scope; they must be of one collection.

    Rows: (profile_id, trait_id, value, recheck_at), `value` jsonb or null. With `changed_only` just those that differ
    from what is stored or shown, with three more columns: is_changed (the value differs from the stored one), is_hidden
    (the profile does not show it), had_value.
    """
    builder = TraitBuilder(space_id, _one_collection(inputs), scope, now, NO_REFERENCES, is_timed=True)
    statement = builder.statement
    values, flips, shown = [], [], []
    for item in inputs:
        value, flips_at = builder.value(item.trait, item.options)
        values.append(value)
        flips.append(flips_at)
        fact = statement.facts.add(f"(s.traits -> {statement.param(item.key, 'text')})")
        shown.append(f"f.{fact}")
    ids = statement.param([item.trait_id for item in inputs], "bigint[]")
    farthest = statement.instant(micros_of(now) + FARTHEST_RECHECK // _MICROSECOND)
    parts = [
        *builder.ctes(),
        f"valued AS (SELECT f.id AS profile_id, unnest({ids}) AS trait_id, unnest(ARRAY[{', '.join(values)}]) AS value,"
        f" unnest(ARRAY[{', '.join(flips)}]) AS flips_at, unnest(ARRAY[{', '.join(shown)}]) AS shown FROM facts f)",
        "result AS (SELECT v.profile_id, v.trait_id, v.value, v.shown,"
        f" CASE WHEN v.flips_at < {NEVER} THEN LEAST(v.flips_at, {farthest}) END AS recheck_at FROM valued v)",
    ]
    final = "SELECT profile_id, trait_id, value, recheck_at FROM result"
    if changed_only:
        stored = "".join(f" AND {test}" for test in within(scope, "m.profile_id", statement))
        final = _CHANGES.format(space=statement.space, ids=ids, scope=stored)
    return Query(sql=f"WITH {', '.join(parts)} {final}", params=statement.params)


def value_query(
    space_id: int, trait: EventTrait, now: datetime, *, options: Options, scope: Scope | None = None
) -> Query:
    """`valued AS MATERIALIZED (SELECT profile_id, value …)` and what comes before it: put a SELECT behind it.

    Only profiles with a value; `sql` begins with WITH.
    """
    builder = TraitBuilder(space_id, trait.collection, scope or Everyone(), now, NO_REFERENCES, is_timed=False)
    # Who has none of the events has no value.
    builder.only_with_events = True
    value, _ = builder.value(trait, options)
    values = f"SELECT f.id AS profile_id, {value} AS value FROM facts f OFFSET 0"
    valued = f"valued AS MATERIALIZED (SELECT v.* FROM ({values}) v WHERE v.value IS NOT NULL)"
    return Query(sql=f"WITH {', '.join([*builder.ctes(), valued])}", params=builder.statement.params)


def in_statements(inputs: Sequence[TraitInput]) -> list[list[TraitInput]]:
    """The inputs in their order, in groups that one statement can hold; users and accounts apart."""
    groups: list[list[TraitInput]] = []
    for item in inputs:
        fits = (
            groups and len(groups[-1]) < MOST_IN_A_STATEMENT and groups[-1][0].trait.collection == item.trait.collection
        )
        if fits:
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


class TraitBuilder(Builder):
    """The statement of some traits of one collection: ask for values first, then for the tables they read.

    Of accounts, the events of all their users are read; `e.profile_id` is the user until what follows an event has
    been looked up, and the account from then on.
    """

    reads_user_traits = False

    def value(self, trait: EventTrait, options: Options) -> tuple[str, str]:
        """jsonb or null over the facts `f`, and the instant at which it can change next."""
        statement = self.statement
        found = occurrences(trait.event, options, statement)
        return self._value(trait, found), found.flips_at

    def _value(self, trait: EventTrait, found: Occurrences) -> str:
        match trait.kind:
            case "event_counter":
                count = self._aggregate("count(*)", found.inside, found)
                return f"(CASE WHEN {self._has_history(found)} THEN to_jsonb({count}) END)"
            case "aggregation":
                return self._number(trait, found)
            case "first" | "last":
                value = self._path(trait)
                order = f'e.ts {"ASC" if trait.kind == "first" else "DESC"}, ({value})::text COLLATE "C"'
                present = f"coalesce(jsonb_typeof({value}), 'null') <> 'null'"
                ordered = self._aggregate(
                    f"array_agg({value} ORDER BY {order})", f"{found.inside} AND {present}", found
                )
                return f"({ordered})[1]"
        scalars = f"{found.inside} AND jsonb_typeof({self._path(trait)}) IN {SCALARS}"
        if trait.kind == "unique_list_count":
            count = self._aggregate(f"count(DISTINCT {self._path(trait)})", scalars, found)
            return f"(CASE WHEN {self._has_history(found)} THEN to_jsonb({count}) END)"
        values = self._aggregate(f"array_agg({self._path(trait)})", scalars, found)
        if trait.kind == "unique_list":
            listed = (
                f"SELECT d.v FROM (SELECT DISTINCT u.v FROM unnest({values}) u(v)) d "
                f"ORDER BY {_ORDER.format(v='d.v')} LIMIT {MOST_LISTED}"
            )
            return f"(SELECT jsonb_agg(l.v ORDER BY {_ORDER.format(v='l.v')}) FROM ({listed}) l)"
        minimum = self.statement.param(trait.minimum, "integer")
        return (
            f"(SELECT g.v FROM (SELECT u.v, count(*) AS n FROM unnest({values}) u(v) GROUP BY u.v) g "
            f"WHERE g.n >= {minimum} ORDER BY g.n DESC, {_ORDER.format(v='g.v')} LIMIT 1)"
        )

    def _number(self, trait: EventTrait, found: Occurrences) -> str:
        value = self._path(trait)
        numbers = f"{found.inside} AND jsonb_typeof({value}) = 'number'"
        number = f"({value})::numeric"
        if trait.aggregate != "avg":
            return f"to_jsonb({self._aggregate(f'{trait.aggregate}({number})', numbers, found)})"
        total = self._aggregate(f"sum({number})", numbers, found)
        count = self._aggregate(f"count({number})", numbers, found)
        return f"to_jsonb(trim_scale(round(({total} + {_DIGITS}) / {count}, {AVERAGE_PLACES})))"

    def _has_history(self, found: Occurrences) -> str:
        # What left the window still makes the difference between 0 and no value.
        self.statement.bound_below(None)
        return f"{self._aggregate('count(*)', found.matching, found)} > 0"

    def _aggregate(self, expression: str, tests: str, found: Occurrences) -> str:
        return self.statement.aggregates.add(f"{expression} FILTER (WHERE {tests})", found.kind)

    def _path(self, trait: EventTrait) -> str:
        path = trait.path or ()
        if not trait.is_user_trait:
            return property_value(trait.event, path, self.statement)
        self.reads_user_traits = True
        return walk("e.user_traits", path, self.statement)

    def _events(self) -> str:
        if self.collection == USERS:
            return super()._events()
        statement = self.statement
        needed = sorted(statement.needed - {"profile_id", "traits"})
        columns = ["l.account_id", "e.profile_id", "e.ts", *(f"e.{name}" for name in needed)]
        columns += ["s.traits"] if "traits" in statement.needed else []
        columns += ["u.traits AS user_traits"] if self.reads_user_traits else []
        source = self._linked_events()
        if "traits" in statement.needed:
            source += " JOIN scope s ON s.id = l.account_id"
        if self.reads_user_traits:
            source += f" JOIN profile u ON u.space_id = {statement.space} AND u.id = e.profile_id"
        rows = f"SELECT {', '.join(columns)}, {self._kind()} AS k FROM {source}"
        followers = statement.followers.select()
        if followers:
            rows = f"SELECT e.*, {', '.join(followers)} FROM ({rows} OFFSET 0) e"
        kept = ["e.ts", "e.k", *(f"e.{name}" for name in [*needed, *statement.followers.names()])]
        kept += ["e.traits"] if "traits" in statement.needed else []
        kept += ["e.user_traits"] if self.reads_user_traits else []
        return f"SELECT e.account_id AS profile_id, {', '.join(kept)} FROM ({rows} OFFSET 0) e"

    def _linked_events(self) -> str:
        """The events of the accounts' users: `l` the link, `e` the event."""
        statement, scope = self.statement, self.scope
        self.scope = Everyone()
        asked = " AND ".join(self._events_asked())
        self.scope = scope
        links = [f"l.space_id = {statement.space}", *within(scope, "l.account_id", statement)]
        linked = f"(SELECT l.* FROM account_link l WHERE {' AND '.join(links)}) l"
        events = f"SELECT e.* FROM event e WHERE e.profile_id = l.profile_id AND {asked}"
        if isinstance(scope, TheseProfiles):
            # As for few profiles: one look-up a user by the primary key, whatever the statistics say.
            return f"{linked} CROSS JOIN LATERAL ({events} OFFSET 0) e"
        return f"{linked} JOIN event e ON e.profile_id = l.profile_id AND {BY_NAME} AND {asked}"


def _one_collection(inputs: Sequence[TraitInput]) -> str:
    collections = {item.trait.collection for item in inputs}
    if len(collections) != 1:
        raise ValueError("Compile at least one trait, and those of users and accounts apart.")
    return collections.pop()
