"""Creating journeys and editing their drafts: autosave with revisions, undo and redo (ux.md §3, Drafts)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction

from audiences.services.definitions import DefinitionError
from common.errors import ConflictError
from journeys.models import Journey, JourneyEdit, JourneyVersion, VersionState
from journeys.selectors.history import last_change
from journeys.services.definitions import blank, canonical
from journeys.services.keys import sync_steps, type_problems
from journeys.services.naming import (
    checked_description,
    checked_name,
    free_name,
    is_usable,
    journey_key,
    lock_names,
    name_is_taken,
    rename_row,
)
from spaces import audit
from spaces.models import Space, User

LABEL_LENGTH = 200
KEPT_EDITS = 100
CREATED = "Create"


class StaleDraftError(ConflictError):
    """Somebody saved the draft after it was read. Says who and when, and the revision that is stored now."""

    code: ClassVar[str] = "stale_revision"

    def __init__(self, *, revision: int, changed_by: str, changed_at: datetime) -> None:
        self.revision, self.changed_by, self.changed_at = revision, changed_by, changed_at
        who = changed_by or "Somebody"
        super().__init__(
            f"{who} saved this draft at {changed_at:%H:%M:%S} UTC; it is at revision {revision} now. Look at the "
            "changes, reload it and apply your edit again, or save yours as a copy. Nothing was overwritten."
        )


@transaction.atomic
def create_journey(
    *, space: Space, name: str, description: str = "", definition: Any = None, created_by: User | None
) -> JourneyVersion:
    """A journey with version 1 as its draft. `name` replaces the name in the definition, which may be incomplete.

    Raises InvalidError at /name (missing, too long, taken), DefinitionError with all problems of the form.
    """
    lock_names(space)
    name = checked_name(space=space, name=name)
    stored = blank(name) if definition is None else canonical(_named(definition, name))
    journey = Journey.objects.create(
        space=space,
        name=name,
        description=checked_description(description),
        key=journey_key(name),
        created_by=created_by,
    )
    version = add_version(journey=journey, number=1, definition=stored, created_by=created_by)
    audit.record(
        space=space,
        actor=created_by,
        action="journey.created",
        target=journey,
        after={"name": name, "description": journey.description, "steps": len(stored["steps"])},
    )
    return version


def add_version(
    *, journey: Journey, number: int, definition: Mapping[str, Any], created_by: User | None
) -> JourneyVersion:
    """A draft with its rows and its first edit. The caller has checked that the journey may have one."""
    version = JourneyVersion.objects.create(
        journey=journey, number=number, definition=dict(definition), created_by=created_by
    )
    JourneyEdit.objects.create(
        version=version, number=0, label=CREATED, definition=version.definition, author=created_by
    )
    sync_steps(version)
    return version


@transaction.atomic
def save_draft(
    *, version: JourneyVersion, definition: Any, revision: int, label: str = "", author: User | None
) -> JourneyVersion:
    """Store the definition, which may be incomplete, as the next edit. `label` names it for undo ("Delete Delay").

    Raises StaleDraftError (409) when `revision` is not the stored one, ConflictError for a version that is no draft,
    DefinitionError with all problems of the form; nothing changes then. The same definition again changes nothing.
    """
    stored = canonical(definition)
    locked = lock_draft(version)
    if stored == locked.definition:
        return locked
    _require_revision(locked, revision)
    problems = type_problems(locked, stored)
    if problems:
        raise DefinitionError(problems[0].detail, problems)
    JourneyEdit.objects.filter(version=locked, number__gt=locked.edit).delete()
    locked.edit += 1
    JourneyEdit.objects.create(
        version=locked,
        number=locked.edit,
        label=(label.strip() or "Edit")[:LABEL_LENGTH],
        definition=stored,
        author=author,
    )
    JourneyEdit.objects.filter(version=locked, number__lt=locked.edit - KEPT_EDITS).delete()
    _store(locked, stored)
    _record(locked, "journey.draft_saved", label, author)
    return locked


@transaction.atomic
def undo(*, version: JourneyVersion, revision: int, author: User | None) -> JourneyVersion:
    """Take the last edit back. ConflictError when there is none (the last 100 are kept), StaleDraftError as saving."""
    locked = lock_draft(version)
    _require_revision(locked, revision)
    edits = {edit.number: edit for edit in locked.edits.filter(number__in=[locked.edit, locked.edit - 1])}
    if locked.edit - 1 not in edits:
        raise ConflictError("There is nothing to undo.")
    label = edits[locked.edit].label
    locked.edit -= 1
    _store(locked, edits[locked.edit].definition)
    _record(locked, "journey.draft_undone", label, author)
    return locked


@transaction.atomic
def redo(*, version: JourneyVersion, revision: int, author: User | None) -> JourneyVersion:
    """Repeat the edit that was taken back last. ConflictError when there is none."""
    locked = lock_draft(version)
    _require_revision(locked, revision)
    edit = locked.edits.filter(number=locked.edit + 1).first()
    if edit is None:
        raise ConflictError("There is nothing to redo.")
    locked.edit += 1
    _store(locked, edit.definition)
    _record(locked, "journey.draft_redone", edit.label, author)
    return locked


@transaction.atomic
def save_mine_as_copy(*, version: JourneyVersion, definition: Any, author: User | None) -> JourneyVersion:
    """What was refused as stale becomes a journey of its own, "Copy of …". Raises DefinitionError as saving does."""
    space = version.journey.space
    lock_names(space)
    name = free_name(space=space, name=version.journey.name)
    return create_journey(
        space=space,
        name=name,
        description=version.journey.description,
        definition=definition,
        created_by=author,
    )


def lock_draft(version: JourneyVersion) -> JourneyVersion:
    """The draft as it is now, locked. ConflictError when it was published, discarded or deleted meanwhile."""
    locked = lock_version(version)
    if locked is None or locked.state != VersionState.DRAFT:
        raise ConflictError("This version is not a draft any more. Reload the page; start a new version to change it.")
    return locked


def lock_version(version: JourneyVersion) -> JourneyVersion | None:
    """The version as it is now; None when it is gone. Its journey is locked first, by everybody who changes either."""
    Journey.objects.select_for_update(no_key=True).filter(pk=version.journey_id).first()
    return (
        JourneyVersion.objects.select_for_update(of=("self",))
        .select_related("journey", "journey__space", "journey__space__workspace")
        .filter(pk=version.pk, journey__deleted_at=None)
        .first()
    )


def _named(definition: Any, name: str) -> Any:
    return {**definition, "name": name} if isinstance(definition, Mapping) else definition


def _require_revision(version: JourneyVersion, revision: int) -> None:
    if revision != version.revision:
        last = last_change(version)
        raise StaleDraftError(revision=version.revision, changed_by=last.by, changed_at=last.at)


def _store(version: JourneyVersion, definition: dict[str, Any]) -> None:
    version.definition = definition
    version.revision += 1
    version.save(update_fields=["definition", "revision", "edit", "updated_at"])
    _follow_name(version)
    sync_steps(version)


def _follow_name(version: JourneyVersion) -> None:
    """Until the journey is published it is called as its draft says, as far as that is a name that it may have."""
    journey = version.journey
    name = " ".join(str(version.definition.get("name") or "").split())
    if name == journey.name or not is_usable(name):
        return
    if journey.versions.exclude(state=VersionState.DRAFT).exists():
        return
    lock_names(journey.space)
    if not name_is_taken(journey.space, name, journey):
        rename_row(journey, name)


def _record(version: JourneyVersion, action: str, label: str, author: User | None) -> None:
    audit.record(
        space=version.journey.space,
        actor=author,
        action=action,
        target=version.journey,
        after={"version": version.number, "revision": version.revision, "edit": label.strip()[:LABEL_LENGTH] or "Edit"},
    )
