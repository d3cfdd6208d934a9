"""Versions of a journey: starting a new one, taking an old one up again, throwing a draft away (journeys.md §5.2)."""

from __future__ import annotations

from django.db import transaction

from common.errors import ConflictError
from journeys.models import Journey, JourneyVersion, VersionState
from journeys.selectors.journeys import current_of, draft_of, shown_of, versions_of
from journeys.services.drafts import add_version, lock_draft, save_draft
from spaces import audit
from spaces.models import User

MAX_VERSIONS = 25


@transaction.atomic
def new_version(
    *, journey: Journey, from_version: JourneyVersion | None = None, created_by: User | None
) -> JourneyVersion:
    """A draft that begins as `from_version` (default: the one that takes people, else the last).

    Raises ConflictError: a draft exists (there is one at a time), 25 versions, an entry is being resumed.
    """
    journey = lock_journey(journey)
    refuse_while_resuming(journey)
    versions = versions_of(journey)
    draft = next((one for one in versions if one.state == VersionState.DRAFT), None)
    if draft is not None:
        raise ConflictError(
            f"Version {draft.number} is a draft already, and a journey has one draft at a time. "
            "Publish it or discard it first."
        )
    if len(versions) >= MAX_VERSIONS:
        raise ConflictError(f"A journey has at most {MAX_VERSIONS} versions. Clone it to go on.")
    base = from_version or shown_of(journey)
    version = add_version(
        journey=journey,
        number=versions[0].number + 1,
        definition={**base.definition, "name": journey.name},
        created_by=created_by,
    )
    audit.record(
        space=journey.space,
        actor=created_by,
        action="journey.version_created",
        target=journey,
        after={"version": version.number, "from_version": base.number},
    )
    return version


@transaction.atomic
def restore(*, version: JourneyVersion, author: User | None) -> JourneyVersion:
    """The draft as this version was: a new draft, or the next edit of the one there is (so it can be undone)."""
    journey = lock_journey(version.journey)
    draft = draft_of(journey)
    if draft is None:
        return new_version(journey=journey, from_version=version, created_by=author)
    if draft.pk == version.pk:
        return draft
    return save_draft(
        version=draft,
        definition={**version.definition, "name": draft.definition.get("name", "")},
        revision=draft.revision,
        label=f"Restore version {version.number}",
        author=author,
    )


@transaction.atomic
def discard_draft(*, version: JourneyVersion, discarded_by: User | None) -> None:
    """Throw a draft away. ConflictError for the only version of a journey: delete the journey instead."""
    journey = lock_journey(version.journey)
    draft = lock_draft(version)
    if not journey.versions.exclude(pk=draft.pk).exists():
        raise ConflictError("This draft is all there is of the journey. Delete the journey instead.")
    audit.record(
        space=journey.space,
        actor=discarded_by,
        action="journey.draft_discarded",
        target=journey,
        before={"version": draft.number, "definition": draft.definition},
    )
    draft.delete()


def lock_journey(journey: Journey) -> Journey:
    """The journey, locked: its versions come and go one at a time. ConflictError when it was deleted."""
    locked: Journey | None = (
        Journey.objects.select_for_update(no_key=True, of=("self",))
        .select_related("space", "space__workspace")
        .filter(pk=journey.pk, deleted_at=None)
        .first()
    )
    if locked is None:
        raise ConflictError("This journey was deleted.")
    return locked


def refuse_while_resuming(journey: Journey) -> None:
    """Editing is locked until a resume has finished (journeys.md §5)."""
    current = current_of(journey)
    if current is not None and current.is_resuming:
        raise ConflictError("The entry of this journey is being resumed. Editing is possible once that has finished.")
