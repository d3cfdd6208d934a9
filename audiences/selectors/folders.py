"""Folders of the audience list."""

from __future__ import annotations

from django.db.models import Count, Q

from audiences.models import AudienceFolder, AudiencePurpose
from spaces.models import Space


def folder_list(space: Space) -> list[AudienceFolder]:
    """By name, each with `size`: how many audiences are in it."""
    shown = Q(audiences__deleted_at=None, audiences__purpose=AudiencePurpose.AUDIENCE)
    rows = AudienceFolder.objects.in_space(space).annotate(size=Count("audiences", filter=shown))
    return sorted(rows, key=lambda row: row.name.lower())


def get_folder(space: Space, public_id: str) -> AudienceFolder | None:
    found: AudienceFolder | None = (
        AudienceFolder.objects.in_space(space).select_related("space").filter(public_id=public_id).first()
    )
    return found
