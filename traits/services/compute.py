"""Keeping values true: compute the traits of touched profiles, store the changes, and tell what depends on them.

Everything happens in the caller's transaction under the space's lock (`audiences.services.locks`). Real time, recheck
and backfill differ only in which profiles and which traits they bring. `precede` is called before the audiences of the
same profiles are evaluated (settings.COMPUTATION_PRECEDER).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from audiences.compiler import Scope, TheseProfiles
from audiences.services import compute as audiences
from audiences.services.compute import Touched
from audiences.services.following import Evaluated, follow
from audiences.services.locks import try_lock_space
from audiences.services.preceding import Preceded, Preceding
from profiles.models import ACCOUNTS
from spaces.models import Space
from traits.compiler import ANY_SCOPE, WIDE_SCOPES, TraitInput, compile_traits, in_statements
from traits.models import Trait
from traits.services.definitions import Compiled, compiled, levels
from traits.services.storing import Changed, Written, publish

BLOCK_PROFILES = 2_000
NOTHING = Preceded(profile_ids=frozenset(), traits=frozenset())


def evaluated_traits(space: Space) -> list[Compiled]:
    return compiled(Trait.objects.in_space(space).evaluated().order_by("id"))


def evaluate(
    *,
    space: Space,
    traits: Sequence[Compiled],
    scope: Scope,
    now: datetime,
    touched: Touched | None = None,
    due: frozenset[int] | None = None,
) -> list[Changed]:
    """Compute traits over a scope of profiles, store what changed and emit it. Returns the changes.

    With `touched`, only traits are computed that mention what was touched, or whose value a call overwrote; with `due`
    (row ids), only these. Traits that read another one whose value just changed are always computed.
    """
    changes: list[Changed] = []
    changed_keys: set[str] = set()
    is_all = touched is None and due is None
    for level in levels(traits):
        wanted = [
            item
            for item in level
            if is_all
            or (due is not None and item.trait.pk in due)
            or (touched is not None and (touched.reaches(item.mentions) or item.trait.key in touched.traits))
            or item.mentions.traits & changed_keys
        ]
        found = _apply(space=space, traits=wanted, scope=scope, now=now)
        keys = {item.trait.pk: item.trait.key for item in wanted}
        changed_keys |= {keys[change.trait_id] for change in found}
        changes += found
    return changes


def _apply(*, space: Space, traits: Sequence[Compiled], scope: Scope, now: datetime) -> list[Changed]:
    inputs = [
        TraitInput(
            trait_id=item.trait.pk,
            key=item.trait.key,
            trait=item.definition,
            historical_from=item.trait.historical_from,
        )
        for item in traits
    ]
    written: list[Written] = []
    for group in in_statements(inputs):
        query = compile_traits(space.pk, group, scope, now, changed_only=True)
        statement = f"""
            WITH verdict AS MATERIALIZED ({query.sql}),
            stored AS (
                INSERT INTO trait_value AS t (space_id, trait_id, profile_id, value, changed_at, recheck_at)
                SELECT %(space)s, trait_id, profile_id, value, %(now)s, recheck_at FROM verdict
                ORDER BY trait_id, profile_id
                ON CONFLICT (space_id, trait_id, profile_id) DO UPDATE
                SET value = excluded.value, recheck_at = excluded.recheck_at, changed_at =
                    CASE WHEN t.value IS NOT DISTINCT FROM excluded.value THEN t.changed_at ELSE excluded.changed_at END
            )
            SELECT trait_id, profile_id, value::text, is_changed, had_value FROM verdict WHERE is_changed OR is_hidden
        """  # noqa: S608 - the compiler parametrizes every value
        is_wide = not isinstance(scope, TheseProfiles)
        with connection.cursor() as cursor:
            if is_wide:
                cursor.execute(WIDE_SCOPES)
            cursor.execute(statement, {**query.params, "space": space.pk, "now": now})
            written += [
                Written(trait_id=trait_id, profile_id=profile_id, value=value, is_changed=is_changed, had_value=had)
                for trait_id, profile_id, value, is_changed, had in cursor.fetchall()
            ]
            if is_wide:
                cursor.execute(ANY_SCOPE)
    return publish(space=space, traits=[item.trait for item in traits], written=written, now=now)


def precede(preceding: Preceding) -> Preceded:
    """The traits of touched profiles, and of the accounts they belong to. Nothing in a space without traits."""
    space, touched = preceding.space, preceding.touched
    traits = evaluated_traits(space)
    if not traits:
        return NOTHING
    profile_ids = list(preceding.profile_ids)
    if any(item.trait.collection == ACCOUNTS for item in traits):
        profile_ids = sorted({*profile_ids, *_accounts_of(space, profile_ids)})
    changes = evaluate(
        space=space, traits=traits, scope=TheseProfiles(ids=profile_ids), now=preceding.now, touched=touched
    )
    return told(traits, changes)


def settle(*, space: Space, traits: Sequence[Compiled], changes: Sequence[Changed], now: datetime) -> Preceded:
    """Compute the traits that read what changed, of the same profiles and of their accounts. All that changed."""
    first = told(traits, changes)
    return settle_keys(space=space, traits=traits, keys=first.traits, profile_ids=first.profile_ids, now=now)


def settle_keys(
    *, space: Space, traits: Sequence[Compiled], keys: frozenset[str], profile_ids: frozenset[int], now: datetime
) -> Preceded:
    """The same for values, by their keys, that changed for these profiles."""
    readers = frozenset(item.trait.pk for item in traits if item.mentions.traits & keys)
    if not readers:
        return Preceded(profile_ids=profile_ids, traits=keys)
    ids = {*profile_ids, *_accounts_of(space, list(profile_ids))}
    more = evaluate(space=space, traits=traits, scope=TheseProfiles(ids=sorted(ids)), now=now, due=readers)
    found = told(traits, more)
    return Preceded(profile_ids=profile_ids | found.profile_ids, traits=keys | found.traits)


def told(traits: Iterable[Compiled], changes: Sequence[Changed]) -> Preceded:
    """Changes by what of them conditions can mention."""
    keys = {item.trait.pk: item.trait.key for item in traits}
    return Preceded(
        profile_ids=frozenset(change.profile_id for change in changes),
        traits=frozenset(keys[change.trait_id] for change in changes),
    )


def _accounts_of(space: Space, profile_ids: Sequence[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT account_id FROM account_link WHERE space_id = %s AND profile_id = ANY(%s::bigint[])",
            [space.pk, list(profile_ids)],
        )
        return [row[0] for row in cursor.fetchall()]


def spread(*, space: Space, changed: Preceded, now: datetime) -> None:
    """Evaluate the audiences that read values which changed outside of real time, and what follows them."""
    if not changed.traits:
        return
    touched = Touched(events=frozenset(), traits=changed.traits)
    ids = sorted(changed.profile_ids)
    everyone = audiences.evaluated_audiences(space)
    found = audiences.evaluate(space=space, audiences=everyone, scope=TheseProfiles(ids=ids), now=now, touched=touched)
    follow(Evaluated(space=space, now=now, profile_ids=ids, touched=touched, changes=found))


def spaces_with_due_rechecks() -> list[Space]:
    """Spaces in which a value is due for another look."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.id FROM spaces_space s WHERE EXISTS (SELECT 1 FROM trait_value v "
            "WHERE v.space_id = s.id AND v.recheck_at <= now())"
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(Space.objects.filter(pk__in=ids))


def recheck_block(*, space: Space, limit: int = BLOCK_PROFILES) -> int:
    """Compute values whose time has come (design.md §4). Returns how many were due."""
    with transaction.atomic():
        if not try_lock_space(space.pk):
            return 0
        now = timezone.now()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT trait_id, profile_id FROM trait_value WHERE space_id = %s AND recheck_at <= %s "
                "ORDER BY recheck_at LIMIT %s",
                [space.pk, now, limit],
            )
            due = list(cursor.fetchall())
        if not due:
            return 0
        traits = evaluated_traits(space)
        trait_ids = frozenset(trait_id for trait_id, _ in due)
        forget_rechecks(space_id=space.pk, trait_ids=trait_ids - {item.trait.pk for item in traits})
        scope = TheseProfiles(ids=sorted({profile_id for _, profile_id in due}))
        changes = evaluate(space=space, traits=traits, scope=scope, now=now, due=trait_ids)
        spread(space=space, changed=settle(space=space, traits=traits, changes=changes, now=now), now=now)
        return len(due)


def forget_rechecks(*, space_id: int, trait_ids: Iterable[int]) -> None:
    """A disabled or deleted trait is not computed; enabling computes it anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trait_value SET recheck_at = NULL WHERE space_id = %s AND trait_id = ANY(%s) "
            "AND recheck_at IS NOT NULL",
            [space_id, list(trait_ids)],
        )
