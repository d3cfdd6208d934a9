"""Filters of a space: at most 10 conditions; events for which any holds are dropped on arrival (W022)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from common.errors import ConflictError, FieldError, InvalidError
from engine.filters import Condition, FilterEvaluationError, FqlError, lint, parse
from profiles.models import EventFilter
from spaces import audit
from spaces.models import Space, User
from spaces.names import clean_name

logger = logging.getLogger(__name__)

LIMIT = 10
NAME_LIMIT = 64


@dataclass(frozen=True, slots=True)
class SpaceFilter:
    """A filter ready to run."""

    name: str
    condition: Condition

    def holds(self, event: Mapping[str, Any]) -> bool:
        """A condition that cannot be evaluated does not hold: nothing is thrown away for a filter's mistake."""
        try:
            return self.condition.matches(event)
        except FilterEvaluationError:
            return False


@transaction.atomic
def create_event_filter(
    *, space: Space, actor: User | None, name: str, condition: str, is_enabled: bool = True
) -> EventFilter:
    """For events received from now on, of all sources. The 11th is refused; InvalidError at /name and /if."""
    Space.objects.select_for_update(no_key=True).get(pk=space.pk)
    if EventFilter.objects.in_space(space).count() >= LIMIT:
        raise ConflictError(f"A space can have at most {LIMIT} filters. Delete one that is not needed.")
    errors: list[FieldError] = []
    name = _checked_name(name, errors)
    condition = condition.strip()
    for problem in lint(condition):
        detail = f"{problem.message.rstrip('.')} (at character {problem.start + 1})."
        errors.append(FieldError(path="/if", code=problem.code, detail=detail))
    _refuse(errors)
    row = EventFilter.objects.create(space=space, name=name, condition=condition, is_enabled=is_enabled)
    audit.record(space=space, actor=actor, action="event_filter.created", target=row, after=_shown(row))
    return row


@transaction.atomic
def update_event_filter(
    *, row: EventFilter, actor: User | None, name: str | None = None, is_enabled: bool | None = None
) -> EventFilter:
    """Rename it, or switch it on or off for events received from now on."""
    row = _locked(row)
    before = _shown(row)
    errors: list[FieldError] = []
    if name is not None:
        row.name = _checked_name(name, errors)
    if is_enabled is not None:
        row.is_enabled = is_enabled
    _refuse(errors)
    row.save()
    if _shown(row) != before:
        audit.record(
            space=row.space, actor=actor, action="event_filter.updated", target=row, before=before, after=_shown(row)
        )
    return row


@transaction.atomic
def delete_event_filter(*, row: EventFilter, actor: User | None) -> None:
    row = _locked(row)
    audit.record(space=row.space, actor=actor, action="event_filter.deleted", target=row, before=_shown(row))
    row.delete()


def enabled_filters(space_id: int) -> list[SpaceFilter]:
    """What ingest applies, compiled; ask once for a block of messages."""
    found = []
    rows = EventFilter.objects.filter(space_id=space_id, is_enabled=True).values_list("name", "condition")
    for name, condition in rows:
        try:
            found.append(SpaceFilter(name, parse(condition)))
        except FqlError:
            logger.warning("space %s: a stored event filter cannot be read and is passed over", space_id)
    return found


def _checked_name(name: str, errors: list[FieldError]) -> str:
    try:
        return clean_name(name, limit=NAME_LIMIT)
    except InvalidError as error:
        errors.extend(error.errors)
        return name


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        many = "1 field is" if len(errors) == 1 else f"{len(errors)} fields are"
        raise InvalidError(errors[0].detail if len(errors) == 1 else f"{many} not valid.", errors)


def _locked(row: EventFilter) -> EventFilter:
    rows = EventFilter.objects.select_for_update(of=("self",)).select_related("space__workspace")
    found: EventFilter | None = rows.filter(pk=row.pk).first()
    if found is None:
        raise ConflictError("This filter was deleted meanwhile.")
    return found


def _shown(row: EventFilter) -> dict[str, Any]:
    return {"name": row.name, "if": row.condition, "is_enabled": row.is_enabled}
