"""How the builder answers an edit: for htmx the parts that changed, without script a redirect or the whole page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from audiences.services.definitions import DefinitionError
from common.errors import ConflictError
from engine.journeys.editing import EditError
from journeys.models import JourneyVersion
from journeys.selectors import journeys as selectors
from journeys.services.drafts import StaleDraftError
from journeys.views.builder_showing import builder_context, page_url, view_of
from spaces.access import SpaceRequest

PAGES = {"builder": "journeys/builder.html", "outline": "journeys/outline.html"}


@dataclass(frozen=True, kw_only=True)
class Alert:
    """What went wrong, above the canvas. `is_conflict`: somebody else saved; offer to look, reload or copy."""

    text: str
    errors: tuple[str, ...] = ()
    is_conflict: bool = False
    posted: str = ""
    step_id: str = ""
    base: str = ""


def edited_version(request: SpaceRequest, journey_id: str) -> JourneyVersion:
    """The draft, else the version that people go through; Http404 for an unknown journey."""
    journey = selectors.get_journey(request.space, journey_id)
    if journey is None:
        raise Http404("This space has no such journey.")
    return selectors.draft_of(journey) or selectors.shown_of(journey)


def revision_in(request: SpaceRequest, version: JourneyVersion) -> int:
    """The revision that the form was made from. A form without one is as old as can be."""
    text = request.POST.get("revision", "")
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def carry_out(
    request: SpaceRequest, version: JourneyVersion, act: Callable[[], JourneyVersion], *, step_id: str = ""
) -> tuple[JourneyVersion, Alert | None, int]:
    """Do it, or say why not: (the version as it is then, the alert, the HTTP status)."""
    try:
        return act(), None, 200
    except EditError as error:
        return version, Alert(text=error.detail), 422
    except DefinitionError as error:
        details = tuple(f"{problem.path}: {problem.detail}" for problem in error.errors)
        return version, Alert(text="This cannot be saved.", errors=details), 422
    except StaleDraftError as error:
        alert = Alert(
            text=error.detail,
            is_conflict=True,
            posted=request.POST.urlencode(),
            step_id=step_id,
            base=request.POST.get("edit", ""),
        )
        return version, alert, 409
    except ConflictError as error:
        return version, Alert(text=error.detail), 409


def answer(
    request: SpaceRequest,
    version: JourneyVersion,
    *,
    panel: str,
    shows_panel: bool = True,
    focus: str = "",
    alert: Alert | None = None,
    status: int = 200,
    **panel_options: Any,
) -> HttpResponse:
    """`panel` is open now; `focus` is the step (card-<id>) or field to focus. Nothing but the alert on a refusal."""
    view = view_of(request.POST.get("view", request.GET.get("view", "")))
    if not request.htmx and alert is None:
        return redirect(page_url(request, version, view, panel))
    if request.htmx and alert is not None:
        context = {"alert": alert, "journey": version.journey, "version": version, "view": view, "is_oob": True}
        return render(request, "journeys/_builder_alert.html", context, status=status)
    context = builder_context(request, version, view=view, panel=panel, focus=focus, **panel_options)
    context |= {"alert": alert, "shows_panel": shows_panel}
    if not request.htmx:
        return render(request, PAGES[view], context, status=status)
    return render(request, "journeys/_builder_edited.html", context, status=status)


def say(request: SpaceRequest, text: str) -> None:
    """Only without script: the page after the redirect says so."""
    if not request.htmx:
        messages.success(request, text)
