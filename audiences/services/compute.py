"""Keeping membership true: evaluate touched profiles, store the changes, and write the calls they cause.

Everything happens in the caller's transaction under the space's lock (locks.py). Real time, recheck and backfill
differ only in which profiles and which audiences they bring.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import TextField
from django.db.models.functions import MD5, Cast
from django.utils import timezone

from audiences.compiler import (
    ANY_SCOPE,
    WIDE_SCOPES,
    CompiledInput,
    References,
    Scope,
    TheseProfiles,
    compile_audiences,
    in_statements,
)
from audiences.models import Audience, ChangedProfiles
from audiences.services import steps
from audiences.services.definitions import Compiled, compiled, references_of
from audiences.services.following import Evaluated, follow
from audiences.services.locks import try_lock_space
from audiences.services.preceding import Preceding, precede
from audiences.services.reach import Reach
from delivery.services.emit import Change, connected_computations, emit_changes
from delivery.services.resending import resend_to_new_identifiers
from engine.conditions import Mentions
from profiles.services.suppressions import suppressed_profiles
from spaces.models import Space

logger = logging.getLogger(__name__)

# One block of real-time work: what is waiting, up to about this many distinct profiles.
BLOCK_PROFILES = 5_000
BLOCK_ROWS = 64
# What an evaluation reads of an audience, none of which changes but with its fingerprint.
READ = ("public_id", "key", "collection", "definition", "include_anonymous", "historical_from")
MOST_KNOWN = 10_000


class Entered(NamedTuple):
    """One membership that changed."""

    audience_id: int
    profile_id: int
    is_member: bool


def evaluate(
    *,
    space: Space,
    audiences: Sequence[Compiled],
    scope: Scope,
    now: datetime,
    touched: Touched | None = None,
    reach: Reach | None = None,
    is_heard: bool = True,
) -> list[Entered]:
    """Evaluate audiences over a scope of profiles, store what changed and emit it. Returns the changes.

    `is_heard` false: nobody has to hear of the changes (`listeners.is_heard`), which are only counted.

    With `touched`, only audiences are evaluated that mention what was touched, or that reference an audience whose
    membership just changed; references are followed level by level, and from users to their accounts and back.
    """
    references = references_of(space, [item.mentions for item in audiences])
    reach = reach or Reach(space=space, audiences=audiences, scope=scope)
    named = frozenset(name for item in audiences for name in item.mentions.audiences)
    all_changes: list[Entered] = []
    changed_names: set[str] = set()
    for collection, level in _levels(audiences):
        wanted = [
            item
            for item in level
            if touched is None or touched.concerns(item) or (item.mentions.audiences & changed_names)
        ]
        if not wanted:
            continue
        own = reach.scope(collection)
        changes = _apply(space=space, audiences=wanted, references=references, scope=own, now=now, is_heard=is_heard)
        changed = {change.audience_id for change in changes}
        names = {
            name
            for item in wanted
            if item.audience.pk in changed
            for name in (item.audience.key, item.audience.public_id)
        }
        changed_names |= names
        reach.note(changes, is_named=not named.isdisjoint(names))
        all_changes += changes
    return all_changes


@dataclass(frozen=True, kw_only=True)
class Touched:
    """What happened to the profiles of a block: (type, name) of new events, and top-level keys of written traits."""

    events: frozenset[tuple[str, str]]
    traits: frozenset[str]

    def concerns(self, item: Compiled) -> bool:
        return self.reaches(item.mentions)

    def reaches(self, mentions: Mentions) -> bool:
        """Whether a condition that looks at `mentions` looks at something that was touched."""
        if any(
            (kind, name) in self.events if name is not None else any(kind == seen for seen, _ in self.events)
            for kind, name in mentions.events
        ):
            return True
        if any((steps.EVENT_TYPE, name) in self.events for name in mentions.journey_steps):
            return True
        return any(trait.split(".", 1)[0] in self.traits for trait in mentions.traits)


def _levels(audiences: Sequence[Compiled]) -> list[tuple[int, list[Compiled]]]:
    """Audiences of one collection in dependency order: each level references only earlier ones."""
    names = {name: item for item in audiences for name in (item.audience.key, item.audience.public_id)}
    depth: dict[int, int] = {}

    def measure(item: Compiled) -> int:
        known = depth.get(item.audience.pk)
        if known is not None:
            return known
        depth[item.audience.pk] = 0  # a cycle cannot be saved; this only ends the walk
        inner = [measure(names[name]) + 1 for name in item.mentions.audiences if name in names]
        depth[item.audience.pk] = max(inner, default=0)
        return depth[item.audience.pk]

    levels: dict[tuple[int, int], list[Compiled]] = defaultdict(list)
    for item in audiences:
        levels[measure(item), item.audience.collection].append(item)
    return [(collection, levels[depth, collection]) for depth, collection in sorted(levels)]


def inputs_of(audiences: Sequence[Compiled]) -> list[CompiledInput]:
    return [
        CompiledInput(
            audience_id=item.audience.pk,
            condition=item.condition,
            include_anonymous=item.audience.include_anonymous,
            historical_from=item.audience.historical_from,
        )
        for item in audiences
    ]


def _apply(
    *,
    space: Space,
    audiences: Sequence[Compiled],
    references: References,
    scope: Scope,
    now: datetime,
    is_heard: bool,
) -> list[Entered]:
    changes: list[Entered] = []
    suppressed = suppressed_profiles(space.pk)
    for group in in_statements(inputs_of(audiences)):
        query = compile_audiences(space.pk, group, scope, now, references=references, changed_only=True)
        verdicts = f"SELECT * FROM ({query.sql}) AS v {NOT_ENTERING}" if suppressed else query.sql  # noqa: S608
        statement = f"""
            WITH verdict AS MATERIALIZED ({verdicts}), {STORE} {CHANGES if is_heard else COUNTS}
        """
        with connection.cursor() as cursor:
            if not isinstance(scope, TheseProfiles):
                cursor.execute(WIDE_SCOPES)
            cursor.execute(statement, {**query.params, "space": space.pk, "now": now, "suppressed": suppressed})
            rows = cursor.fetchall()
            if not isinstance(scope, TheseProfiles):
                cursor.execute(ANY_SCOPE)
        if is_heard:
            changes += [Entered(audience_id=a, profile_id=p, is_member=m) for a, p, m in rows]
        else:
            counted = {audience_id: (entered, left) for audience_id, entered, left in rows}
            _count(space_id=space.pk, counted=counted, now=now)
    _count_and_emit(space=space, audiences=audiences, changes=changes, now=now)
    return changes


# Under the lock of the space nobody else writes here, so that only what is stored already has to be looked for: an
# INSERT that asks for each row whether it is there takes half as long again.
STORE = """
added AS (
    INSERT INTO membership (space_id, audience_id, profile_id, is_member, changed_at, recheck_at)
    SELECT %(space)s, audience_id, profile_id, is_member, %(now)s, recheck_at FROM verdict WHERE NOT is_stored
    ORDER BY audience_id, profile_id
), changed AS (
    INSERT INTO membership AS m (space_id, audience_id, profile_id, is_member, changed_at, recheck_at)
    SELECT %(space)s, audience_id, profile_id, is_member, %(now)s, recheck_at FROM verdict WHERE is_stored
    ORDER BY audience_id, profile_id
    ON CONFLICT (space_id, audience_id, profile_id) DO UPDATE
    SET is_member = excluded.is_member, recheck_at = excluded.recheck_at, changed_at =
        CASE WHEN m.is_member = excluded.is_member THEN m.changed_at ELSE excluded.changed_at END
)
"""
# Suppressed people enter no audience; they may leave one (ingestion-and-profiles.md §9).
NOT_ENTERING = "WHERE NOT (v.is_member AND v.was_member IS NOT TRUE AND v.profile_id = ANY(%(suppressed)s::bigint[]))"
CHANGES = "SELECT audience_id, profile_id, is_member FROM verdict WHERE is_member IS DISTINCT FROM was_member"
COUNTS = """
SELECT audience_id, count(*) FILTER (WHERE is_member), count(*) FILTER (WHERE NOT is_member)
FROM verdict WHERE is_member IS DISTINCT FROM was_member GROUP BY audience_id
"""


def _count_and_emit(*, space: Space, audiences: Sequence[Compiled], changes: list[Entered], now: datetime) -> None:
    by_audience: dict[int, list[Entered]] = defaultdict(list)
    for change in changes:
        by_audience[change.audience_id].append(change)
    changed = sorted((item.audience for item in audiences if item.audience.pk in by_audience), key=lambda one: one.pk)
    connected = connected_computations(space=space, computation_ids=[audience.public_id for audience in changed])
    for audience in changed:
        if audience.public_id in connected:
            emit_changes(
                space=space,
                computation_id=audience.public_id,
                changes=[
                    Change(profile_id=change.profile_id, value=change.is_member) for change in by_audience[audience.pk]
                ],
                now=now,
            )
    entered = {pk: sum(change.is_member for change in own) for pk, own in by_audience.items()}
    counted = {pk: (entered[pk], len(own) - entered[pk]) for pk, own in by_audience.items()}
    _count(space_id=space.pk, counted=counted, now=now)


def _count(*, space_id: int, counted: Mapping[int, tuple[int, int]], now: datetime) -> None:
    """Add the entries and exits to the sizes and to the counts of this hour."""
    if not counted:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH counted AS (
                SELECT * FROM unnest(%(audiences)s::bigint[], %(entered)s::bigint[], %(left)s::bigint[])
                AS c(audience_id, entered, "left")
            ), sized AS (
                UPDATE audience_row AS a SET size = a.size + c.entered - c."left" FROM counted c
                WHERE a.id = c.audience_id RETURNING c.audience_id, c.entered, c."left", a.size
            )
            INSERT INTO membership_count AS c (space_id, audience_id, hour, entered, "left", size)
            SELECT %(space)s, audience_id, date_trunc('hour', %(now)s::timestamptz), entered, "left", size FROM sized
            ON CONFLICT (space_id, audience_id, hour) DO UPDATE
            SET entered = c.entered + excluded.entered, "left" = c."left" + excluded."left", size = excluded.size
            """.replace("audience_row", Audience._meta.db_table),
            {
                "audiences": list(counted),
                "entered": [entered for entered, _ in counted.values()],
                "left": [left for _, left in counted.values()],
                "space": space_id,
                "now": now,
            },
        )


Fingerprint = tuple[int, str, bool, datetime | None]
FINGERPRINT = ("pk", "content", "include_anonymous", "historical_from")
_known: dict[Fingerprint, Compiled] = {}


def evaluated_audiences(space: Space) -> list[Compiled]:
    """Those that evaluation keeps up to date, with no more of their columns than `READ`.

    They are remembered by content: to load and read hundreds of definitions for each block would take long.
    """
    audiences = Audience.objects.annotate(content=MD5(Cast("definition", TextField())))
    prints = list(audiences.in_space(space).evaluated().order_by("id").values_list(*FINGERPRINT))
    found = {one[0]: known for one in prints if (known := _known.get(one))}
    missing = [pk for pk, *_ in prints if pk not in found]
    if missing:
        if len(_known) + len(missing) > MOST_KNOWN:
            _known.clear()
        for audience in audiences.only(*READ).filter(pk__in=missing):
            own = (audience.pk, audience.content, audience.include_anonymous, audience.historical_from)
            found[audience.pk] = _known[own] = compiled([audience])[0]
    return [found[pk] for pk, *_ in prints if pk in found]


def compute_block(*, space: Space) -> int:
    """Evaluate one block of changed profiles. Returns the queue rows it took; 0 = nothing to do, or not our turn."""
    with transaction.atomic():
        if not try_lock_space(space.pk):
            return 0
        rows = _claim(space.pk)
        if not rows:
            return 0
        now = timezone.now()
        audiences = evaluated_audiences(space)
        whole = [row for row in rows if row[1] is None or row[2] is None]
        partial = [row for row in rows if row[1] is not None and row[2] is not None]
        if whole:
            scope = _scope(whole)
            _evaluate_block(space=space, audiences=audiences, scope=scope, now=now, touched=None)
            resend_to_new_identifiers(space=space, profile_ids=scope.ids, now=now)
        if partial:
            touched = Touched(
                events=frozenset(_event(text) for row in partial for text in row[1] or ()),
                traits=frozenset(key for row in partial for key in row[2] or ()),
            )
            _evaluate_block(space=space, audiences=audiences, scope=_scope(partial), now=now, touched=touched)
        return len(rows)


def _evaluate_block(
    *, space: Space, audiences: Sequence[Compiled], scope: TheseProfiles, now: datetime, touched: Touched | None
) -> None:
    """Computed traits first, then the audiences that read them, then what follows both."""
    before = precede(Preceding(space=space, now=now, profile_ids=scope.ids, touched=touched))
    if before.traits:
        scope = TheseProfiles(ids=sorted({*scope.ids, *before.profile_ids}))
        if touched is not None:
            touched = Touched(events=touched.events, traits=touched.traits | before.traits)
    changes = evaluate(space=space, audiences=audiences, scope=scope, now=now, touched=touched)
    follow(Evaluated(space=space, now=now, profile_ids=scope.ids, touched=touched, changes=changes))


QueueRow = tuple[list[int], list[str] | None, list[str] | None]


def _scope(rows: Sequence[QueueRow]) -> TheseProfiles:
    return TheseProfiles(ids=sorted({profile_id for row in rows for profile_id in row[0]}))


def _claim(space_id: int) -> list[QueueRow]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM changed_profiles WHERE id IN (
                SELECT id FROM (
                    SELECT id, sum(cardinality(profile_ids)) OVER (ORDER BY id) - cardinality(profile_ids) AS before
                    FROM (SELECT id, profile_ids FROM changed_profiles WHERE space_id = %s ORDER BY id LIMIT %s) AS head
                ) AS running WHERE before < %s
            ) RETURNING profile_ids, events, traits
            """,
            [space_id, BLOCK_ROWS, BLOCK_PROFILES],
        )
        return list(cursor.fetchall())


def _event(text: str) -> tuple[str, str]:
    kind, _, name = text.partition(":")
    return kind, name


def spaces_with_changes() -> list[Space]:
    return list(
        Space.objects.filter(pk__in=ChangedProfiles.objects.order_by().values_list("space_id", flat=True).distinct())
    )


def recheck_block(*, space: Space, limit: int = BLOCK_PROFILES) -> int:
    """Evaluate memberships whose time has come (design.md §4). Returns how many were due."""
    with transaction.atomic():
        if not try_lock_space(space.pk):
            return 0
        now = timezone.now()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT audience_id, profile_id FROM membership WHERE space_id = %s AND recheck_at <= %s "
                "ORDER BY recheck_at LIMIT %s",
                [space.pk, now, limit],
            )
            due = list(cursor.fetchall())
        if not due:
            return 0
        audience_ids = {audience_id for audience_id, _ in due}
        everyone = evaluated_audiences(space)
        wanted = [item for item in everyone if item.audience.pk in audience_ids]
        _forget_rechecks(space_id=space.pk, audience_ids=audience_ids - {item.audience.pk for item in wanted})
        scope = TheseProfiles(ids=sorted({profile_id for _, profile_id in due}))
        reach = Reach(space=space, audiences=wanted, scope=scope, follows_links=False)
        changes = evaluate(space=space, audiences=wanted, scope=scope, now=now, reach=reach)
        changes = changes + dependents_of(space=space, everyone=everyone, done=wanted, changes=changes, now=now)
        follow(Evaluated(space=space, now=now, profile_ids=[], touched=None, changes=changes))
        return len(due)


def _forget_rechecks(*, space_id: int, audience_ids: Iterable[int]) -> None:
    """A disabled or deleted audience is not evaluated; enabling computes it anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE membership SET recheck_at = NULL WHERE space_id = %s AND audience_id = ANY(%s) "
            "AND recheck_at IS NOT NULL",
            [space_id, list(audience_ids)],
        )


def dependents_of(
    *, space: Space, everyone: Sequence[Compiled], done: Sequence[Compiled], changes: list[Entered], now: datetime
) -> list[Entered]:
    """Evaluate the audiences that reference one whose membership changed outside real time. Returns their changes."""
    if not changes:
        return []
    by_id = {item.audience.pk: item.audience for item in done}
    changed = {
        name for change in changes for name in (by_id[change.audience_id].key, by_id[change.audience_id].public_id)
    }
    dependents = [item for item in everyone if item.mentions.audiences & changed]
    if not dependents:
        return []
    audiences = _closure(dependents, everyone)
    scope = TheseProfiles(ids=sorted({change.profile_id for change in changes}))
    reach = Reach(space=space, audiences=[*audiences, *done], scope=scope)
    reach.note(changes, is_named=True)
    return evaluate(space=space, audiences=audiences, scope=scope, now=now, reach=reach)


def _closure(start: Sequence[Compiled], everyone: Sequence[Compiled]) -> list[Compiled]:
    """`start` and everything that references it, directly or not."""
    found = {item.audience.pk: item for item in start}
    grew = True
    while grew:
        names = {name for item in found.values() for name in (item.audience.key, item.audience.public_id)}
        more = [item for item in everyone if item.audience.pk not in found and item.mentions.audiences & names]
        found |= {item.audience.pk: item for item in more}
        grew = bool(more)
    return list(found.values())
