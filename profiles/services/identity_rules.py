"""The identifier rules of a space: read (cached for seconds), given to a new space, grown by unknown types."""

from __future__ import annotations

import time

from django.db import transaction

from engine.identity import (
    ACCOUNTS,
    DEFAULT_TYPES,
    SUGGESTED_BLOCKS,
    USERS,
    Rule,
    Rules,
    default_limit,
    default_priorities,
    default_rules,
    make_rule,
    make_rules,
)
from profiles.models import IdentifierRule

CACHE_SECONDS = 3.0

_cache: dict[int, tuple[float, Rules]] = {}


def identity_rules(space_id: int) -> Rules:
    """The rules of a space; the defaults when none were stored. A change is seen within CACHE_SECONDS."""
    kept = _cache.get(space_id)
    if kept is not None and kept[0] > time.monotonic():
        return kept[1]
    stored = list(IdentifierRule.objects.filter(space_id=space_id))
    rules = default_rules() if not stored else make_rules(_rule(row) for row in stored)
    _cache[space_id] = (time.monotonic() + CACHE_SECONDS, rules)
    return rules


def forget_identity_rules(space_id: int | None = None) -> None:
    """Drop the cached rules of a space, or of all."""
    if space_id is None:
        _cache.clear()
    else:
        _cache.pop(space_id, None)


@transaction.atomic
def store_default_rules(*, space_id: int) -> None:
    """Write the out-of-the-box rules as rows, so that they can be edited. Existing rows stay."""
    priorities = default_priorities(DEFAULT_TYPES)
    rows = [
        IdentifierRule(
            space_id=space_id,
            id_type=name,
            collection=USERS,
            value_limit=default_limit(name),
            priority=priorities[name],
            blocked_values=list(SUGGESTED_BLOCKS),
        )
        for name in DEFAULT_TYPES
    ]
    rows.append(
        IdentifierRule(
            space_id=space_id,
            id_type="group_id",
            collection=ACCOUNTS,
            priority=1,
            blocked_values=list(SUGGESTED_BLOCKS),
        )
    )
    IdentifierRule.objects.bulk_create(rows, ignore_conflicts=True)
    forget_identity_rules(space_id)


@transaction.atomic
def add_identifier_types(*, space_id: int, types: set[tuple[int, str]]) -> Rules:
    """Give unknown (collection, type) pairs a rule with default limit and priority (§4.1) and return all rules.

    A space whose order is still the default one keeps it: the new types are sorted in; else they come last.
    """
    if not IdentifierRule.objects.filter(space_id=space_id).exists():
        store_default_rules(space_id=space_id)
    for collection in (USERS, ACCOUNTS):
        new = sorted(id_type for where, id_type in types if where == collection)
        if new:
            _add_types(space_id, collection, new)
    forget_identity_rules(space_id)
    return identity_rules(space_id)


def _add_types(space_id: int, collection: int, new: list[str]) -> None:
    stored = list(IdentifierRule.objects.filter(space_id=space_id, collection=collection).order_by("priority"))
    known = {row.id_type for row in stored}
    new = [id_type for id_type in new if id_type not in known]
    last = max((row.priority for row in stored), default=0)
    IdentifierRule.objects.bulk_create(
        [
            IdentifierRule(
                space_id=space_id,
                id_type=id_type,
                collection=collection,
                value_limit=default_limit(id_type),
                priority=last + place,
                blocked_values=list(SUGGESTED_BLOCKS),
            )
            for place, id_type in enumerate(new, start=1)
        ],
        ignore_conflicts=True,
    )
    order = default_priorities(known)
    if collection == USERS and all(row.priority == order[row.id_type] for row in stored):
        for id_type, priority in default_priorities([*known, *new]).items():
            IdentifierRule.objects.filter(space_id=space_id, collection=collection, id_type=id_type).exclude(
                priority=priority
            ).update(priority=priority)


def _rule(row: IdentifierRule) -> Rule:
    return make_rule(
        id_type=row.id_type,
        collection=row.collection,
        value_limit=row.value_limit,
        period=row.period,
        priority=row.priority,
        blocked_values=row.blocked_values,
        trait_key=row.trait_key,
    )
