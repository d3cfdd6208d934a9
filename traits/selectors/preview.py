"""What a definition would give now: how many profiles have a value, samples, and how values are distributed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import connection, transaction
from django.db.utils import OperationalError
from django.utils import timezone

from audiences.compiler import Query
from audiences.selectors.audiences import people
from common.errors import FieldError, InvalidError, ProductError
from engine.conditions.profile_state import Options
from engine.traits import EventTrait, describe
from spaces.models import Space
from traits.compiler import ANY_SCOPE, WIDE_SCOPES, value_query
from traits.models import Trait
from traits.selectors.values import Distribution, Valued, distribution_of
from traits.services.definitions import checked

SAMPLE_SIZE = 20
PREVIEW_SECONDS = 15
# Computed once and then looked at from several sides; gone with the transaction.
_TABLE = "pg_temp.trait_preview"
_VALUES = f"SELECT v.profile_id, v.value FROM {_TABLE} v"  # noqa: S608 - a table of our own


class PreviewError(ProductError):
    """The preview could not be computed in time."""

    code: ClassVar[str] = "preview_too_slow"
    status: ClassVar[int] = 503


@dataclass(frozen=True, kw_only=True)
class PreviewReport:
    """`changed`: how many values would differ from the stored ones; None without a saved trait."""

    sentence: str
    total: int
    sample: list[Valued]
    distribution: Distribution
    changed: int | None
    computed_at: datetime


def preview_report(
    *,
    space: Space,
    definition: Any,
    historical_from: datetime | None = None,
    trait: Trait | None = None,
) -> PreviewReport:
    """Preview a definition that need not be saved; with `trait`, also how many values saving would change.

    Raises TraitDefinitionError with all problems, PreviewError when the database takes over PREVIEW_SECONDS.
    """
    parsed = checked(space=space, definition=definition, trait=trait)
    if not isinstance(parsed, EventTrait):
        detail = "Only traits that are computed from events can be previewed here."
        raise InvalidError(detail, [FieldError(path="/definition/kind", code="not_previewed", detail=detail)])
    now = timezone.now()
    query = value_query(space.pk, parsed, now, options=Options(historical_from=historical_from))
    with _in_time(query):
        sample = _sample()
        found = distribution_of(_VALUES, {})
        changed = None if trait is None else _changed(trait)
    persons = {
        person.profile_id: person for person in people(space=space, profile_ids=[number for number, _ in sample])
    }
    return PreviewReport(
        sentence=describe(parsed),
        total=found.total,
        sample=[Valued(person=persons[number], value=value) for number, value in sample if number in persons],
        distribution=found,
        changed=changed,
        computed_at=now,
    )


@contextmanager
def _in_time(query: Query) -> Iterator[None]:
    """The values in a table of their own, while the database is not too slow."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PREVIEW_SECONDS * 1000)])
            cursor.execute(WIDE_SCOPES)
            cursor.execute(
                "CREATE TEMPORARY TABLE trait_preview ON COMMIT DROP AS "  # noqa: S608 - the compiler parametrizes values
                f"{query.sql} SELECT profile_id, value FROM valued",
                query.params,
            )
            cursor.execute(ANY_SCOPE)
            yield
            cursor.execute(f"DROP TABLE {_TABLE}")
    except OperationalError as error:
        if "statement timeout" not in str(error):
            raise
        raise PreviewError(
            f"The preview took longer than {PREVIEW_SECONDS} seconds. Narrow the time window and try again."
        ) from error


def _sample() -> list[tuple[int, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT profile_id, value::text FROM {_TABLE} ORDER BY profile_id LIMIT %s",  # noqa: S608 - our own table
            [SAMPLE_SIZE],
        )
        return [(profile_id, json.loads(text)) for profile_id, text in cursor.fetchall()]


def _changed(trait: Trait) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*) FROM {_TABLE} v FULL JOIN (
                SELECT t.profile_id, t.value FROM trait_value t
                WHERE t.space_id = %s AND t.trait_id = %s AND t.value IS NOT NULL
            ) t ON t.profile_id = v.profile_id WHERE v.value IS DISTINCT FROM t.value""",  # noqa: S608 - our own table
            [trait.space_id, trait.pk],
        )
        return int(cursor.fetchone()[0])
