"""How much of a full evaluation goes in one slice: what PostgreSQL expects it to cost."""

from __future__ import annotations

import json
from datetime import datetime

from django.db import connection

from audiences.compiler import ANY_SCOPE, WIDE_SCOPES, IdRange, compile_audiences
from audiences.models import ComputeRun
from audiences.services.compute import inputs_of
from audiences.services.definitions import compiled, references_of

# About three seconds, in the planner's units.
SLICE_COST = 500_000


def planned_size(run: ComputeRun, *, now: datetime) -> int:
    """How many profiles a slice of `run` may have. A wrong guess is mended after the first slice.

    Every slice reads much of a big space anew: as few as hold the space's lock for a moment only.
    """
    audience = run.audience
    left = max(1, run.profiles_total - run.profiles_done)
    own = compiled([audience])
    if not own:
        return left
    query = compile_audiences(
        run.space_id,
        inputs_of(own),
        IdRange(first=run.next_profile_id + 1, last=run.last_profile_id),
        now,
        references=references_of(audience.space, [item.mentions for item in own]),
        changed_only=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(WIDE_SCOPES)
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query.sql}", query.params)
        told = cursor.fetchone()[0]
        cursor.execute(ANY_SCOPE)
    plan = json.loads(told) if isinstance(told, str) else told
    return max(1, int(left * min(1.0, SLICE_COST / plan[0]["Plan"]["Total Cost"])))
