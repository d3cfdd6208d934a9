"""Creating and editing SQL traits: a query that has been tried, its columns as keys, and when it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from audiences.keys import ComputationKeyError
from audiences.models import ComputationKey
from common.errors import ConflictError, FieldError, InvalidError
from delivery.models import Connection
from engine.traits.schedules import DEFAULT, Schedule, read_schedule
from engine.traits.sql import SQL, Shape
from profiles.models import ObservedField
from spaces import audit
from spaces.models import Space, User
from traits.models import SqlTrait, Trait
from traits.services.connections import ConnectionSpec
from traits.services.definitions import TraitDefinitionError
from traits.services.sql_columns import columns_of
from traits.services.sql_preview import COLLECTIONS, preview_query
from traits.services.traits import create_trait, update_trait
from traits.services.warehouses import get_warehouse

MOST_TRAITS = 25  # engage-domain.md: SQL traits of a space


def create_sql_trait(
    *,
    space: Space,
    name: str,
    definition: Any,
    created_by: User | None,
    schedule: Any = None,
    key: str | None = None,
    description: str = "",
    destinations: Sequence[ConnectionSpec] = (),
) -> Trait:
    """Try the query, store the trait and start its first run; `definition` has source and query.

    Raises what `create_trait` raises, TraitDefinitionError also for what the warehouse refuses or the columns lack, and
    InvalidError for the schedule or above MOST_TRAITS; nothing is saved then.
    """
    plan = checked_schedule(DEFAULT if schedule is None else schedule)
    shape = _tried(space, _own(definition))
    with transaction.atomic():
        # One after the other, so that the limit holds.
        Space.objects.select_for_update(no_key=True).get(pk=space.pk)
        if Trait.objects.in_space(space).live().filter(kind=SQL).count() >= MOST_TRAITS:
            detail = f"This space has {MOST_TRAITS} SQL traits, which is the most. Delete one, or add columns to one."
            raise InvalidError(detail)
        source = get_warehouse(space, definition["source"])
        if source is None:
            raise ConflictError("The warehouse was deleted meanwhile. Choose another one.")
        trait = create_trait(
            space=space,
            name=name,
            key=key,
            definition=completed(definition, shape),
            description=description,
            destinations=destinations,
            created_by=created_by,
        )
        SqlTrait.objects.create(
            trait=trait,
            source=source,
            schedule=DEFAULT if schedule is None else schedule,
            next_run_at=plan.next_after(timezone.now()),
        )
        _reserve(trait, columns_of(trait))
    return trait


def update_query(*, trait: Trait, query: str, changed_by: User | None, revision: int | None = None) -> Trait:
    """Store another query after trying it; it is run at once. The warehouse stays.

    Columns that it no longer has keep their last values on the profiles, as custom traits. Raises as `create_sql_trait`
    and `update_trait`.
    """
    definition = _own(trait.definition | {"query": query})
    shape = _tried(trait.space, definition)
    with transaction.atomic():
        own = completed(definition, shape)
        trait = update_trait(trait=trait, changed_by=changed_by, revision=revision, definition=own)
        _reserve(trait, columns_of(trait))
        Connection.objects.filter(computation_id=trait.public_id).update(computation_columns=columns_of(trait))
    return trait


@transaction.atomic
def set_schedule(*, trait: Trait, schedule: Any, changed_by: User | None) -> SqlTrait:
    """Change when the query runs by itself. InvalidError with what is wrong."""
    plan = checked_schedule(schedule)
    row = SqlTrait.objects.select_for_update(of=("self",)).get(trait=trait)
    before = row.schedule
    row.schedule, row.next_run_at = dict(schedule), plan.next_after(timezone.now())
    row.save(update_fields=["schedule", "next_run_at"])
    if before != row.schedule:
        audit.record(
            space=trait.space, actor=changed_by, action="trait.scheduled", target=trait,
            before={"schedule": before}, after={"schedule": row.schedule},
        )  # fmt: skip
    return row


def checked_schedule(schedule: Any) -> Schedule:
    found, problems = read_schedule(schedule)
    if found is None:
        errors = [
            FieldError(path=f"/schedule{problem.path}", code=problem.code, detail=problem.detail)
            for problem in problems
        ]
        raise InvalidError(errors[0].detail, errors)
    return found


def _own(definition: Any) -> Any:
    """What people write of a definition: the warehouse says what its columns are."""
    if not isinstance(definition, Mapping):
        return definition
    return {name: value for name, value in definition.items() if name not in ("id_column", "columns")}


def completed(definition: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The definition as it is stored."""
    columns = [{"name": column.name, "type": column.kind} for column in shape.columns]
    return {**definition, "id_column": shape.id_column, "columns": columns}


def _tried(space: Space, definition: Any) -> Shape:
    """The shape of what the query returns now; TraitDefinitionError with everything that is wrong with it (W056)."""
    preview = preview_query(space=space, definition=definition)
    if preview.shape is None:
        errors = [
            FieldError(path=problem.path, code=problem.code, detail=problem.detail) for problem in preview.problems
        ]
        raise TraitDefinitionError(errors[0].detail, errors)
    return preview.shape


def _reserve(trait: Trait, columns: Sequence[str]) -> None:
    """Give the columns to the trait as keys; ComputationKeyError names all that something else has."""
    errors = []
    for column in columns:
        row, is_new = ComputationKey.objects.get_or_create(
            space=trait.space, key=column, defaults={"kind": "trait", "computation_id": trait.public_id}
        )
        if is_new and _is_custom(trait, column):
            detail = f"Profiles of this space have a custom trait {column} already. Rename the column with AS."
            errors.append(FieldError(path=f"/columns/{column}", code="key_is_custom_trait", detail=detail))
        elif row.computation_id != trait.public_id:
            detail = f"The key {column} was already used in this space. Rename the column with AS."
            errors.append(FieldError(path=f"/columns/{column}", code="key_used", detail=detail))
    if errors:
        raise ComputationKeyError(errors[0].detail, errors)


def _is_custom(trait: Trait, column: str) -> bool:
    return ObservedField.objects.filter(
        space_id=trait.space_id, scope="trait", event_type=COLLECTIONS[trait.definition["collection"]], event_name="",
        path=column,
    ).exists()  # fmt: skip
