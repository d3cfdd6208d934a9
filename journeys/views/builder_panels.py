"""The panel beside the canvas: the palette, the sheet of a step, the settings, the problems, what others changed."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from audiences.builder.reading import rows_of
from audiences.builder.rows import Group
from audiences.selectors.preview import PreviewReport
from audiences.views.builder_surface import row_problems, rows_context
from engine.journeys.editing import title_of
from engine.journeys.errors import ERROR, JourneyProblem
from engine.journeys.places import ENTRY, Place, StepJson, entry_of, place_of, step_of, steps_of
from journeys.models import JourneyVersion
from journeys.selectors.history import edits
from journeys.services.keys import SENDING, step_rows
from journeys.services.sending import destinations_in
from journeys.steps.durations import UNITS
from journeys.steps.kinds import StepKind
from journeys.steps.registry import kind_of
from journeys.steps.titles import called
from journeys.views.builder_forms import REENTRY_UNITS, can_set, settings_fields
from journeys.views.settings_facts import settings_facts
from spaces.access import SpaceRequest

SETTINGS, PROBLEMS, CHANGES = "settings", "problems", "changes"


def settled(version: JourneyVersion, panel: str) -> str:
    """The panel if there is such a thing, else ""."""
    kind, _, step = panel.partition(":")
    if kind == "step" and step_of(version.definition, step) is not None:
        return panel
    return panel if panel in {SETTINGS, PROBLEMS, CHANGES} else ""


def panel_context(
    request: SpaceRequest,
    version: JourneyVersion,
    panel: str,
    problems: list[JourneyProblem],
    *,
    editable: bool,
    **options: Any,
) -> dict[str, Any]:
    """What the panel's template needs. Options are those of `step_context` and `form` of the settings."""
    kind, _, step_id = panel.partition(":")
    if kind == "step":
        step = step_of(version.definition, step_id)
        if step is not None:
            return {"panel_kind": "step"} | step_context(
                request, version, step, problems, **{name: options[name] for name in options if name != "form"}
            )
    if panel == SETTINGS:
        own = [problem for problem in problems if problem.step is None]
        fields = options.get("form") or settings_fields(version)
        return {
            "panel_kind": SETTINGS,
            "form": fields,
            "reentry_units": REENTRY_UNITS,
            "journey_problems": own,
            "can_set": can_set(version),
        }
    if panel == CHANGES:
        return {"panel_kind": CHANGES, "edits": edits(version)[:30]}
    return {"panel_kind": panel or "palette"} | (
        {} if panel or editable else {"settings_facts": settings_facts(version)}
    )


def step_context(
    request: SpaceRequest,
    version: JourneyVersion,
    step: StepJson,
    problems: list[JourneyProblem],
    *,
    rows: Group | None = None,
    field: str = "",
    shows_errors: bool = True,
    preview: PreviewReport | None = None,
    preview_error: str = "",
) -> dict[str, Any]:
    """The sheet of a step. `rows`: the condition as it was posted; `field` gets the focus."""
    kind = kind_of(step.get("type"))
    where = {"space": request.space.slug, "journey_id": version.journey.public_id, "step_id": step["id"]}
    place = place_of(step)
    context: dict[str, Any] = {
        "step": step,
        "kind": kind,
        "sheet": kind.sheet if kind else "",
        "step_title": title_of(step),
        "step_url": reverse("journeys:builder_step", kwargs=where),
        "delete_url": reverse("journeys:builder_delete", kwargs=where),
        "move_url": reverse("journeys:builder_move", kwargs=where),
        "step_problems": problems_at(problems, step["id"]),
        "before": _place_words(version, place) if place else "",
        "units": UNITS,
        "preview": preview,
        "preview_error": preview_error,
        "is_entry": step["id"] == ENTRY,
    }
    if field:
        context["focus"] = field
    if kind is not None:
        context |= kind.fields(step, version.definition)
        if kind.has_condition:
            context |= _condition_context(request, step, rows, shows_errors=shows_errors, field=field)
    if step.get("type") in SENDING:
        row = step_rows(version.journey).get(step["id"])
        context |= {
            "step_key": row.key if row else "",
            "found": destinations_in(request.space, step),
            "is_ad": step["type"] == "show_ad",
        }
    return context


def _condition_context(
    request: SpaceRequest, step: StepJson, rows: Group | None, *, shows_errors: bool, field: str
) -> dict[str, Any]:
    shown = rows if rows is not None else rows_of(step.get("condition"))
    found = row_problems(request.space, shown) if shows_errors and shown.children else []
    context = rows_context(request.space, shown, found)
    # the units of a duration are plain words elsewhere in the sheet
    condition_units = context.pop("units")
    return {**context, "condition_units": condition_units, "has_rows": bool(shown.children)}


def problems_at(problems: list[JourneyProblem], step_id: str) -> list[dict[str, Any]]:
    return [
        {"is_error": problem.severity == ERROR, "detail": problem.detail}
        for problem in sorted(problems, key=lambda each: each.severity != ERROR)
        if problem.step == step_id
    ]


def _place_words(version: JourneyVersion, place: Place) -> str:
    return next((words for other, words in places_in_words(version) if other == place), "")


def places_in_words(version: JourneyVersion) -> list[tuple[Place, str]]:
    """Every place of the journey with its name, such as: after Bought?, Buyers."""
    found = []
    for step in (entry_of(version.definition), *steps_of(version.definition)):
        kind: StepKind | None = kind_of(step.get("type"))
        if kind is None or step.get("type") == "connect":
            continue
        branches = kind.branches(step)
        if branches:
            words = f"of {called(step)}"
            found += [(Place(step["id"], each.id), f"on the branch {each.name} {words}") for each in branches]
        else:
            found.append((Place(step["id"]), f"after {called(step)}"))
    return found
