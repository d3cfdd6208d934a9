"""New trait (build, review, create) and the Builder tab of one: its definition as a sentence, preview, save."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.views.decorators.http import require_GET, require_http_methods

from audiences.keys import propose_key
from audiences.views.builder_surface import field_errors
from common.errors import ConflictError, ProductError
from engine import traits as engine
from profiles.models import ACCOUNTS, USERS
from spaces.access import SpaceRequest, space_view
from spaces.models import Role
from traits.builder import definition_of
from traits.forms import TraitConnectionForm
from traits.models import Trait
from traits.selectors.connections import event_destinations, offers
from traits.services.connections import ConnectionSpec
from traits.services.definitions import TraitDefinitionError
from traits.services.origins import origin_named
from traits.services.traits import create_trait, update_trait
from traits.views import drafts, sql
from traits.views.drafts import Draft
from traits.views.surface import Outcome, Surface, answer, carry_out, page_context, problems_of
from traits.views.traits import get_trait, trait_context

COLLECTIONS = {"users": USERS, "accounts": ACCOUNTS}
STEPS = (("build", "Build"), ("review", "Review"))


def _url(request: SpaceRequest, draft_id: str, step: str) -> str:
    query = {"draft": draft_id} | ({"step": step} if step != "build" else {})
    return f"{reverse('traits:new', kwargs={'space': request.space.slug})}?{urlencode(query)}"


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def new(request: SpaceRequest) -> HttpResponse:
    """The wizard; `?step=` build or review, `?draft=` what is being made."""
    draft_id, step = request.GET.get("draft", ""), request.GET.get("step", "build")
    if not drafts.DRAFT_ID.fullmatch(draft_id):
        return redirect(_url(request, get_random_string(12), "build"))
    draft = drafts.load(request, draft_id)
    if draft is None and step == "review":
        messages.info(request, "That draft is no longer kept. Start again here.")
        return redirect(_url(request, draft_id, "build"))
    draft = draft or Draft(id=draft_id)
    return _review(request, draft) if step == "review" else _build(request, draft)


def _new_surface(request: SpaceRequest, draft: Draft, step: str) -> Surface:
    place = [name for name, _ in STEPS].index(step)
    steps = [
        {
            "label": label,
            "url": _url(request, draft.id, name) if index < place else "",
            "is_current": index == place,
            "is_done": index < place,
        }
        for index, (name, label) in enumerate(STEPS)
    ]
    return Surface(
        url=_url(request, draft.id, step), template="traits/builder_new.html", context={"steps": steps, "step": step}
    )


def _build(request: SpaceRequest, draft: Draft) -> HttpResponse:
    surface = _new_surface(request, draft, "build")
    if request.method == "GET":
        return render(request, surface.template, page_context(request, draft, surface, Outcome()))
    op = request.POST.get("op", "refresh")
    outcome = carry_out(request, draft, surface, op)
    if op == "next" and not outcome.problems:
        return redirect(_url(request, draft.id, "review"))
    return answer(request, draft, surface, outcome, op=op)


def _text(posted: QueryDict, name: str) -> str:
    """One line as typed; NUL, which the database cannot hold, is left out."""
    return posted.get(name, "").replace("\x00", "").strip()


def _review(request: SpaceRequest, draft: Draft) -> HttpResponse:
    """Name, key and destinations; **Create Computed Trait** creates, computes and connects."""
    if problems_of(request, draft, None):
        return redirect(_url(request, draft.id, "build"))
    errors: dict[str, str] = {}
    if request.method == "POST":
        draft.name, draft.key = _text(request.POST, "name"), _text(request.POST, "key")
        draft.description = _text(request.POST, "description")
        draft.destinations = request.POST.getlist("destination")
        drafts.keep(request, draft)
        if request.POST.get("op") == "back":
            return redirect(_url(request, draft.id, "build"))
        try:
            return _create(request, draft)
        except ProductError as error:
            errors = field_errors(error.errors) or {"": error.detail}
    surface = _new_surface(request, draft, "review")
    context = surface.context | {
        "draft": draft,
        "fields": draft.fields,
        "form_url": surface.url,
        "errors": errors,
        "origin": origin_named(engine.KINDS[draft.fields.kind].origin),
        "sentence": engine.describe(engine.parse(definition_of(draft.fields))),
        "offers": offers(event_destinations(request.space)),
        "proposed_key": propose_key(space=request.space, name=draft.name),
    }
    return render(request, "traits/builder_review.html", context, status=422 if errors else 200)


def _create(request: SpaceRequest, draft: Draft) -> HttpResponse:
    chosen = [one for one in event_destinations(request.space) if one.public_id in draft.destinations]
    trait = create_trait(
        space=request.space,
        name=draft.name,
        key=draft.key or None,
        definition=definition_of(draft.fields),
        description=draft.description,
        include_historical=draft.include_historical,
        destinations=[
            ConnectionSpec(
                destination=one,
                **TraitConnectionForm(
                    None, destination=one, space=request.space, collection=COLLECTIONS[draft.fields.collection]
                ).spec_values,
            )
            for one in chosen
        ],
        created_by=request.user,
    )
    drafts.forget(request, draft)
    messages.success(request, f"{trait.name} was created. Values appear as they are computed.")
    return redirect("traits:overview", space=request.space.slug, trait_id=trait.public_id)


def _edit_draft(request: SpaceRequest, trait: Trait) -> Draft:
    """The draft that the address names, else one of what is stored."""
    draft_id = request.GET.get("draft", "")
    draft = drafts.load(request, draft_id)
    if draft is None:
        draft = drafts.draft_of(trait.definition, revision=trait.revision, include_historical=trait.include_historical)
        if drafts.DRAFT_ID.fullmatch(draft_id):
            draft.id = draft_id
    return draft


def _edit_surface(request: SpaceRequest, trait: Trait, draft: Draft) -> Surface:
    where = {"space": request.space.slug, "trait_id": trait.public_id}
    return Surface(
        url=f"{reverse('traits:builder', kwargs=where)}?draft={draft.id}",
        template="traits/builder_edit.html",
        trait=trait,
        context=trait_context(request, trait, "builder"),
    )


@space_view()
@require_http_methods(["GET", "POST"])
def builder(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """The definition as a sentence; every button posts the whole form here, `op` says what it does."""
    trait = get_trait(request, trait_id)
    if sql.is_sql(trait):
        return sql.query(request, trait)
    draft = _edit_draft(request, trait)
    surface = _edit_surface(request, trait, draft)
    if request.method == "GET":
        return render(request, surface.template, page_context(request, draft, surface, Outcome()))
    op = request.POST.get("op", "refresh")
    outcome = carry_out(request, draft, surface, op)
    if op == "copy" and not outcome.problems:
        return _copy(request, draft, name=f"{trait.name} (copy)")
    if op == "save" and not outcome.problems:
        return _save(request, trait, draft, surface)
    return answer(request, draft, surface, outcome, op=op)


def _save(request: SpaceRequest, trait: Trait, draft: Draft, surface: Surface) -> HttpResponse:
    definition = definition_of(draft.fields)
    if engine.parse(definition) == engine.parse(trait.definition):
        messages.info(request, "Nothing to save: the definition means what is stored already.")
    else:
        try:
            update_trait(trait=trait, changed_by=request.user, revision=draft.revision, definition=definition)
        except ConflictError as error:
            context = page_context(request, draft, surface, Outcome()) | {"conflict": error.detail}
            return render(request, surface.template, context, status=409)
        except TraitDefinitionError:
            # what it compares with came to depend on it between the check and the saving
            return answer(request, draft, surface, Outcome(problems=problems_of(request, draft, trait)), op="save")
        messages.success(request, "The definition was saved. Everybody is being computed by it.")
    drafts.forget(request, draft)
    return redirect("traits:overview", space=request.space.slug, trait_id=trait.public_id)


def _copy(request: SpaceRequest, draft: Draft, *, name: str) -> HttpResponse:
    """Go on in New with this definition."""
    copy = drafts.draft_of(definition_of(draft.fields), include_historical=draft.include_historical, name=name)
    drafts.keep(request, copy)
    return redirect(_url(request, copy.id, "build"))


@space_view(Role.USER)
@require_GET
def clone(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """New, prefilled with a trait's definition and options. Nothing is created until it is said so there."""
    trait = get_trait(request, trait_id)
    if sql.is_sql(trait):
        return redirect(f"{reverse('traits:sql_new', kwargs={'space': request.space.slug})}?from={trait.public_id}")
    draft = drafts.draft_of(trait.definition, include_historical=trait.include_historical)
    return _copy(request, draft, name=f"{trait.name} (copy)")
