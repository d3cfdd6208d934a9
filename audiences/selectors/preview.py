"""What a definition would match now, in one statement: size, sample, each condition alone, identifiers, differences."""

# ruff: noqa: S608 - the texts are the compiler's and our own; every value is a parameter.

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.utils import OperationalError
from django.utils import timezone

from audiences.compiler.builder import ANY_SCOPE, WIDE_SCOPES, Builder, wants_events
from audiences.compiler.queries import SAMPLE_SIZE
from audiences.compiler.scopes import Everyone
from audiences.models import Audience
from audiences.selectors.audiences import Person, people
from audiences.services.definitions import checked, references_of
from common.errors import ProductError
from engine.conditions import Options, mentions
from engine.conditions.describing import sentence_of
from engine.conditions.nodes import AllNode, AnyNode, Condition, Node
from profiles.models import ACCOUNTS, USERS
from profiles.selectors.search import identifier_types
from spaces.models import Space

USUAL = {"users": ("user_id", "email", "anonymous_id"), "accounts": ("group_id",)}
"""Identifier types that are shown even when nobody has one."""
SHOWS = ("members", "entered", "left", "overlap")
MOST_PARTS = 30
PREVIEW_SECONDS = 15


PEOPLE = {
    "members": "SELECT a.id FROM members a",
    "entered": "SELECT a.id FROM members a WHERE NOT EXISTS (SELECT FROM stored s WHERE s.id = a.id)",
    "left": "SELECT s.id FROM stored s WHERE NOT EXISTS (SELECT FROM members a WHERE a.id = s.id)",
    "overlap": "SELECT a.id FROM members a WHERE EXISTS (SELECT FROM other o WHERE o.id = a.id)",
}
"""The people behind each number, over the tables of the statement."""


class PreviewError(ProductError):
    """The preview could not be computed in time."""

    code = "preview_too_slow"
    status = 503


@dataclass(frozen=True, kw_only=True)
class Part:
    """A condition or group of the outermost group by itself: how many it holds for, in words, and its share."""

    sentence: str
    size: int
    percent: int


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How many of the matching profiles have an identifier of this type."""

    id_type: str
    size: int
    percent: int


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many of the matching profiles are in `other` too; shares of those that match and of the other's members."""

    other: Audience
    size: int
    percent: int
    percent_of_other: int


@dataclass(frozen=True, kw_only=True)
class PreviewReport:
    """`entered` and `left`: who would come and go against the stored members; None without a saved audience.

    `overlap` is None unless another audience was given.
    """

    total: int
    sample: list[Person]
    parts: list[Part]
    coverage: list[Coverage]
    entered: int | None
    left: int | None
    computed_at: datetime
    overlap: Overlap | None = None


def preview_report(
    *,
    space: Space,
    definition: Any,
    include_anonymous: bool,
    historical_from: datetime | None = None,
    audience: Audience | None = None,
    overlap_with: Audience | None = None,
    now: datetime | None = None,
) -> PreviewReport:
    """Preview a definition that need not be saved; with `audience`, also what saving would change.

    `overlap_with` must be of the definition's collection. Raises DefinitionError with all problems, PreviewError when
    the database takes over PREVIEW_SECONDS.
    """
    condition = checked(space=space, definition=definition, audience=audience)
    now = now or timezone.now()
    parts = _parts(condition)
    options = Options(include_anonymous=include_anonymous, historical_from=historical_from)
    statement = _Statement(space, condition, parts, now, options)
    types = _coverage_types(space, condition.collection)
    total, sample, sizes, covered, entered, left, shared = _run(*statement.query(types, audience, overlap_with))
    most = max([total, *sizes], default=0)
    return PreviewReport(
        total=total,
        sample=people(space=space, profile_ids=sample),
        parts=[
            Part(sentence=_capital(sentence_of(node)), size=size, percent=_percent(size, most))
            for node, size in zip(parts, sizes, strict=True)
        ],
        coverage=[
            Coverage(id_type=id_type, size=covered.get(id_type, 0), percent=_percent(covered.get(id_type, 0), total))
            for id_type in types
            if covered.get(id_type) or id_type in USUAL[condition.collection]
        ],
        entered=entered if audience is not None else None,
        left=left if audience is not None else None,
        computed_at=now,
        overlap=_overlap(overlap_with, shared, total),
    )


def _overlap(other: Audience | None, shared: int, total: int) -> Overlap | None:
    if other is None:
        return None
    return Overlap(
        other=other, size=shared, percent=_percent(shared, total), percent_of_other=_percent(shared, other.size)
    )


def _coverage_types(space: Space, collection: str) -> list[str]:
    """Every type that profiles of the space have, the usual ones first."""
    seen = identifier_types(space, collection=USERS if collection == "users" else ACCOUNTS)
    return list(dict.fromkeys([*USUAL[collection], *seen]))


@dataclass(frozen=True, kw_only=True)
class PreviewPage:
    """`following` is the position of the next page, None at the end. `total` is how many there are in all."""

    people: list[Person]
    total: int
    following: int | None


def preview_people(
    *,
    space: Space,
    definition: Any,
    include_anonymous: bool,
    show: str = "members",
    historical_from: datetime | None = None,
    audience: Audience | None = None,
    overlap_with: Audience | None = None,
    after: int = 0,
    limit: int = 50,
) -> PreviewPage:
    """The people behind one number of a preview: those who match, would enter or leave, or are in another one too.

    `show` is one of SHOWS; `entered` and `left` need `audience`, `overlap` needs `overlap_with`.
    Raises what `preview_report` raises.
    """
    condition = checked(space=space, definition=definition, audience=audience)
    options = Options(include_anonymous=include_anonymous, historical_from=historical_from)
    statement = _Statement(space, condition, [], timezone.now(), options)
    sql, params = statement.page(show, audience, overlap_with, after=after, limit=limit + 1)
    total, ids = _fetch(sql, params)
    ids = ids or []
    return PreviewPage(
        people=people(space=space, profile_ids=ids[:limit]),
        total=total,
        following=ids[limit - 1] if len(ids) > limit else None,
    )


def members_query(
    *, space: Space, definition: Any, include_anonymous: bool, now: datetime
) -> tuple[str, dict[str, Any]]:
    """SQL of a column `profile_id`, who matches a definition that need not be saved, and its parameters."""
    condition = checked(space=space, definition=definition)
    return _Statement(space, condition, [], now, Options(include_anonymous=include_anonymous)).ids()


Row = tuple[int, list[int], list[int], dict[str, int], int, int, int]


def _run(sql: str, params: dict[str, Any]) -> Row:
    total, sample, sizes, types, counts, entered, left, shared = _fetch(sql, params)
    return (
        total,
        sample or [],
        sizes or [],
        dict(zip(types or [], counts or [], strict=True)),
        entered,
        left,
        shared,
    )


def _fetch(sql: str, params: dict[str, Any]) -> Any:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PREVIEW_SECONDS * 1000)])
            cursor.execute(WIDE_SCOPES)
            cursor.execute(sql, params)
            row = cursor.fetchone()
            cursor.execute(ANY_SCOPE)
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError as error:
        if "statement timeout" not in str(error):
            raise
        raise PreviewError(
            f"The preview took longer than {PREVIEW_SECONDS} seconds. Narrow the time windows and try again."
        ) from error
    return row


def _parts(condition: Condition) -> list[Node]:
    where = condition.where
    if isinstance(where, AllNode | AnyNode) and 1 < len(where.children) <= MOST_PARTS:
        return list(where.children)
    return []


class _Statement:
    def __init__(self, space: Space, condition: Condition, parts: list[Node], now: datetime, options: Options) -> None:
        self.space, self.collection = space, condition.collection
        self.builder = Builder(
            space.pk,
            condition.collection,
            Everyone(),
            now,
            references_of(space, [mentions(condition)]),
            is_timed=False,
        )
        nodes = [condition.where, *parts]
        self.builder.only_with_events = all(wants_events(node) for node in nodes)
        self.builder.leave_out_anonymous([options])
        self.verdicts = [self.builder.verdict(replace(condition, where=node), options).holds for node in nodes]

    def query(
        self, id_types: list[str], audience: Audience | None, other: Audience | None
    ) -> tuple[str, dict[str, Any]]:
        """Row: (total, sample, size of each part, identifier types, profiles with each, entered, left, shared)."""
        statement = self.builder.statement
        sizes = ", ".join(f"count(*) FILTER (WHERE v{index})" for index in range(1, len(self.verdicts)))
        limit = statement.param(SAMPLE_SIZE, "integer")
        types = statement.texts(id_types)
        ctes = self._members()
        ctes.append(
            "coverage AS (SELECT x.id_type, count(DISTINCT x.profile_id) AS size FROM external_id x "
            f"WHERE x.space_id = {statement.space} AND x.id_type = ANY ({types}) "
            "AND x.profile_id IN (SELECT id FROM members) GROUP BY x.id_type)"
        )
        counts = {"entered": "0", "left": "0", "overlap": "0"}
        if audience is not None:
            ctes.append(self._stored("stored", audience))
            counts |= {show: f"(SELECT count(*) FROM ({PEOPLE[show]}) one)" for show in ("entered", "left")}
        if other is not None:
            ctes.append(self._stored("other", other))
            counts["overlap"] = f"(SELECT count(*) FROM ({PEOPLE['overlap']}) one)"
        sql = (
            f"WITH {', '.join(ctes)} SELECT (SELECT count(*) FROM members), "
            f"ARRAY(SELECT id FROM members ORDER BY id LIMIT {limit}), "
            f"{f'(SELECT ARRAY[{sizes}] FROM verdicts)' if sizes else 'ARRAY[]::bigint[]'}, "
            "(SELECT array_agg(id_type ORDER BY id_type) FROM coverage), "
            "(SELECT array_agg(size ORDER BY id_type) FROM coverage), "
            f"{counts['entered']}, {counts['left']}, {counts['overlap']}"
        )
        return sql, statement.params

    def page(
        self, show: str, audience: Audience | None, other: Audience | None, *, after: int, limit: int
    ) -> tuple[str, dict[str, Any]]:
        """Row: (how many in all, ids of a page)."""
        statement = self.builder.statement
        ctes = self._members()
        if audience is not None:
            ctes.append(self._stored("stored", audience))
        if other is not None:
            ctes.append(self._stored("other", other))
        position, count = statement.param(after, "bigint"), statement.param(limit, "integer")
        sql = (
            f"WITH {', '.join(ctes)}, shown AS MATERIALIZED ({PEOPLE[show]}) SELECT (SELECT count(*) FROM shown), "
            f"ARRAY(SELECT id FROM shown WHERE id > {position} ORDER BY id LIMIT {count})"
        )
        return sql, statement.params

    def ids(self) -> tuple[str, dict[str, Any]]:
        return f"WITH {', '.join(self._members())} SELECT id AS profile_id FROM members", self.builder.statement.params

    def _members(self) -> list[str]:
        columns = ", ".join(f"{holds} AS v{index}" for index, holds in enumerate(self.verdicts))
        return [
            *self.builder.ctes(),
            f"verdicts AS MATERIALIZED (SELECT f.id, {columns} FROM facts f)",
            "members AS MATERIALIZED (SELECT v.id FROM verdicts v WHERE v.v0)",
        ]

    def _stored(self, name: str, audience: Audience) -> str:
        statement = self.builder.statement
        rows = (
            f"SELECT m.profile_id AS id FROM membership m WHERE m.space_id = {statement.space} "
            f"AND m.audience_id = {statement.param(audience.pk, 'bigint')} AND m.is_member"
        )
        return f"{name} AS MATERIALIZED ({rows})"


def _percent(part: int, whole: int) -> int:
    return round(part * 100 / whole) if whole else 0


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
