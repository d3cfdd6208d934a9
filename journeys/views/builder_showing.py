"""What the builder shows of a version: canvas or outline, header, problems, and the panel at the side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from audiences.models import Audience
from destinations.models import Destination
from engine.journeys.errors import ERROR, JourneyProblem
from engine.journeys.places import ENTRY, step_of
from journeys.canvas.layout import layout
from journeys.canvas.outline import outline
from journeys.canvas.overlays import Mark, Overlay, StepOverlay
from journeys.models import JourneyVersion, VersionState
from journeys.selectors.history import history
from journeys.services.problems import problems_of
from journeys.steps.kinds import Names
from journeys.steps.registry import KINDS
from journeys.steps.titles import called
from journeys.views import builder_panels
from journeys.views.builder_estimates import kept_estimate
from spaces.access import SpaceRequest, rights
from spaces.context import route_url

CANVAS, OUTLINE = "builder", "outline"
CLIP = "journey_clip"


@dataclass(frozen=True, kw_only=True)
class ShownProblem:
    """A problem with the step it is about and the address that shows it."""

    is_error: bool
    title: str
    detail: str
    url: str
    panel: str


def view_of(name: str) -> str:
    return OUTLINE if name == OUTLINE else CANVAS


def page_url(request: SpaceRequest, version: JourneyVersion, view: str = CANVAS, panel: str = "") -> str:
    """The builder or the outline of the journey, with the panel open."""
    where = {"space": request.space.slug, "journey_id": version.journey.public_id}
    url = reverse(f"journeys:{view_of(view)}", kwargs=where)
    return f"{url}?panel={panel}" if panel else url


def names_of(request: SpaceRequest) -> Names:
    """What steps may refer to, by name."""
    destinations = Destination.objects.in_space(request.space).filter(deleted_at=None)
    audiences = Audience.objects.in_space(request.space).live()
    return Names(
        destinations=dict(destinations.values_list("public_id", "name")),
        audiences=dict(audiences.values_list("key", "name")),
    )


def is_editable(request: SpaceRequest, version: JourneyVersion) -> bool:
    return rights(request.member).edit and version.state == VersionState.DRAFT


def builder_context(
    request: SpaceRequest, version: JourneyVersion, *, view: str, panel: str, focus: str = "", **panel_options: Any
) -> dict[str, Any]:
    """Everything that the page and its fragments need. `panel` is "", settings, problems, changes or step:<id>."""
    problems = problems_of(version)
    editable = is_editable(request, version)
    panel = builder_panels.settled(version, panel)
    journey = version.journey
    where = {"space": request.space.slug, "journey_id": journey.public_id}
    context: dict[str, Any] = {
        "journey": journey,
        "version": version,
        "definition": version.definition,
        "view": view,
        "panel": panel,
        "focus": focus,
        "can_change": editable,
        "is_draft": version.state == VersionState.DRAFT,
        "problems": shown_problems(request, version, view, problems),
        "errors": sum(problem.severity == ERROR for problem in problems),
        "warnings": sum(problem.severity != ERROR for problem in problems),
        "history": history(version) if editable else None,
        "clip": clip_of(request),
        "kinds": [kind for kind in KINDS.values() if kind.is_addable],
        "edit_url": reverse("journeys:builder_edit", kwargs=where),
        "add_url": reverse("journeys:builder_add", kwargs=where),
        "canvas_url": page_url(request, version, CANVAS, panel),
        "outline_url": page_url(request, version, OUTLINE, panel),
        "page_url": page_url(request, version, view),
        "settings_url": page_url(request, version, view, "settings"),
        "problems_url": page_url(request, version, view, "problems"),
        "test_url": route_url("journeys:test", request.space, journey_id=journey.public_id),
        "dry_run_url": route_url("journeys:dry_run", request.space, journey_id=journey.public_id),
        "review_url": route_url("journeys:review", request.space, journey_id=journey.public_id),
        "overview_url": route_url("journeys:overview", request.space, journey_id=journey.public_id),
        "new_version_url": route_url("journeys:new_version", request.space, journey_id=journey.public_id),
    }
    shown = overlay_of(request, version, problems, view=view, panel=panel)
    if view == OUTLINE:
        context["items"] = outline(version.definition, shown)
    else:
        context["canvas"] = layout(version.definition, shown)
    context |= builder_panels.panel_context(request, version, panel, problems, editable=editable, **panel_options)
    return context


def overlay_of(
    request: SpaceRequest, version: JourneyVersion, problems: list[JourneyProblem], *, view: str, panel: str
) -> Overlay:
    """The problems on the cards, the estimate of entries, and where the cards lead."""
    steps: dict[str, StepOverlay] = {}
    for problem in sorted(problems, key=lambda each: each.severity != ERROR):
        if problem.step is None:
            continue
        known = steps.get(problem.step)
        mark = known.mark if known else None
        kind = "error" if problem.severity == ERROR or (mark and mark.kind == "error") else "warning"
        text = f"{mark.text}\n{problem.detail}" if mark else problem.detail
        steps[problem.step] = StepOverlay(mark=Mark(kind=kind, text=text))
    if version.state == VersionState.DRAFT:
        text, url = kept_estimate(request, version)
        entry = steps.get(ENTRY, StepOverlay())
        steps[ENTRY] = StepOverlay(mark=entry.mark, note=text, note_url=url)
    base = page_url(request, version, view)
    return Overlay(
        steps=steps,
        href=lambda step_id: f"{base}?panel=step:{step_id}",
        names=names_of(request),
        is_editable=is_editable(request, version),
        selected=panel.partition(":")[2],
    )


def shown_problems(
    request: SpaceRequest, version: JourneyVersion, view: str, problems: list[JourneyProblem]
) -> list[ShownProblem]:
    """Errors first, each with the panel in which it is corrected."""
    found = []
    for problem in sorted(problems, key=lambda each: each.severity != ERROR):
        panel = f"step:{problem.step}" if problem.step else "settings"
        found.append(
            ShownProblem(
                is_error=problem.severity == ERROR,
                title=_title(version.definition, problem),
                detail=problem.detail,
                url=page_url(request, version, view, panel),
                panel=panel,
            )
        )
    return found


def _title(definition: Mapping[str, Any], problem: JourneyProblem) -> str:
    step = step_of(definition, problem.step) if problem.step else None
    return called(step) if step else "Journey"


def clip_of(request: SpaceRequest) -> list[dict[str, Any]]:
    """The steps that this person copied last, in any journey of the space."""
    clip = request.session.get(CLIP)
    return clip["steps"] if isinstance(clip, dict) and clip.get("space") == request.space.pk else []
