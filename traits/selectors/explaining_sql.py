"""Where a profile's row of a SQL trait came from: the run that wrote it, and the identifier that led to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from common.models import SlicedRun
from profiles.masking import masked_identifier
from profiles.models import ExternalId, Profile
from traits.models import SqlRun, SqlTrait, Trait
from traits.selectors.sql import ShownRun, shown_run
from traits.services.definitions import parsed

ABSENT = "The last run returned no row for this profile, so there is no value."
PRESENT = "The last run returned a row for this profile: whoever is in no row loses the values."
PERHAPS = (
    "The last run either returned a row for this profile or left it out as too large; profiles of rows that are left "
    "out keep what they have."
)
DISABLED = "The trait is disabled: its query does not run, and values stay as they are."
NEVER_RUN = "The query has not run to its end yet."
NO_IDENTIFIER = "The profile has no {id_type}, and rows are found by it."


@dataclass(frozen=True, kw_only=True)
class ExplainedRow:
    """`wrote` is the run that gave the profile the values it has, `last` the last that ended well; None: none is kept.

    Rows lead to profiles by `id_column`, of which the profile has `identifiers`.
    """

    warehouse: str
    warehouse_id: str
    id_column: str
    identifiers: list[str]
    wrote: ShownRun | None
    last: ShownRun | None
    found: str
    next_run_at: datetime | None
    caveat: str

    def as_json(self) -> dict[str, Any]:
        return {
            "warehouse": self.warehouse_id,
            "id_column": self.id_column,
            "identifiers": self.identifiers,
            "found": self.found,
            "written_by_run": None if self.wrote is None else _run(self.wrote.run),
            "last_run": None if self.last is None else _run(self.last.run),
        }


def _run(run: SqlRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "rows_read": run.rows_read,
        "rows_discarded": run.rows_discarded,
    }


def explain_row(
    *, trait: Trait, profile: Profile, has_value: bool, changed_at: datetime | None, shows_pii: bool
) -> ExplainedRow:
    """What is known of the row of a profile; rows themselves are not kept once a run is over."""
    sql = SqlTrait.objects.select_related("source").get(trait=trait)
    definition = parsed(trait)
    runs = SqlRun.objects.filter(trait=trait)
    last = runs.filter(state=SlicedRun.State.DONE).order_by("-id").first()
    wrote = None
    if changed_at is not None:
        is_under_way = Q(finished_at=None) | Q(finished_at__gte=changed_at)
        wrote = runs.filter(is_under_way, started_at__lte=changed_at).order_by("-started_at").first()
    identifiers = list(
        ExternalId.objects.filter(space_id=trait.space_id, profile_id=profile.id, id_type=definition.id_column)
        .order_by("created_at", "value")
        .values_list("original", flat=True)
    )
    return ExplainedRow(
        warehouse=sql.source.name,
        warehouse_id=sql.source.public_id,
        id_column=definition.id_column,
        identifiers=[each if shows_pii else masked_identifier(definition.id_column, each) for each in identifiers],
        wrote=None if wrote is None else shown_run(wrote, shows_pii=shows_pii),
        last=None if last is None else shown_run(last, shows_pii=shows_pii),
        found=_found(definition.id_column, identifiers, last, has_value=has_value),
        next_run_at=sql.next_run_at if trait.is_enabled else None,
        caveat=""
        if trait.is_enabled
        else "The trait is disabled: its query does not run, and values stay as they are.",
    )


def _found(id_column: str, identifiers: list[str], last: SqlRun | None, *, has_value: bool) -> str:
    if not identifiers:
        return NO_IDENTIFIER.format(id_type=id_column)
    if last is None:
        return NEVER_RUN
    if not has_value:
        return ABSENT
    return PERHAPS if last.rows_discarded else PRESENT
