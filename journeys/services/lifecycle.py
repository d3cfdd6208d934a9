"""Pausing and resuming entry, archiving, cloning, deleting and renaming journeys (journeys.md §5)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from audiences.services.locks import lock_space, try_lock_space
from common.errors import ConflictError, InvalidError
from common.tasks import enqueue
from journeys.models import EndReason, Journey, JourneyVersion, VersionState
from journeys.selectors.journeys import ACTIVE, current_of, draft_of
from journeys.services import entry_audiences
from journeys.services.drafts import create_journey, lock_version, save_draft
from journeys.services.ending import request_ending
from journeys.services.naming import (
    checked_description,
    checked_name,
    free_name,
    lock_names,
    rename_row,
)
from journeys.services.publishing import disconnect_unused
from journeys.services.versions import lock_journey
from journeys.tasks import finish_resumes as finish_resumes_task
from spaces import audit
from spaces.models import SpaceKind, User


@transaction.atomic
def pause(*, version: JourneyVersion, paused_by: User | None, now: datetime | None = None) -> JourneyVersion:
    """Nobody enters any more; people inside go on. ConflictError unless the version is published."""
    locked = _locked(version)
    if locked.state != VersionState.PUBLISHED:
        raise ConflictError(_not_possible(locked, "Only a published version can be paused."))
    locked.state, locked.paused_at = VersionState.PAUSED, now or timezone.now()
    locked.save(update_fields=["state", "paused_at", "updated_at"])
    _record(locked, "journey.paused", paused_by, before=VersionState.PUBLISHED)
    return locked


@transaction.atomic
def resume(*, version: JourneyVersion, resumed_by: User | None, now: datetime | None = None) -> JourneyVersion:
    """Let people enter again whose condition becomes true from now on; who qualified while paused does not enter.

    What happened before and is not judged yet is judged first: until then the version `is_resuming` and editing is
    locked. ConflictError unless the version is paused; a draining one cannot be resumed.
    """
    locked = _locked(version)
    now = now or timezone.now()
    if locked.state == VersionState.DRAINING:
        raise ConflictError("A newer version was published, so this one drains and cannot be resumed.")
    if locked.state != VersionState.PAUSED:
        raise ConflictError(_not_possible(locked, "Only a paused version can be resumed."))
    if locked.is_resuming:
        return locked
    locked.entries_from, locked.is_resuming = now, True
    locked.save(update_fields=["entries_from", "is_resuming", "updated_at"])
    _record(locked, "journey.resumed", resumed_by, before=VersionState.PAUSED)
    if not _finish_resume(locked):
        enqueue(finish_resumes_task)
    return locked


def finish_resumes() -> int:
    """Let the entries of versions go on whose backlog has been judged. Returns how many are still behind."""
    behind = 0
    for version in JourneyVersion.objects.filter(is_resuming=True).select_related("journey", "journey__space"):
        with transaction.atomic():
            if not try_lock_space(version.journey.space_id):
                behind += 1
                continue
            locked = lock_version(version)
            if locked is not None and locked.is_resuming and not _finish_resume(locked):
                behind += 1
    return behind


def _finish_resume(version: JourneyVersion) -> bool:
    """Under the space's lock, so that no evaluation is under way."""
    if version.entries_from is not None and entry_audiences.is_behind(version, version.entries_from):
        return False
    version.state, version.is_resuming, version.paused_at = VersionState.PUBLISHED, False, None
    version.save(update_fields=["state", "is_resuming", "paused_at", "updated_at"])
    return True


@transaction.atomic
def archive(*, version: JourneyVersion, archived_by: User | None, now: datetime | None = None) -> JourneyVersion:
    """End the version: nobody enters, progress stops, nothing more is sent, lists stay as they are, data is kept.

    Its people never enter a later version. ConflictError for a draft and for what is archived already.
    """
    locked = _locked(version)
    if locked.state not in ACTIVE:
        raise ConflictError(_not_possible(locked, "Only a version that was published can be archived."))
    now = now or timezone.now()
    before = VersionState(locked.state)
    locked.state, locked.archived_at, locked.is_resuming = VersionState.ARCHIVED, now, False
    locked.save(update_fields=["state", "archived_at", "is_resuming", "updated_at"])
    entry_audiences.stop(locked)
    request_ending(version=locked, reason=EndReason.ARCHIVED, now=now)
    disconnect_unused(locked.journey, actor=archived_by)
    _record(locked, "journey.archived", archived_by, before=before)
    return locked


@transaction.atomic
def clone(*, version: JourneyVersion, name: str = "", cloned_by: User | None) -> JourneyVersion:
    """A new journey with this version as its draft: new computation ids and new keys, so nothing is shared (F011)."""
    space = version.journey.space
    lock_names(space)
    copy = create_journey(
        space=space,
        name=name or free_name(space=space, name=version.journey.name),
        description=version.journey.description,
        definition=version.definition,
        created_by=cloned_by,
    )
    audit.record(
        space=space,
        actor=cloned_by,
        action="journey.cloned",
        target=version.journey,
        after={"version": version.number, "clone": copy.journey.name, "clone_id": copy.journey.public_id},
    )
    return copy


@transaction.atomic
def delete(*, journey: Journey, deleted_by: User | None, confirm: str | None = None) -> None:
    """Delete a journey of which no version is active. Step values on profiles stay as they are, keys stay reserved.

    In a Prod space `confirm` must be the journey's name. ConflictError while a version is active.
    """
    lock_space(journey.space_id)
    locked = lock_journey(journey)
    active = locked.versions.filter(state__in=ACTIVE).order_by("number").first()
    if active is not None:
        state = VersionState(active.state).label.lower()
        raise ConflictError(f"Version {active.number} is {state}. Archive it first; deleting cannot be undone.")
    if locked.space.kind == SpaceKind.PROD and confirm != locked.name:
        detail = f"Deleting cannot be undone. Confirm it with the name of the journey: {locked.name}."
        raise InvalidError.at("/confirm", detail, "required")
    for version in locked.versions.all():
        entry_audiences.delete(version)
    disconnect_unused(locked, actor=deleted_by)
    locked.deleted_at = timezone.now()
    locked.save(update_fields=["deleted_at", "updated_at"])
    audit.record(
        space=locked.space,
        actor=deleted_by,
        action="journey.deleted",
        target=locked,
        before={"name": locked.name, "description": locked.description, "versions": locked.versions.count()},
    )


@transaction.atomic
def update_journey(
    *, journey: Journey, name: str | None = None, description: str | None = None, changed_by: User | None
) -> Journey:
    """Rename or describe, whatever its state; keys stay. The name of the draft and the running version follow.

    Raises InvalidError at /name or /description.
    """
    locked = lock_journey(journey)
    before = {"name": locked.name, "description": locked.description}
    if description is not None:
        locked.description = checked_description(description)
        locked.save(update_fields=["description", "updated_at"])
    if name is not None:
        lock_names(locked.space)
        checked = checked_name(space=locked.space, name=name, journey=locked)
        if checked != locked.name:
            rename_row(locked, checked)
            _carry_name(locked, checked, changed_by)
    after = {"name": locked.name, "description": locked.description}
    if after != before:
        audit.record(
            space=locked.space, actor=changed_by, action="journey.changed", target=locked, before=before, after=after
        )
    return locked


def _carry_name(journey: Journey, name: str, changed_by: User | None) -> None:
    current = current_of(journey)
    if current is not None:
        current.definition = {**current.definition, "name": name}
        current.save(update_fields=["definition", "updated_at"])
    draft = draft_of(journey)
    if draft is not None:
        save_draft(
            version=draft,
            definition={**draft.definition, "name": name},
            revision=draft.revision,
            label="Rename journey",
            author=changed_by,
        )


def warning_before_archiving(version: JourneyVersion) -> str:
    """What to know before a draining version is archived (journeys.md §5.2); "" when there is nothing."""
    if version.state != VersionState.DRAINING or version.definition["settings"]["exit_after"] is None:
        return ""
    if current_of(version.journey) is None:
        return ""
    return (
        f"People still inside version {version.number} could enter the newer version after their exit. If this one is "
        "archived now they can never enter it."
    )


def _locked(version: JourneyVersion) -> JourneyVersion:
    """Under the space's lock: no evaluation moves people meanwhile."""
    lock_space(version.journey.space_id)
    locked = lock_version(version)
    if locked is None:
        raise ConflictError("This version was discarded, or its journey deleted.")
    return locked


def _not_possible(version: JourneyVersion, rule: str) -> str:
    return f"{rule} Version {version.number} is {VersionState(version.state).label.lower()}."


def _record(version: JourneyVersion, action: str, actor: User | None, *, before: VersionState) -> None:
    audit.record(
        space=version.journey.space,
        actor=actor,
        action=action,
        target=version.journey,
        before={"version": None, "state": before.value},
        after={"version": version.number, "state": version.state},
    )
