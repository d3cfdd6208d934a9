"""The builder and the outline of a journey: the pages, the menu of a plus point, and what asks before it deletes."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from audiences.selectors.preview import PreviewError
from audiences.services.definitions import DefinitionError
from engine.journeys import editing
from engine.journeys.editing import EditError
from engine.journeys.places import Place, places_after, step_of
from journeys.models import JourneyVersion
from journeys.services import drafts
from journeys.steps.registry import KINDS
from journeys.steps.titles import called
from journeys.views.builder_answers import PAGES, answer, carry_out, edited_version, revision_in, say
from journeys.views.builder_edits import StepForm, edited_by_op, place_in, targets_in
from journeys.views.builder_estimates import estimate as count_entries
from journeys.views.builder_estimates import matching
from journeys.views.builder_forms import can_set, posted_settings
from journeys.views.builder_panels import places_in_words
from journeys.views.builder_showing import CANVAS, CLIP, OUTLINE, builder_context, clip_of, page_url, view_of
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def builder(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """The canvas with the panel of `?panel=`; for htmx only the panel."""
    return _page(request, edited_version(request, journey_id), CANVAS)


@space_view()
@require_GET
def outline(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """The same journey as a nested list, complete without mouse and script (ux.md §8.3)."""
    return _page(request, edited_version(request, journey_id), OUTLINE)


def _page(request: SpaceRequest, version: JourneyVersion, view: str) -> HttpResponse:
    context = builder_context(request, version, view=view, panel=request.GET.get("panel", ""))
    if request.htmx and request.htmx.target == "builder-panel":
        return render(request, "journeys/_builder_panel.html", context)
    return render(request, PAGES[view], context)


@space_view(Role.USER)
@require_POST
def edit(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """One edit: `op`, its `target` and place, the `revision` it builds on (ux.md §8.2)."""
    version = edited_version(request, journey_id)
    op = request.POST.get("op", "")
    if op == "copy":
        return _copied(request, version)
    if op == "delete" and request.POST.get("confirmed") != "1" and _asks_first(version, targets_in(request.POST)):
        return _asking(request, version, targets_in(request.POST)[0])
    panel = request.POST.get("panel", "")
    focus = ""

    def act() -> JourneyVersion:
        nonlocal focus, panel
        revision = revision_in(request, version)
        if op == "undo":
            return drafts.undo(version=version, revision=revision, author=request.user)
        if op == "redo":
            return drafts.redo(version=version, revision=revision, author=request.user)
        edited = edited_by_op(version.definition, request.POST, clip_of(request))
        if op == "cut":
            raise EditError("Copy the steps first, then delete them.")
        focus = edited.focus
        panel = f"step:{focus}" if op in {"add", "connect", "paste"} else panel
        return drafts.save_draft(
            version=version, definition=edited.definition, revision=revision, label=edited.label, author=request.user
        )

    changed, alert, status = carry_out(request, version, act)
    return answer(request, changed, panel=panel, focus=f"card-{focus}" if focus else "", alert=alert, status=status)


@space_view(Role.USER)
@require_POST
def step(request: SpaceRequest, journey_id: str, step_id: str) -> HttpResponse:
    """The sheet of a step: every change of its form is saved; `op` says what a button does (StepForm)."""
    version = edited_version(request, journey_id)
    form = StepForm(request.space, request.POST)

    def act() -> JourneyVersion:
        edited = form.edited(version.definition, step_id)
        if not edited.label:
            return version
        return drafts.save_draft(
            version=version,
            definition=edited.definition,
            revision=revision_in(request, version),
            label=edited.label,
            author=request.user,
        )

    changed, alert, status = carry_out(request, version, act, step_id=step_id)
    options: dict[str, Any] = {"rows": form.rows, "field": form.field, "shows_errors": form.op == "preview"}
    if form.op == "preview" and alert is None:
        options |= _preview(request, changed, step_id)
    return answer(
        request,
        changed,
        panel=f"step:{step_id}",
        shows_panel=form.is_structural or form.op == "preview",
        alert=alert,
        status=status,
        **options,
    )


def _preview(request: SpaceRequest, version: JourneyVersion, step_id: str) -> dict[str, Any]:
    found = step_of(version.definition, step_id) or {}
    if not found.get("condition"):
        return {"preview_error": "Add a condition first."}
    try:
        report = matching(request.space, found["condition"], include_anonymous=step_id != "entry")
    except PreviewError as error:
        return {"preview_error": error.detail}
    except DefinitionError:
        return {"preview_error": "Complete the conditions first; what is missing is marked."}
    return {"preview": report}


@space_view(Role.USER)
@require_POST
def settings(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """Name, entry and exit settings of the draft."""
    version = edited_version(request, journey_id)
    form = posted_settings(request.POST)
    form.check()

    def act() -> JourneyVersion:
        settings = form.settings if can_set(version) else version.definition.get("settings") or {}
        edited = editing.set_journey(version.definition, name=" ".join(form.name.split()), settings=settings)
        return drafts.save_draft(
            version=version,
            definition=edited.definition,
            revision=revision_in(request, version),
            label=edited.label,
            author=request.user,
        )

    changed, alert, status = carry_out(request, version, act)
    if form.errors and alert is None:
        status = 422
    return answer(
        request, changed, panel="settings", shows_panel=bool(form.errors), alert=alert, status=status, form=form
    )


@space_view(Role.USER)
@require_POST
def copy_mine(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """After a conflict: the refused edit, applied to what it was made from, becomes a journey of its own."""
    version = edited_version(request, journey_id)
    posted, step_id = QueryDict(request.POST.get("posted", "")), request.POST.get("step", "")
    number = request.POST.get("base", "")
    base = version.edits.filter(number=int(number)).first() if number.isdecimal() and len(number) < 10 else None
    definition = base.definition if base else version.definition
    try:
        if step_id:
            definition = StepForm(request.space, posted).edited(definition, step_id).definition
        else:
            definition = edited_by_op(definition, posted, clip_of(request)).definition
    except EditError:
        pass  # the copy holds what the edit was made from; the edit itself does not fit it
    copy = drafts.save_mine_as_copy(version=version, definition=definition, author=request.user)
    return redirect(page_url(request, copy, view_of(request.POST.get("view", ""))))


@space_view()
@require_GET
def add(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """What can be added at a place: kinds of steps, the copied steps, existing steps to go on at."""
    version = edited_version(request, journey_id)
    place = place_in(request.GET)
    before = step_of(version.definition, place.step)
    if before is None or place not in places_after(before):
        raise Http404("Nothing can be added there any more.")
    only_condition = before.get("type") == "multi_branch"
    kinds = [kind for kind in KINDS.values() if kind.is_addable and (not only_condition or kind.type == "condition")]
    groups: dict[str, list[Any]] = {}
    for kind in kinds:
        groups.setdefault(kind.group, []).append(kind)
    context = _base(request, version) | {
        "place": f"{place.step}:{place.branch}" if place.branch else place.step,
        "place_words": dict(places_in_words(version)).get(place, ""),
        "groups": list(groups.items()),
        "targets": [
            (each["id"], called(each))
            for each in ([] if only_condition else editing.targets(version.definition, place))
        ],
        "clip": clip_of(request),
    }
    template = "journeys/_builder_add.html" if request.htmx else "journeys/builder_add.html"
    return render(request, template, context)


@space_view(Role.USER)
@require_GET
def delete(request: SpaceRequest, journey_id: str, step_id: str) -> HttpResponse:
    """Asks before a step is deleted: what goes with it, which branch to keep."""
    return _asking(request, edited_version(request, journey_id), step_id)


@space_view(Role.USER)
@require_GET
def move(request: SpaceRequest, journey_id: str, step_id: str) -> HttpResponse:
    """Where a step can move to, as a list of places."""
    version = edited_version(request, journey_id)
    moved = step_of(version.definition, step_id)
    if moved is None or step_id == "entry":
        raise Http404("There is no such step that can move.")
    context = _base(request, version) | {
        "step": moved,
        "title": called(moved),
        "places": [_offered(place, words) for place, words in _open_places(version, step_id)],
    }
    return render(request, "journeys/builder_move.html", context)


def _open_places(version: JourneyVersion, step_id: str) -> list[tuple[Place, str]]:
    found = []
    for place, words in places_in_words(version):
        try:
            editing.move_steps(version.definition, [step_id], place)
        except EditError:
            continue
        found.append((place, words))
    return found


def _offered(place: Place, words: str) -> dict[str, str]:
    return {"value": f"{place.step}:{place.branch}" if place.branch else place.step, "words": words}


@space_view()
@require_GET
def estimate(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """How many match the entry condition now, as the text of the entry card's note."""
    return HttpResponse(count_entries(request, edited_version(request, journey_id)), content_type="text/plain")


def _base(request: SpaceRequest, version: JourneyVersion) -> dict[str, Any]:
    view = view_of(request.GET.get("view", ""))
    where = {"space": request.space.slug, "journey_id": version.journey.public_id}
    return {
        "journey": version.journey,
        "version": version,
        "view": view,
        "edit_url": reverse("journeys:builder_edit", kwargs=where),
        "page_url": page_url(request, version, view),
    }


def _asks_first(version: JourneyVersion, chosen: list[str]) -> bool:
    """Whether other steps go with the only one that is deleted, so that a person must know."""
    if len(chosen) != 1 or step_of(version.definition, chosen[0]) is None:
        return False
    found = editing.dependents(version.definition, chosen[0])
    return bool(found.steps or found.connects)


def _asking(request: SpaceRequest, version: JourneyVersion, step_id: str) -> HttpResponse:
    asked = step_of(version.definition, step_id)
    if asked is None or step_id == "entry":
        raise Http404("There is no such step that can be deleted.")
    kind = KINDS.get(str(asked.get("type")))
    choices = [
        {"id": branch.id, "name": branch.name, **_going(version, step_id, branch.id)}
        for branch in (kind.branches(asked) if kind else ())
    ]
    context = _base(request, version) | {
        "view": view_of(request.POST.get("view", request.GET.get("view", ""))),
        "step": asked,
        "title": called(asked),
        "choices": choices,
        "all": _going(version, step_id, ""),
    }
    if request.htmx:
        return render(request, "journeys/_builder_delete_dialog.html", context)
    return render(request, "journeys/builder_delete.html", context)


def _going(version: JourneyVersion, step_id: str, keep: str) -> dict[str, list[str]]:
    found = editing.dependents(version.definition, step_id, keep=keep)
    by_id = {each["id"]: called(each) for each in version.definition["steps"]}
    return {
        "steps": [called(each) for each in found.steps if each["type"] != "connect"],
        "connects": [by_id.get(str(each.get("to")), "a step") for each in found.connects],
    }


def _copied(request: SpaceRequest, version: JourneyVersion) -> HttpResponse:
    """Remember the steps for pasting, also into other journeys of the space."""
    panel = request.POST.get("panel", "")

    def act() -> JourneyVersion:
        steps = editing.clip(version.definition, targets_in(request.POST))
        request.session[CLIP] = {"space": request.space.pk, "steps": steps}
        count = len(steps)
        say(request, "1 step copied. Choose where to paste it." if count == 1 else f"{count} steps copied.")
        return version

    changed, alert, status = carry_out(request, version, act)
    return answer(request, changed, panel=panel, shows_panel=not panel, alert=alert, status=status)
