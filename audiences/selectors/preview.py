"""What a definition would match now, in one statement: size, sample, each condition alone, identifiers, differences."""

# ruff: noqa: S608 - the texts are the compiler's and our own; every value is a parameter.

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.utils import OperationalError
from django.utils import timezone

from audiences.compiler.builder import Builder, wants_events
from audiences.compiler.queries import SAMPLE_SIZE
from audiences.compiler.scopes import Everyone
from audiences.models import Audience
from audiences.selectors.audiences import Person, people
from audiences.services.definitions import audience_references, checked
from common.errors import ProductError
from engine.conditions import Options
from engine.conditions.describing import sentence_of
from engine.conditions.nodes import AllNode, AnyNode, Condition, Node
from spaces.models import Space

COVERAGE = {"users": ("user_id", "email", "anonymous_id"), "accounts": ("group_id",)}
MOST_PARTS = 30
PREVIEW_SECONDS = 15


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
class PreviewReport:
    """`entered` and `left`: who would come and go against the stored members; None without a saved audience."""

    total: int
    sample: list[Person]
    parts: list[Part]
    coverage: list[Coverage]
    entered: int | None
    left: int | None
    computed_at: datetime


def preview_report(
    *,
    space: Space,
    definition: Any,
    include_anonymous: bool,
    historical_from: datetime | None = None,
    audience: Audience | None = None,
) -> PreviewReport:
    """Preview a definition that need not be saved; with `audience`, also what saving would change.

    Raises DefinitionError with all problems, PreviewError when the database takes over PREVIEW_SECONDS.
    """
    condition = checked(space=space, definition=definition, audience=audience)
    now = timezone.now()
    parts = _parts(condition)
    statement = _Statement(
        space, condition, parts, now, Options(include_anonymous=include_anonymous, historical_from=historical_from)
    )
    total, sample, sizes, covered, entered, left = _run(*statement.query(audience))
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
            for id_type in COVERAGE[condition.collection]
        ],
        entered=entered if audience is not None else None,
        left=left if audience is not None else None,
        computed_at=now,
    )


def _run(sql: str, params: dict[str, Any]) -> tuple[int, list[int], list[int], dict[str, int], int, int]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PREVIEW_SECONDS * 1000)])
            cursor.execute(sql, params)
            total, sample, sizes, types, counts, entered, left = cursor.fetchone()
    except OperationalError as error:
        if "statement timeout" not in str(error):
            raise
        raise PreviewError(
            f"The preview took longer than {PREVIEW_SECONDS} seconds. Narrow the time windows and try again."
        ) from error
    return total, sample or [], sizes or [], dict(zip(types or [], counts or [], strict=True)), entered, left


def _parts(condition: Condition) -> list[Node]:
    where = condition.where
    if isinstance(where, AllNode | AnyNode) and 1 < len(where.children) <= MOST_PARTS:
        return list(where.children)
    return []


class _Statement:
    def __init__(self, space: Space, condition: Condition, parts: list[Node], now: datetime, options: Options) -> None:
        self.space, self.collection = space, condition.collection
        self.builder = Builder(
            space.pk, condition.collection, Everyone(), now, audience_references(space), is_timed=False
        )
        nodes = [condition.where, *parts]
        self.builder.only_with_events = all(wants_events(node) for node in nodes)
        self.verdicts = [self.builder.verdict(replace(condition, where=node), options).holds for node in nodes]

    def query(self, audience: Audience | None) -> tuple[str, dict[str, Any]]:
        """Rows: (total, sample, size of each part, identifier types, profiles with each, entered, left)."""
        statement = self.builder.statement
        columns = ", ".join(f"{holds} AS v{index}" for index, holds in enumerate(self.verdicts))
        sizes = ", ".join(f"count(*) FILTER (WHERE v{index})" for index in range(1, len(self.verdicts)))
        limit = statement.param(SAMPLE_SIZE, "integer")
        types = statement.texts(COVERAGE[self.collection])
        ctes = [
            *self.builder.ctes(),
            f"verdicts AS MATERIALIZED (SELECT f.id, {columns} FROM facts f)",
            "members AS MATERIALIZED (SELECT v.id FROM verdicts v WHERE v.v0)",
            "coverage AS (SELECT x.id_type, count(DISTINCT x.profile_id) AS size FROM external_id x "
            f"WHERE x.space_id = {statement.space} AND x.id_type = ANY ({types}) "
            "AND x.profile_id IN (SELECT id FROM members) GROUP BY x.id_type)",
        ]
        entered = left = "0"
        if audience is not None:
            stored = (
                f"SELECT m.profile_id FROM membership m WHERE m.space_id = {statement.space} "
                f"AND m.audience_id = {statement.param(audience.pk, 'bigint')} AND m.is_member"
            )
            ctes.append(f"stored AS MATERIALIZED ({stored})")
            entered = (
                "(SELECT count(*) FROM members a WHERE NOT EXISTS (SELECT FROM stored s WHERE s.profile_id = a.id))"
            )
            left = "(SELECT count(*) FROM stored s WHERE NOT EXISTS (SELECT FROM members a WHERE a.id = s.profile_id))"
        sql = (
            f"WITH {', '.join(ctes)} SELECT (SELECT count(*) FROM members), "
            f"ARRAY(SELECT id FROM members ORDER BY id LIMIT {limit}), "
            f"{f'(SELECT ARRAY[{sizes}] FROM verdicts)' if sizes else 'ARRAY[]::bigint[]'}, "
            "(SELECT array_agg(id_type ORDER BY id_type) FROM coverage), "
            f"(SELECT array_agg(size ORDER BY id_type) FROM coverage), {entered}, {left}"
        )
        return sql, statement.params


def _percent(part: int, whole: int) -> int:
    return round(part * 100 / whole) if whole else 0


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
