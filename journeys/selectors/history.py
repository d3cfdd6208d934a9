"""What undo and redo of a draft would do, and who changed it last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from journeys.models import JourneyEdit, JourneyVersion
from spaces.models import AuditEntry

DRAFT_ACTIONS = ("journey.created", "journey.draft_saved", "journey.draft_undone", "journey.draft_redone")


@dataclass(frozen=True, kw_only=True)
class History:
    """The labels of the edits that *Undo* and *Redo* would take back and repeat; None when there is nothing."""

    undo: str | None
    redo: str | None


@dataclass(frozen=True, kw_only=True)
class LastChange:
    """Who changed the draft last; `by` is "" for somebody who is gone."""

    by: str
    at: datetime


def history(version: JourneyVersion) -> History:
    """Two look-ups by index: the edit that the draft stands at (undone only if one before it is kept), and the next."""
    labels = dict(
        JourneyEdit.objects.filter(version=version, number__range=(version.edit - 1, version.edit + 1)).values_list(
            "number", "label"
        )
    )
    return History(
        undo=labels.get(version.edit) if version.edit - 1 in labels else None,
        redo=labels.get(version.edit + 1),
    )


def edits(version: JourneyVersion) -> list[JourneyEdit]:
    """The kept edits, newest first, without their definitions."""
    return list(
        JourneyEdit.objects.filter(version=version).select_related("author").defer("definition").order_by("-number")
    )


def last_change(version: JourneyVersion) -> LastChange:
    entry = (
        AuditEntry.objects.filter(
            space_id=version.journey.space_id,
            object_type="journey",
            object_id=version.journey.public_id,
            action__in=DRAFT_ACTIONS,
        )
        .select_related("actor")
        .order_by("-id")
        .first()
    )
    if entry is None:
        return LastChange(by="", at=version.updated_at)
    return LastChange(by=str(entry.actor or ""), at=entry.at)
