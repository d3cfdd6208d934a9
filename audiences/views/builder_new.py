"""New audience: build, choose destinations, review, create. The draft is kept under the id in the address."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.views.decorators.http import require_GET, require_http_methods

from audiences.builder.rows import EventRow, Group
from audiences.keys import propose_key
from audiences.selectors.folders import folder_list, get_folder
from audiences.selectors.preview import PreviewError, PreviewReport, preview_report
from audiences.services.audiences import create_audience
from audiences.views import builder_drafts
from audiences.views.builder_destinations import first_syncs, offers_of, specs_of, take_choices
from audiences.views.builder_drafts import Draft
from audiences.views.builder_surface import (
    Outcome,
    Surface,
    answer,
    carry_out,
    definition_of,
    field_errors,
    page_context,
    problems_of,
)
from common.errors import ProductError
from engine import conditions
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

STEPS = (("build", "Build"), ("destinations", "Destinations"), ("review", "Review"))


def _url(request: SpaceRequest, draft_id: str, step: str) -> str:
    query = {"draft": draft_id} | ({"step": step} if step != "build" else {})
    return f"{reverse('audiences:new', kwargs={'space': request.space.slug})}?{urlencode(query)}"


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def new(request: SpaceRequest) -> HttpResponse:
    """The wizard; `?step=` build, destinations or review, `?draft=` what is being made."""
    draft_id, step = request.GET.get("draft", ""), request.GET.get("step", "build")
    if not builder_drafts.DRAFT_ID.fullmatch(draft_id):
        return redirect(_url(request, get_random_string(12), "build"))
    draft = builder_drafts.load(request, draft_id)
    if draft is None and step != "build":
        messages.info(request, "That draft is no longer kept. Start again here.")
        return redirect(_url(request, draft_id, "build"))
    if draft is None:
        draft = Draft(id=draft_id, fields=[])
        draft.rows = Group(children=[EventRow()])
    if step == "destinations":
        return _destinations(request, draft)
    return _review(request, draft) if step == "review" else _build(request, draft)


def _surface(request: SpaceRequest, draft: Draft, step: str) -> Surface:
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
        url=_url(request, draft.id, step), template="audiences/builder_new.html", context={"steps": steps, "step": step}
    )


def _build(request: SpaceRequest, draft: Draft) -> HttpResponse:
    surface = _surface(request, draft, "build")
    if request.method == "GET":
        return render(request, surface.template, page_context(request, draft, surface, Outcome()))
    op = request.POST.get("op", "refresh")
    outcome = carry_out(request, draft, surface, op)
    if op == "next" and not outcome.problems:
        return redirect(_url(request, draft.id, "destinations"))
    return answer(request, draft, surface, outcome, op=op)


def _destinations(request: SpaceRequest, draft: Draft) -> HttpResponse:
    """The space's destinations, event and list types apart, each with its setup; may be skipped."""
    offers = offers_of(request.space, draft, request.POST if request.method == "POST" else None)
    is_wrong = False
    if request.method == "POST":
        is_valid = take_choices(draft, offers)
        builder_drafts.keep(request, draft)
        wants_rows = any(offer.form.wants_rows for offer in offers if offer.is_chosen)
        if request.POST.get("op") == "back":
            return redirect(_url(request, draft.id, "build"))
        if is_valid and not wants_rows:
            return redirect(_url(request, draft.id, "review"))
        is_wrong = not wants_rows
    surface = _surface(request, draft, "destinations")
    context = surface.context | {
        "draft": draft,
        "form_url": surface.url,
        "kinds": [
            ("event", "Send as events", "one call per change, at once", [o for o in offers if not o.is_list]),
            ("list", "Send as User List", "in batches at a cadence", [o for o in offers if o.is_list]),
        ],
        "has_offers": bool(offers),
    }
    return render(request, "audiences/builder_destinations.html", context, status=422 if is_wrong else 200)


def _text(posted: QueryDict, name: str, default: str = "") -> str:
    """One line as typed; NUL, which the database cannot hold, is left out."""
    return posted.get(name, default).replace("\x00", "").strip()


def _review(request: SpaceRequest, draft: Draft) -> HttpResponse:
    """Name, key and estimate; **Create Audience** creates, computes and connects."""
    if problems_of(request, draft, None):
        return redirect(_url(request, draft.id, "build"))
    errors: dict[str, str] = {}
    if request.method == "POST":
        draft.name = _text(request.POST, "name")
        draft.key = _text(request.POST, "key")
        draft.description = _text(request.POST, "description")
        draft.folder = _text(request.POST, "folder")
        builder_drafts.keep(request, draft)
        if request.POST.get("op") == "back":
            return redirect(_url(request, draft.id, "destinations"))
        try:
            return _create(request, draft)
        except ProductError as error:
            errors = field_errors(error.errors) or {"": error.detail}
    surface = _surface(request, draft, "review")
    definition = definition_of(draft)
    report, too_slow = _report(request, draft)
    offers = offers_of(request.space, draft)
    members = None if report is None else report.total
    context = surface.context | {
        "draft": draft,
        "form_url": surface.url,
        "errors": errors,
        "sentence": conditions.describe(conditions.parse(definition)),
        "members": members,
        "too_slow": too_slow,
        "chosen": [offer for offer in offers if offer.is_chosen],
        "syncs": first_syncs(request.space, draft, offers) if members is not None else [],
        "folders": folder_list(request.space),
        "proposed_key": propose_key(space=request.space, name=draft.name),
    }
    return render(request, "audiences/builder_review.html", context, status=422 if errors else 200)


def _create(request: SpaceRequest, draft: Draft) -> HttpResponse:
    audience = create_audience(
        space=request.space,
        name=draft.name,
        key=draft.key or None,
        definition=definition_of(draft),
        description=draft.description,
        folder=get_folder(request.space, draft.folder) if draft.folder else None,
        include_anonymous=draft.include_anonymous,
        include_historical=draft.include_historical,
        destinations=specs_of(draft, offers_of(request.space, draft)),
        created_by=request.user,
    )
    builder_drafts.forget(request, draft)
    messages.success(request, f"{audience.name} was created. The first members are being found.")
    return redirect("audiences:overview", space=request.space.slug, audience_id=audience.public_id)


def _report(request: SpaceRequest, draft: Draft) -> tuple[PreviewReport | None, str]:
    try:
        return (
            preview_report(
                space=request.space,
                definition=definition_of(draft),
                include_anonymous=draft.include_anonymous,
                historical_from=None if draft.include_historical else timezone.now(),
            ),
            "",
        )
    except PreviewError as error:
        return None, error.detail


@space_view(Role.USER)
@require_GET
def key(request: SpaceRequest) -> HttpResponse:
    """The field of the key that a name would give, for the review page while the name is typed."""
    name = request.GET.get("name", "")
    context = {"key": propose_key(space=request.space, name=name), "name": name, "error": ""}
    return render(request, "audiences/_builder_key.html", context)
