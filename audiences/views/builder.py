"""The Builder tab of an audience: edit its definition, see what would change, save."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from audiences.models import Audience
from audiences.services.audiences import update_audience
from audiences.services.cloning import portable
from audiences.services.definitions import DefinitionError
from audiences.views import builder_drafts
from audiences.views.audiences import audience_context, get_audience
from audiences.views.builder_drafts import Draft
from audiences.views.builder_surface import (
    Outcome,
    Surface,
    answer,
    carry_out,
    definition_of,
    page_context,
    problems_of,
)
from common.errors import ConflictError
from engine import conditions
from spaces.access import SpaceRequest, allows, space_view
from spaces.models import Role, Space
from spaces.selectors import memberships_of, spaces_of


def _surface(request: SpaceRequest, audience: Audience, draft: Draft) -> Surface:
    where = {"space": request.space.slug, "audience_id": audience.public_id}
    return Surface(
        url=f"{reverse('audiences:builder', kwargs=where)}?draft={draft.id}",
        template="audiences/builder_edit.html",
        audience=audience,
        context=audience_context(request, audience, "builder"),
    )


def _draft(request: SpaceRequest, audience: Audience) -> Draft:
    """The draft that the address names, else one of what is stored."""
    draft_id = request.GET.get("draft", "")
    draft = builder_drafts.load(request, draft_id)
    if draft is None:
        draft = builder_drafts.draft_of(
            audience.definition,
            revision=audience.revision,
            include_anonymous=audience.include_anonymous,
            include_historical=audience.include_historical,
        )
        if builder_drafts.DRAFT_ID.fullmatch(draft_id):
            draft.id = draft_id
    return draft


def _means_the_same(definition: object, audience: Audience) -> bool:
    """Whether a definition says what is stored already, however it is written."""
    try:
        return conditions.parse(definition) == conditions.parse(audience.definition)
    except conditions.ConditionError:
        return False


@space_view()
@require_http_methods(["GET", "POST"])
def builder(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """The definition as a sentence; every button posts the whole form here, `op` says what it does."""
    audience = get_audience(request, audience_id)
    draft = _draft(request, audience)
    if request.method == "GET":
        surface = _surface(request, audience, draft)
        return render(request, surface.template, page_context(request, draft, surface, Outcome()))
    op = request.POST.get("op", "refresh")
    surface = _surface(request, audience, draft)
    outcome = carry_out(request, draft, surface, op)
    if op == "copy" and not outcome.problems:
        return _copy(request, draft, name=f"{audience.name} (copy)")
    if op == "save" and not outcome.problems:
        return _save(request, audience, draft, surface)
    return answer(request, draft, surface, outcome, op=op)


def _save(request: SpaceRequest, audience: Audience, draft: Draft, surface: Surface) -> HttpResponse:
    definition = definition_of(draft)
    if _means_the_same(definition, audience):
        messages.info(request, "Nothing to save: the definition means what is stored already.")
    else:
        try:
            update_audience(audience=audience, changed_by=request.user, revision=draft.revision, definition=definition)
        except ConflictError as error:
            context = page_context(request, draft, surface, Outcome()) | {"conflict": error.detail}
            return render(request, surface.template, context, status=409)
        except DefinitionError:
            # an audience it refers to went away between the check and the saving
            outcome = Outcome(problems=problems_of(request, draft, audience))
            return answer(request, draft, surface, outcome, op="save")
        messages.success(request, "The definition was saved. Everybody is being evaluated by it.")
    builder_drafts.forget(request, draft)
    return redirect("audiences:overview", space=request.space.slug, audience_id=audience.public_id)


def _copy(request: SpaceRequest, draft: Draft, *, name: str, space: Space | None = None) -> HttpResponse:
    """Go on in New with these rows, in another space if one is given."""
    copy = builder_drafts.draft_of(
        None,
        include_anonymous=draft.include_anonymous,
        include_historical=draft.include_historical,
        name=name,
    )
    copy.fields, copy.collection, copy.description = draft.fields, draft.collection, draft.description
    space = space or request.space
    builder_drafts.keep(request, copy, space=space)
    query = urlencode({"draft": copy.id})
    return redirect(f"{reverse('audiences:new', kwargs={'space': space.slug})}?{query}")


@space_view(Role.USER)
@require_GET
def clone(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """New, prefilled with an audience's definition and options, in this space or that of `?into=`.

    Nothing is created until it is said so there; what the other space lacks is shown in its configure step.
    """
    audience = get_audience(request, audience_id)
    others = _other_spaces(request)
    wanted = request.GET.get("into", "")
    if not wanted and others:
        context = audience_context(request, audience, "overview") | {"others": others}
        return render(request, "audiences/audience_clone.html", context)
    space = next((other for other in others if other.slug == wanted), request.space)
    if wanted not in {"", space.slug}:
        raise Http404("There is no such space, or you cannot change audiences there.")
    draft = builder_drafts.draft_of(
        portable(audience, space),
        include_anonymous=audience.include_anonymous,
        include_historical=audience.include_historical,
        description=audience.description,
    )
    return _copy(request, draft, name=f"{audience.name} (copy)", space=space)


def _other_spaces(request: SpaceRequest) -> list[Space]:
    """Spaces in which the user may make audiences, other than this one."""
    roles = {member.workspace_id: member for member in memberships_of(request.user)}
    return [
        space
        for space in spaces_of(request.user)
        if space.pk != request.space.pk and allows(roles[space.workspace_id], Role.USER)
    ]
