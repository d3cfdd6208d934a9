"""Folders of the audience list: create, edit, move audiences, disband (W043). Nothing else depends on them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from audiences.models import Audience, AudienceFolder
from common.errors import InvalidError
from spaces import audit
from spaces.models import Space, User

LONGEST_NAME = 120
LONGEST_DESCRIPTION = 5_000
MOST_MOVED = 1_000


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidError.at("/name", "Give the folder a name.", "required")
    if len(name) > LONGEST_NAME:
        raise InvalidError.at("/name", f"Use at most {LONGEST_NAME} characters; this name has {len(name)}.", "too_long")
    return name


def _name_taken(name: str) -> InvalidError:
    return InvalidError.at("/name", f"This space has a folder {name} already. Choose another name.", "name_taken")


@transaction.atomic
def create_folder(
    *, space: Space, name: str, created_by: User | None, description: str = "", audience_ids: Sequence[str] = ()
) -> AudienceFolder:
    """A new folder with the chosen audiences (public ids) in it. InvalidError at /name or /audiences."""
    name = _checked_name(name)
    try:
        with transaction.atomic():
            folder = AudienceFolder.objects.create(space=space, name=name, description=_described(description))
    except IntegrityError as error:
        raise _name_taken(name) from error
    after = {"name": folder.name, "description": folder.description}
    audit.record(space=space, actor=created_by, action="audience_folder.created", target=folder, after=after)
    if audience_ids:
        move_audiences(space=space, audience_ids=audience_ids, folder=folder, moved_by=created_by)
    return folder


@transaction.atomic
def update_folder(
    *, folder: AudienceFolder, changed_by: User | None, name: str | None = None, description: str | None = None
) -> AudienceFolder:
    """Rename or describe. InvalidError at /name."""
    before = {"name": folder.name, "description": folder.description}
    if name is not None:
        folder.name = _checked_name(name)
    if description is not None:
        folder.description = _described(description)
    try:
        with transaction.atomic():
            folder.save()
    except IntegrityError as error:
        raise _name_taken(folder.name) from error
    after = {"name": folder.name, "description": folder.description}
    audit.record(
        space=folder.space,
        actor=changed_by,
        action="audience_folder.changed",
        target=folder,
        before=before,
        after=after,
    )
    return folder


def _described(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_DESCRIPTION:
        raise InvalidError.at("/description", f"Use at most {LONGEST_DESCRIPTION:,} characters.", "too_long")
    return text


@transaction.atomic
def move_audiences(
    *, space: Space, audience_ids: Sequence[str], folder: AudienceFolder | None, moved_by: User | None
) -> int:
    """Put audiences (public ids) in a folder, None = the main list. Returns how many were elsewhere before.

    InvalidError at /audiences when one of them does not exist; nothing is moved then.
    """
    wanted = list(dict.fromkeys(audience_ids))
    if not wanted:
        raise InvalidError.at("/audiences", "Choose the audiences to move.", "required")
    if len(wanted) > MOST_MOVED:
        raise InvalidError.at("/audiences", f"Move at most {MOST_MOVED:,} audiences at once.", "too_many")
    rows = list(Audience.objects.in_space(space).live().filter(public_id__in=wanted).select_related("folder"))
    known = {row.public_id for row in rows}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise InvalidError.at("/audiences", f"This space has no audience with the id {missing[0]}.", "not_found")
    moved = [row for row in rows if row.folder_id != (folder.pk if folder else None)]
    for row in moved:
        audit.record(
            space=space,
            actor=moved_by,
            action="audience.moved",
            target=row,
            before={"folder": row.folder.name if row.folder else None},
            after={"folder": folder.name if folder else None},
        )
    Audience.objects.filter(pk__in=[row.pk for row in moved]).update(folder=folder)
    return len(moved)


@transaction.atomic
def disband_folder(*, folder: AudienceFolder, disbanded_by: User | None) -> int:
    """Delete the folder; its audiences return to the main list. Returns how many did."""
    count = folder.audiences.filter(deleted_at=None).count()
    audit.record(
        space=folder.space,
        actor=disbanded_by,
        action="audience_folder.disbanded",
        target=folder,
        before={"name": folder.name, "audiences": count},
    )
    folder.audiences.update(folder=None)
    folder.delete()
    return count
