"""The Builder tab of an audience: edit its definition, see what would change, save."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from audiences.models import Audience
from audiences.services.audiences import update_audience
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
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


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


def _copy(request: SpaceRequest, draft: Draft, *, name: str) -> HttpResponse:
    """Go on in New with these rows."""
    copy = builder_drafts.draft_of(
        None,
        include_anonymous=draft.include_anonymous,
        include_historical=draft.include_historical,
        name=name,
    )
    copy.fields, copy.collection = draft.fields, draft.collection
    builder_drafts.keep(request, copy)
    query = urlencode({"draft": copy.id})
    return redirect(f"{reverse('audiences:new', kwargs={'space': request.space.slug})}?{query}")


@space_view(Role.USER)
@require_GET
def clone(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """New, prefilled with an audience's definition and options. Nothing is created until it is said so there."""
    audience = get_audience(request, audience_id)
    draft = builder_drafts.draft_of(
        audience.definition,
        include_anonymous=audience.include_anonymous,
        include_historical=audience.include_historical,
    )
    return _copy(request, draft, name=f"{audience.name} (copy)")
