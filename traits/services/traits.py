"""Creating, editing, switching and deleting traits. Each change leaves an audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audiences.keys import ComputationKeyError, reserve_key
from audiences.models import ComputeStatus
from common.errors import ConflictError, FieldError, ProductError
from common.ids import new_trait_id
from profiles.models import ACCOUNTS, USERS, ObservedField
from spaces import audit
from spaces.models import Space, User
from traits.models import Trait
from traits.services.compute import forget_rechecks
from traits.services.connections import ConnectionSpec, connect, remove_all
from traits.services.definitions import checked
from traits.services.origins import origin_of

MAX_NAME_LENGTH = 255


class TraitError(ProductError):
    """What was sent for a trait is not valid; `errors` names the fields."""

    code = "trait_invalid"


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        detail = "Give the trait a name."
        raise TraitError(detail, [FieldError(path="/name", code="required", detail=detail)])
    if len(name) > MAX_NAME_LENGTH:
        detail = f"Use at most {MAX_NAME_LENGTH} characters; this name has {len(name)}."
        raise TraitError(detail, [FieldError(path="/name", code="too_long", detail=detail)])
    return name


def _snapshot(trait: Trait) -> dict[str, Any]:
    return {
        "name": trait.name,
        "key": trait.key,
        "description": trait.description,
        "definition": trait.definition,
        "include_historical": trait.include_historical,
        "is_enabled": trait.is_enabled,
    }


def key_problem(*, space: Space, key: str, collection: int) -> FieldError | None:
    """A key that calls write as a custom trait cannot be a computed one: both would write the same place."""
    is_custom = ObservedField.objects.filter(
        space_id=space.pk, scope="trait", event_type=collection, event_name="", path=key
    ).exists()
    if not is_custom:
        return None
    detail = f"Profiles of this space have a custom trait {key} already. Choose another name or key."
    return FieldError(path="/key", code="key_is_custom_trait", detail=detail)


@transaction.atomic
def create_trait(
    *,
    space: Space,
    name: str,
    definition: Any,
    created_by: User | None,
    key: str | None = None,
    description: str = "",
    include_historical: bool = True,
    destinations: Sequence[ConnectionSpec] = (),
) -> Trait:
    """Create a trait and start computing it; with `destinations`, values are sent as they are computed.

    Raises TraitError, TraitDefinitionError or ComputationKeyError, each with all its fields; nothing is saved then.
    """
    name = _checked_name(name)
    checked(space=space, definition=definition)
    public_id = new_trait_id()
    collection = ACCOUNTS if definition["collection"] == "accounts" else USERS
    reserved = reserve_key(space=space, name=name, key=key, kind="trait", computation_id=public_id)
    if problem := key_problem(space=space, key=reserved, collection=collection):
        raise ComputationKeyError("The key is taken by a custom trait.", [problem])
    trait = Trait.objects.create(
        public_id=public_id,
        space=space,
        name=name,
        key=reserved,
        description=description.strip(),
        kind=definition["kind"],
        collection=collection,
        definition=definition,
        include_historical=include_historical,
        historical_from=None if include_historical else timezone.now(),
        created_by=created_by,
    )
    audit.record(space=space, actor=created_by, action="trait.created", target=trait, after=_snapshot(trait))
    for spec in destinations:
        connect(trait=trait, spec=spec, connected_by=created_by)
    origin_of(trait).start(trait)
    return trait


@transaction.atomic
def update_trait(
    *,
    trait: Trait,
    changed_by: User | None,
    revision: int | None = None,
    name: str | None = None,
    description: str | None = None,
    definition: Any = None,
) -> Trait:
    """Rename, describe or redefine. Key, kind and collection stay; a new definition is computed over everybody.

    Raises ConflictError when `revision` is not the stored one (somebody else edited) or a computation is running.
    """
    trait = _locked(trait)
    before = _snapshot(trait)
    if revision is not None and revision != trait.revision:
        raise ConflictError("Somebody else changed this trait meanwhile. Reload it and apply your edit again.")
    if name is not None:
        trait.name = _checked_name(name)
    if description is not None:
        trait.description = description.strip()
    redefined = definition is not None and definition != trait.definition
    if redefined:
        checked(space=trait.space, definition=definition, trait=trait)
        if is_locked(trait):
            raise ConflictError("An earlier edit is still being computed. Wait until the trait is Live.")
        trait.definition = definition
        trait.revision += 1
        if trait.is_enabled:
            trait.status = ComputeStatus.PREPARING
    trait.save()
    audit.record(
        space=trait.space,
        actor=changed_by,
        action="trait.changed",
        target=trait,
        before=before,
        after=_snapshot(trait),
    )
    if redefined and trait.is_enabled:
        origin_of(trait).start(trait)
    return trait


def _locked(trait: Trait) -> Trait:
    locked: Trait = Trait.objects.select_for_update(of=("self",)).select_related("space").get(pk=trait.pk)
    return locked


def is_locked(trait: Trait) -> bool:
    """Whether a full computation is open (audiences-and-traits.md §12: locked while processing)."""
    return origin_of(trait).open_run(trait) is not None


@transaction.atomic
def refresh_trait(*, trait: Trait, refreshed_by: User | None) -> Trait:
    """Compute everybody again: **Refresh Trait**, and after a failure. Only values that differ are sent."""
    trait = _locked(trait)
    if not trait.is_enabled:
        raise ConflictError("Enable the trait first; it is computed anew then.")
    if is_locked(trait):
        raise ConflictError("The trait is being computed already.")
    trait.status = ComputeStatus.PREPARING
    trait.status_detail = ""
    trait.save(update_fields=["status", "status_detail", "updated_at"])
    audit.record(space=trait.space, actor=refreshed_by, action="trait.refreshed", target=trait)
    origin = origin_of(trait)
    (origin.restart or origin.start)(trait)
    return trait


@transaction.atomic
def cancel_run(*, trait: Trait, cancelled_by: User | None) -> Trait:
    """Stop a full computation: what is computed stays, and the trait is Failed until it is refreshed or edited."""
    trait = _locked(trait)
    if not origin_of(trait).cancel(trait):
        raise ConflictError("Nothing is being computed now.")
    trait.status = ComputeStatus.FAILED
    trait.status_detail = "The computation was cancelled. Refresh the trait to compute everybody."
    trait.save(update_fields=["status", "status_detail", "updated_at"])
    audit.record(space=trait.space, actor=cancelled_by, action="trait.cancelled", target=trait)
    return trait


@transaction.atomic
def set_enabled(*, trait: Trait, is_enabled: bool, changed_by: User | None) -> Trait:
    """Disabled: nothing computes or sends, values stay. Enabling computes everybody again and sends the differences."""
    trait = _locked(trait)
    if trait.is_enabled == is_enabled:
        return trait
    trait.is_enabled = is_enabled
    trait.status = ComputeStatus.PREPARING if is_enabled else ComputeStatus.DISABLED
    trait.status_detail = ""
    trait.save()
    action = "trait.enabled" if is_enabled else "trait.disabled"
    audit.record(space=trait.space, actor=changed_by, action=action, target=trait)
    if is_enabled:
        origin_of(trait).start(trait)
    else:
        origin_of(trait).cancel(trait)
        forget_rechecks(space_id=trait.space_id, trait_ids=[trait.pk])
    return trait


@transaction.atomic
def delete_trait(*, trait: Trait, deleted_by: User | None) -> None:
    """Delete a disabled trait. The key stays reserved; the last value stays on the profiles as a custom trait (W055).

    Raises ConflictError while it is enabled.
    """
    trait = _locked(trait)
    if trait.is_enabled:
        raise ConflictError("Disable the trait first; deleting cannot be undone.")
    remove_all(trait=trait, removed_by=deleted_by)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM trait_value WHERE space_id = %s AND trait_id = %s", [trait.space_id, trait.pk])
    trait.deleted_at = timezone.now()
    trait.save(update_fields=["deleted_at", "updated_at"])
    audit.record(space=trait.space, actor=deleted_by, action="trait.deleted", target=trait, before=_snapshot(trait))
