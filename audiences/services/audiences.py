"""Creating, editing, switching and deleting audiences. Each change leaves an audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from audiences.keys import reserve_key
from audiences.models import Audience, AudienceFolder, ComputeRun, ComputeStatus
from audiences.services.connections import ConnectionSpec, connect, remove_all
from audiences.services.consumers import consumers
from audiences.services.definitions import checked
from audiences.tasks import backfill
from common.errors import ConflictError, FieldError, ProductError
from common.ids import new_audience_id
from common.tasks import enqueue
from profiles.models import ACCOUNTS, USERS
from spaces import audit
from spaces.models import Space, User

MAX_NAME_LENGTH = 255


class AudienceError(ProductError):
    """What was sent for an audience is not valid; `errors` names the fields."""

    code = "audience_invalid"


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        detail = "Give the audience a name."
        raise AudienceError(detail, [FieldError(path="/name", code="required", detail=detail)])
    if len(name) > MAX_NAME_LENGTH:
        detail = f"Use at most {MAX_NAME_LENGTH} characters; this name has {len(name)}."
        raise AudienceError(detail, [FieldError(path="/name", code="too_long", detail=detail)])
    return name


def _collection(definition: Any) -> int:
    return ACCOUNTS if definition.get("collection") == "accounts" else USERS


def _snapshot(audience: Audience) -> dict[str, Any]:
    return {
        "name": audience.name,
        "key": audience.key,
        "description": audience.description,
        "definition": audience.definition,
        "include_anonymous": audience.include_anonymous,
        "include_historical": audience.include_historical,
        "is_enabled": audience.is_enabled,
    }


def start_run(audience: Audience) -> None:
    """Queue a full evaluation of the current revision; an older one that is not finished is cancelled."""
    ComputeRun.objects.filter(audience=audience, state__in=[ComputeRun.State.WAITING, ComputeRun.State.RUNNING]).update(
        state=ComputeRun.State.CANCELLED, finished_at=timezone.now()
    )
    ComputeRun.objects.create(space=audience.space, audience=audience, revision=audience.revision)
    enqueue(backfill)


@transaction.atomic
def create_audience(
    *,
    space: Space,
    name: str,
    definition: Any,
    created_by: User | None,
    key: str | None = None,
    description: str = "",
    include_anonymous: bool = False,
    include_historical: bool = True,
    folder: AudienceFolder | None = None,
    destinations: Sequence[ConnectionSpec] = (),
) -> Audience:
    """Create an audience and start computing it; with `destinations`, sending starts at once (F140).

    Raises AudienceError, DefinitionError or ComputationKeyError, each with all its fields; nothing is saved then.
    """
    name = _checked_name(name)
    checked(space=space, definition=definition)
    public_id = new_audience_id()
    audience = Audience.objects.create(
        public_id=public_id,
        space=space,
        name=name,
        key=reserve_key(space=space, name=name, key=key, kind="audience", computation_id=public_id),
        description=description.strip(),
        collection=_collection(definition),
        definition=definition,
        include_anonymous=include_anonymous,
        include_historical=include_historical,
        folder=folder,
        historical_from=None if include_historical else timezone.now(),
        created_by=created_by,
    )
    audit.record(space=space, actor=created_by, action="audience.created", target=audience, after=_snapshot(audience))
    for spec in destinations:
        connect(audience=audience, spec=spec, connected_by=created_by)
    start_run(audience)
    return audience


@transaction.atomic
def update_audience(
    *,
    audience: Audience,
    changed_by: User | None,
    revision: int | None = None,
    name: str | None = None,
    description: str | None = None,
    definition: Any = None,
) -> Audience:
    """Rename, describe or redefine. The key stays; a new definition is computed over everybody.

    Raises ConflictError when `revision` is not the stored one (somebody else edited) or an evaluation is running.
    """
    audience = Audience.objects.select_for_update().select_related("space").get(pk=audience.pk)
    before = _snapshot(audience)
    if revision is not None and revision != audience.revision:
        raise ConflictError("Somebody else changed this audience meanwhile. Reload it and apply your edit again.")
    if name is not None:
        audience.name = _checked_name(name)
    if description is not None:
        audience.description = description.strip()
    redefined = definition is not None and definition != audience.definition
    if redefined:
        checked(space=audience.space, definition=definition, audience=audience)
        if _collection(definition) != audience.collection:
            detail = "An audience keeps its collection. Create a new audience instead."
            raise AudienceError(detail, [FieldError(path="/definition/collection", code="fixed", detail=detail)])
        if is_locked(audience):
            raise ConflictError("An earlier edit is still being computed. Wait until the audience is Live.")
        audience.definition = definition
        audience.revision += 1
        if audience.is_enabled:
            audience.status = ComputeStatus.PREPARING
    audience.save()
    audit.record(
        space=audience.space,
        actor=changed_by,
        action="audience.changed",
        target=audience,
        before=before,
        after=_snapshot(audience),
    )
    if redefined and audience.is_enabled:
        start_run(audience)
    return audience


def is_locked(audience: Audience) -> bool:
    """Whether a full evaluation is open (audiences-and-traits.md §9: locked while the edit runs)."""
    return audience.runs.filter(state__in=[ComputeRun.State.WAITING, ComputeRun.State.RUNNING]).exists()


@transaction.atomic
def set_enabled(*, audience: Audience, is_enabled: bool, changed_by: User | None) -> Audience:
    """Disabled: nothing computes or sends. Enabling computes everybody again and sends the differences."""
    audience = Audience.objects.select_for_update().select_related("space").get(pk=audience.pk)
    if audience.is_enabled == is_enabled:
        return audience
    audience.is_enabled = is_enabled
    audience.status = ComputeStatus.PREPARING if is_enabled else ComputeStatus.DISABLED
    audience.status_detail = ""
    audience.save()
    action = "audience.enabled" if is_enabled else "audience.disabled"
    audit.record(space=audience.space, actor=changed_by, action=action, target=audience)
    if is_enabled:
        start_run(audience)
    else:
        audience.runs.filter(state__in=[ComputeRun.State.WAITING, ComputeRun.State.RUNNING]).update(
            state=ComputeRun.State.CANCELLED, finished_at=timezone.now()
        )
    return audience


@transaction.atomic
def delete_audience(*, audience: Audience, deleted_by: User | None) -> None:
    """Delete a disabled audience that nothing references. The key stays reserved, the last value on the profiles.

    Raises ConflictError while it is enabled or has consumers.
    """
    audience = Audience.objects.select_for_update().select_related("space").get(pk=audience.pk)
    if audience.is_enabled:
        raise ConflictError("Disable the audience first; deleting cannot be undone.")
    used_by = consumers(space=audience.space, audience=audience)
    if used_by:
        names = ", ".join(f"{other.kind} {other.name}" for other in used_by)
        raise ConflictError(f"This audience is used by {names}. Change or delete them first.")
    remove_all(audience=audience, removed_by=deleted_by)
    audience.deleted_at = timezone.now()
    audience.save(update_fields=["deleted_at", "updated_at"])
    audit.record(
        space=audience.space, actor=deleted_by, action="audience.deleted", target=audience, before=_snapshot(audience)
    )
