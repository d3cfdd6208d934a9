"""What the page and the API of CSV exports show."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from audiences.models import Audience, AudienceExport
from profiles.models import ObservedField
from profiles.selectors.search import identifier_types

ROWS_A_SECOND = 25_000
"""Measured with two identifiers and five traits; only long exports show an estimate (audiences-and-traits.md §12)."""
WORTH_SAYING_SECONDS = 20
SHOWN = 10
USUAL = ("user_id", "email", "group_id")


@dataclass(frozen=True, kw_only=True)
class ColumnChoices:
    """What can be a column: identifier types, and top-level keys of traits that were seen. `usual` are ticked first."""

    identifiers: list[str]
    traits: list[str]

    @property
    def usual(self) -> list[str]:
        return [name for name in self.identifiers if name in USUAL] or self.identifiers[:1]


def column_choices(audience: Audience) -> ColumnChoices:
    seen = ObservedField.objects.filter(
        space_id=audience.space_id, scope="trait", event_type=audience.collection
    ).values_list("path", flat=True)
    return ColumnChoices(
        identifiers=identifier_types(audience.space, collection=audience.collection),
        traits=sorted({path.partition(".")[0] for path in seen}),
    )


def exports_of(audience: Audience) -> list[AudienceExport]:
    """The latest, newest first."""
    return list(audience.exports.select_related("created_by").order_by("-id")[:SHOWN])


def get_export(audience: Audience, public_id: str) -> AudienceExport | None:
    return audience.exports.select_related("audience", "created_by").filter(public_id=public_id).first()


def estimated_seconds(audience: Audience) -> int | None:
    """About how long a file takes; None when that is not worth saying."""
    seconds = audience.size // ROWS_A_SECOND
    return seconds if seconds > WORTH_SAYING_SECONDS else None


def file_name(export: AudienceExport) -> str:
    return f"{export.audience.key[:80]}-{(export.snapshot_at or timezone.now()):%Y-%m-%d-%H%M}.csv"
