"""Pause, resume, archive, clone and delete, each asked about first; new versions, restoring and discarding drafts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import ConflictError, InvalidError
from journeys.models import Journey, JourneyVersion
from journeys.selectors.analytics import in_progress
from journeys.selectors.journeys import draft_of
from journeys.services import exchange, lifecycle, versions
from journeys.views.context import chosen_version, get_journey, journey_context, journey_url
from spaces.access import SpaceRequest, space_view
from spaces.models import Role, SpaceKind


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked before an action: the dialog's words. `consequences` are sentences with their counts."""

    title: str
    label: str
    consequences: Callable[[JourneyVersion, int], list[str]]
    tone: str = "primary"
    types_name: bool = False


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def _pause_consequences(version: JourneyVersion, inside: int) -> list[str]:
    return [
        f"Nobody enters {version.journey.name} any more.",
        f"{_people(inside)} in progress go on, and are sent to destinations as before."
        if inside != 1
        else "1 person in progress goes on, and is sent to destinations as before.",
        "People who qualify while entry is paused do not enter when it is resumed.",
    ]


def _resume_consequences(version: JourneyVersion, inside: int) -> list[str]:
    return [
        "People whose entry condition becomes true from now on enter.",
        "People who qualified while entry was paused do not enter.",
        "Editing is locked until the resume has finished.",
    ]


def _archive_consequences(version: JourneyVersion, inside: int) -> list[str]:
    found = [
        f"{_people(inside)} in progress stop where they are." if inside != 1 else "1 person in progress stops there.",
        "Nothing more is sent, no exits either; lists at destinations stay as they are.",
        "The people inside never enter a later version. This cannot be undone.",
    ]
    warning = lifecycle.warning_before_archiving(version)
    return [*found, warning] if warning else found


def _delete_consequences(version: JourneyVersion, inside: int) -> list[str]:
    journey = version.journey
    count = journey.versions.count()
    return [
        f"{journey.name} and its {count} version{'' if count == 1 else 's'} are gone for good.",
        "The journey's keys keep their last values on the profiles and stay reserved.",
        "Nothing is deleted downstream.",
    ]


PAUSE = Question(title="Pause entry?", label="Pause Entry", consequences=_pause_consequences)
RESUME = Question(title="Resume entry?", label="Resume Entry", consequences=_resume_consequences)
ARCHIVE = Question(title="Archive this version?", label="Archive", consequences=_archive_consequences, tone="danger")
DELETE = Question(
    title="Delete this journey?",
    label="Delete journey",
    consequences=_delete_consequences,
    tone="danger",
    types_name=True,
)


def _asked(
    request: SpaceRequest, version: JourneyVersion, question: Question, *, error: str = "", status: int = 200
) -> HttpResponse:
    """The question as a dialog for htmx, else as a page with the same form."""
    journey = version.journey
    inside = in_progress(request.space, [version])[version.pk]
    context = journey_context(request, journey, version, "overview") | {
        "question": question,
        "action": request.path,
        "consequences": question.consequences(version, inside),
        "hidden": {"version": version.number},
        "type_name": journey.name if question.types_name and request.space.kind == SpaceKind.PROD else "",
        "error": error,
        "back_url": journey_url(request, journey, "overview"),
    }
    template = "journeys/_confirm.html" if request.htmx else "journeys/confirm.html"
    return render(request, template, context, status=status)


def _answered(
    request: SpaceRequest, journey_id: str, question: Question, act: Callable[[JourneyVersion], str]
) -> HttpResponse:
    """Ask on GET; on POST do it, say what was done, and show the journey."""
    journey = get_journey(request, journey_id)
    given = request.POST if request.method == "POST" else request.GET
    version = chosen_version(journey, given.get("version", ""))
    if request.method != "POST":
        return _asked(request, version, question)
    try:
        messages.success(request, act(version))
    except InvalidError as error:
        return _asked(request, version, question, error=error.detail, status=422)
    except ConflictError as error:
        messages.error(request, error.detail)
    return redirect(journey_url(request, journey, "overview", version=version.number))


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def pause(request: SpaceRequest, journey_id: str) -> HttpResponse:
    def act(version: JourneyVersion) -> str:
        lifecycle.pause(version=version, paused_by=request.user)
        return f"Entry of {version.journey.name} is paused. People inside go on."

    return _answered(request, journey_id, PAUSE, act)


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def resume(request: SpaceRequest, journey_id: str) -> HttpResponse:
    def act(version: JourneyVersion) -> str:
        resumed = lifecycle.resume(version=version, resumed_by=request.user)
        if resumed.is_resuming:
            return f"Entry of {version.journey.name} is being resumed; what came in before is judged first."
        return f"Entry of {version.journey.name} is open again."

    return _answered(request, journey_id, RESUME, act)


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def archive(request: SpaceRequest, journey_id: str) -> HttpResponse:
    def act(version: JourneyVersion) -> str:
        lifecycle.archive(version=version, archived_by=request.user)
        return f"Version {version.number} of {version.journey.name} is archived. Nothing more is sent."

    return _answered(request, journey_id, ARCHIVE, act)


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def delete(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """In a Prod space the name has to be typed (ux.md §3)."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, "")
    if request.method != "POST":
        return _asked(request, version, DELETE)
    try:
        lifecycle.delete(journey=journey, deleted_by=request.user, confirm=request.POST.get("confirm_name", "").strip())
    except InvalidError as error:
        return _asked(request, version, DELETE, error=error.detail, status=422)
    except ConflictError as error:
        messages.error(request, error.detail)
        return redirect(journey_url(request, journey, "settings"))
    messages.success(request, f"{journey.name} was deleted. Its keys stay reserved.")
    return redirect("journeys:list", space=request.space.slug)


@space_view()
@require_POST
def clone(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """A new journey with this version as its draft, opened in the builder."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, request.POST.get("version", ""))
    copy = lifecycle.clone(version=version, cloned_by=request.user)
    messages.success(request, f"{copy.journey.name} was created from {journey.name}, with keys of its own.")
    return redirect(_builder(request, copy.journey))


@space_view()
@require_POST
def new_version(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """*Edit*: a draft that begins as this version; the one there is when there is one already."""
    journey = get_journey(request, journey_id)
    if draft_of(journey) is None:
        version = chosen_version(journey, request.POST.get("version", ""))
        draft = versions.new_version(journey=journey, from_version=version, created_by=request.user)
        messages.success(request, f"Version {draft.number} is a draft now. What people go through stays as it is.")
    return redirect(_builder(request, journey))


@space_view()
@require_POST
def restore(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """*Restore as draft*: the draft as a version was; it can be undone in the builder."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, request.POST.get("version", ""))
    draft = versions.restore(version=version, author=request.user)
    messages.success(request, f"The draft, version {draft.number}, is as version {version.number} was.")
    return redirect(_builder(request, journey))


@space_view()
@require_POST
def discard(request: SpaceRequest, journey_id: str) -> HttpResponse:
    journey = get_journey(request, journey_id)
    draft = draft_of(journey)
    if draft is None:
        messages.info(request, "There is no draft to discard.")
    else:
        try:
            versions.discard_draft(version=draft, discarded_by=request.user)
        except ConflictError as error:
            messages.error(request, error.detail)
        else:
            messages.success(request, f"The draft of version {draft.number} was discarded.")
    return redirect(journey_url(request, journey, "versions"))


@space_view()
@require_GET
def export(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """A version as a file of definitions.md §3, to be imported into this or another space."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, request.GET.get("version", ""))
    response = HttpResponse(exchange.export_text(version), content_type="application/json; charset=utf-8")
    name = f"{slugify(journey.name) or 'journey'}-v{version.number}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _builder(request: SpaceRequest, journey: Journey) -> str:
    return journey_url(request, journey, "builder") or reverse(
        "journeys:overview", kwargs={"space": request.space.slug, "journey_id": journey.public_id}
    )
