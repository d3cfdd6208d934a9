"""New audience: build, choose destinations, review, create. The draft is kept under the id in the address."""

from __future__ import annotations

from dataclasses import dataclass
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
from audiences.selectors.preview import PreviewError, PreviewReport, preview_report
from audiences.services.audiences import create_audience
from audiences.services.connections import ConnectionSpec
from audiences.views import builder_drafts
from audiences.views.builder_drafts import Choice, Draft
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
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from engine import conditions
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

LONGEST_EVENT = 255
STEPS = (("build", "Build"), ("destinations", "Destinations"), ("review", "Review"))


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A destination that the audience can be sent to, and what was chosen for it."""

    destination: Destination
    definition: DestinationDefinition
    choice: Choice
    is_chosen: bool

    @property
    def is_list(self) -> bool:
        return self.definition.kind == "list"

    @property
    def takes_identify(self) -> bool:
        return self.is_list or "identify" in self.definition.supported

    @property
    def takes_track(self) -> bool:
        return self.is_list or "track" in self.definition.supported


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The first sync of one destination: `calls` to be made and about how many seconds they take; None = no cap."""

    offer: Offer
    calls: int
    seconds: float | None


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


def _offers(request: SpaceRequest, draft: Draft) -> list[Offer]:
    found = []
    for destination in Destination.objects.in_space(request.space).filter(deleted_at=None).order_by("name"):
        definition = catalog.definition(destination.connector)
        if definition is None:
            continue
        choice = draft.choices.get(destination.public_id)
        blank = Choice(
            send_identify=definition.kind == "list" or "identify" in definition.supported,
            send_track=definition.kind == "list" or "track" in definition.supported,
        )
        found.append(
            Offer(
                destination=destination,
                definition=definition,
                choice=choice or blank,
                is_chosen=choice is not None,
            )
        )
    return found


def _destinations(request: SpaceRequest, draft: Draft) -> HttpResponse:
    """The space's destinations, event and list types apart; may be skipped."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        draft.choices = _choices(request.POST, [offer.destination for offer in _offers(request, draft)])
        builder_drafts.keep(request, draft)
        if request.POST.get("op") == "back":
            return redirect(_url(request, draft.id, "build"))
        errors = {name: text for name, choice in draft.choices.items() if (text := _wrong(choice))}
        if not errors:
            return redirect(_url(request, draft.id, "review"))
    surface = _surface(request, draft, "destinations")
    offers = _offers(request, draft)
    context = surface.context | {
        "draft": draft,
        "form_url": surface.url,
        "kinds": [
            ("event", "Send as events", "one call per change, at once", [o for o in offers if not o.is_list]),
            ("list", "Send as User List", "in batches at a cadence", [o for o in offers if o.is_list]),
        ],
        "has_offers": bool(offers),
        "errors": errors,
    }
    return render(request, "audiences/builder_destinations.html", context, status=422 if errors else 200)


def _choices(posted: QueryDict, destinations: list[Destination]) -> dict[str, Choice]:
    chosen = set(posted.getlist("destination"))
    found = {}
    for destination in destinations:
        name = destination.public_id
        if name in chosen:
            found[name] = Choice(
                send_identify=posted.get(f"{name}.send_identify") == "1",
                send_track=posted.get(f"{name}.send_track") == "1",
                enter_event=_text(posted, f"{name}.enter_event", "Audience Entered"),
                exit_event=_text(posted, f"{name}.exit_event", "Audience Exited"),
            )
    return found


def _text(posted: QueryDict, name: str, default: str = "") -> str:
    """One line as typed; NUL, which the database cannot hold, is left out."""
    return posted.get(name, default).replace("\x00", "").strip()


def _wrong(choice: Choice) -> str:
    if not choice.send_identify and not choice.send_track:
        return "Choose at least one call: Identify, Track, or both."
    if choice.send_track and not (choice.enter_event and choice.exit_event):
        return "Name both events."
    if max(len(choice.enter_event), len(choice.exit_event)) > LONGEST_EVENT:
        return f"Use at most {LONGEST_EVENT} characters for the name of an event."
    if choice.send_track and choice.enter_event == choice.exit_event:
        return "Give the two events different names, so that entering and leaving can be told apart."
    return ""


def _review(request: SpaceRequest, draft: Draft) -> HttpResponse:
    """Name, key and estimate; **Create Audience** creates, computes and connects."""
    if problems_of(request, draft, None):
        return redirect(_url(request, draft.id, "build"))
    errors: dict[str, str] = {}
    if request.method == "POST":
        draft.name = _text(request.POST, "name")
        draft.key = _text(request.POST, "key")
        draft.description = _text(request.POST, "description")
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
    chosen = [offer for offer in _offers(request, draft) if offer.is_chosen]
    members = None if report is None else report.total
    context = surface.context | {
        "draft": draft,
        "form_url": surface.url,
        "errors": errors,
        "sentence": conditions.describe(conditions.parse(definition)),
        "members": members,
        "too_slow": too_slow,
        "chosen": chosen,
        "estimates": [_estimate(offer, members) for offer in chosen]
        if members is not None and draft.include_historical
        else [],
        "proposed_key": propose_key(space=request.space, name=draft.name),
    }
    return render(request, "audiences/builder_review.html", context, status=422 if errors else 200)


def _create(request: SpaceRequest, draft: Draft) -> HttpResponse:
    specs = [
        ConnectionSpec(
            destination=offer.destination,
            send_identify=offer.choice.send_identify,
            send_track=offer.choice.send_track,
            enter_event=offer.choice.enter_event or "Audience Entered",
            exit_event=offer.choice.exit_event or "Audience Exited",
        )
        for offer in _offers(request, draft)
        if offer.is_chosen
    ]
    audience = create_audience(
        space=request.space,
        name=draft.name,
        key=draft.key or None,
        definition=definition_of(draft),
        description=draft.description,
        include_anonymous=draft.include_anonymous,
        include_historical=draft.include_historical,
        destinations=specs,
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


def _estimate(offer: Offer, members: int) -> Estimate:
    """One call a kind and member; lists go in the vendor's batches, once an interval, one request after another."""
    if offer.is_list:
        requests = -(-members // offer.definition.batch_size)
        rate = offer.definition.requests_per_second
        return Estimate(offer=offer, calls=requests, seconds=requests / rate if rate else None)
    calls = members * (offer.choice.send_identify + offer.choice.send_track)
    rate = offer.definition.requests_per_second
    return Estimate(offer=offer, calls=calls, seconds=calls / rate if rate else None)


@space_view(Role.USER)
@require_GET
def key(request: SpaceRequest) -> HttpResponse:
    """The field of the key that a name would give, for the review page while the name is typed."""
    name = request.GET.get("name", "")
    context = {"key": propose_key(space=request.space, name=name), "name": name, "error": ""}
    return render(request, "audiences/_builder_key.html", context)
