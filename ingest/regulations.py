"""Settings, Privacy: requests to suppress or delete people, and how far they are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import ConflictError, InvalidError
from common.forms import ProductForm
from common.keyset import keyset_page
from destinations.models import DeletionForward
from ingest.deletion import forwarding, requests
from ingest.deletion.job import STEPS
from profiles.models import Profile, Regulation
from profiles.selectors.search import profile_by_segment_id
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

Kind = Regulation.Kind
# What each step does, as the page of a request says it.
STEP_WORDS = {
    "drain": "Waiting for calls that were received before the request",
    "people": "Deleting the profile, its identifiers, memberships and journeys",
    "events": "Deleting events",
    "strays": "Looking for calls of merged profiles",
    "calls": "Taking back and cleaning calls to destinations",
    "requests": "Cleaning received requests",
    "copies": "Cleaning samples, tests, files and the audit trail",
    "warehouses": "Deleting rows in warehouses",
    "forward": "Waiting for destinations",
    "last": "Last look",
    "warehouses_again": "Last look at warehouses",
}
TABLE_WORDS = {
    "identifiers": "identifiers",
    "profile": "profile",
    "external_id": "identifiers of the profile",
    "profile_alias": "Segment IDs of merged profiles",
    "account_link": "links to accounts",
    "membership": "memberships of audiences",
    "trait_value": "values of computed traits",
    "journey_run": "journey runs",
    "event": "events",
    "identity_issue": "identity issues",
    "delivery": "calls taken back before they were sent",
    "delivery_log": "sent calls cleaned",
    "list_change": "list changes taken back",
    "inbound_log": "received messages cleaned",
    "rejected_message": "rejected messages cleaned",
    "observed_field": "fields whose samples were cleaned",
    "files": "CSV files",
    "warehouse_rows": "rows deleted in warehouses",
    "destinations_eventtest": "test events",
    "journeys_journeyscenario": "journey scenarios",
    "journeys_dryrun": "dry runs",
    "spaces_auditentry": "audit entries cleaned",
    "echo_request": "requests to the echo receiver",
}


class RegulationForm(ProductForm):
    kind = forms.ChoiceField(
        label="What should happen?",
        choices=Kind.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what should happen."},
    )
    identifier = forms.CharField(
        label="Identifier",
        max_length=600,
        required=False,
        help_text="As type:value, such as email:ann@example.com or user_id:7291. All identifiers of the same profile "
        "count too.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    confirm = forms.BooleanField(
        label="I know that a deletion cannot be undone",
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("kind") in {Kind.DELETE, Kind.DELETE_AND_SUPPRESS} and not values.get("confirm"):
            self.add_error("confirm", "Confirm that the person's data is to be deleted for good.")
        return values


@space_view()
@require_GET
def regulations(request: SpaceRequest) -> HttpResponse:
    rows = Regulation.objects.in_space(request.space).select_related("asked_by")
    kind = request.GET.get("kind", "")
    if kind in Kind.values:
        rows = rows.filter(kind=kind)
    page = keyset_page(rows, after=request.GET.get("after", ""), before=request.GET.get("before", ""), size=50)
    shown = {
        "page": page,
        "rows": [{"row": row, "identifiers": _identifiers(row), "percent": percent(row)} for row in page.rows],
        "kind": kind if kind in Kind.values else "",
        "kinds": Kind.choices,
    }
    return render(request, "ingest/regulations.html", shown)


@space_view(write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def regulation_new(request: SpaceRequest) -> HttpResponse:
    """A request about the profile of `?profile=`, or about whom the identifier names."""
    profile = _profile(request)
    initial = {"kind": request.GET.get("kind", ""), "identifier": ""}
    form = RegulationForm(request.POST or None, initial=initial)
    if profile is not None:
        del form.fields["identifier"]
    if request.method == "POST" and form.is_valid():
        made = form.carry_out(lambda: _ask(request, form, profile))
        if made is not None:
            messages.success(request, f"{made.get_kind_display()}: the request was taken.")
            return redirect("ingest:regulation", space=request.space.slug, regulation_id=made.public_id)
    shown = {"form": form, "profile": profile, "suppressing": _suppressing(request, profile)}
    return render(request, "ingest/regulation_new.html", shown, status=422 if request.method == "POST" else 200)


@space_view()
@require_GET
def regulation(request: SpaceRequest, regulation_id: str) -> HttpResponse:
    row = _regulation(request, regulation_id)
    steps = list(STEPS)
    place = steps.index(row.step) if row.step in steps else 0
    shown = {
        "row": row,
        "identifiers": _identifiers(row),
        "step": STEP_WORDS.get(row.step, ""),
        "steps_done": place,
        "steps": len(steps),
        "counts": [(TABLE_WORDS.get(table, table.replace("_", " ")), count) for table, count in row.counts.items()],
        "forwards": row.forwards.select_related("destination"),
        "suppressed": row.suppressions.filter(is_temporary=False).count(),
    }
    partial = request.htmx or request.GET.get("live")
    return render(request, "ingest/_regulation.html" if partial else "ingest/regulation.html", shown)


@space_view(write=Role.ADMIN)
@require_POST
def regulation_lift(request: SpaceRequest, regulation_id: str) -> HttpResponse:
    made = requests.lift_regulation(regulation=_regulation(request, regulation_id), actor=request.user)
    messages.success(request, "Calls with these identifiers are taken in again.")
    return redirect("ingest:regulation", space=request.space.slug, regulation_id=made.public_id)


@space_view(write=Role.ADMIN)
@require_POST
def regulation_resume(request: SpaceRequest, regulation_id: str) -> HttpResponse:
    row = _regulation(request, regulation_id)
    requests.resume(regulation=row, actor=request.user)
    messages.success(request, "The request goes on.")
    return redirect("ingest:regulation", space=request.space.slug, regulation_id=row.public_id)


@space_view(write=Role.ADMIN)
@require_POST
def forward_settle(request: SpaceRequest, regulation_id: str, forward_id: int) -> HttpResponse:
    """Ask a destination again, or note that somebody sees to it there."""
    row = _regulation(request, regulation_id)
    forward = get_object_or_404(DeletionForward, regulation=row, pk=forward_id)
    if not row.is_open or forward.state not in {DeletionForward.State.WAITING, DeletionForward.State.FAILED}:
        raise ConflictError("Nothing is open with this destination.")
    if request.POST.get("by_hand"):
        forwarding.settle_by_hand(forward, now=timezone.now())
    else:
        forwarding.try_again(forward, now=timezone.now())
    return redirect("ingest:regulation", space=request.space.slug, regulation_id=row.public_id)


def percent(row: Regulation) -> int | None:
    """How far an open request is; None for one that is over."""
    if not row.is_open:
        return None
    steps = list(STEPS)
    return (steps.index(row.step) if row.step in steps else 0) * 100 // len(steps)


def _ask(request: SpaceRequest, form: RegulationForm, profile: Profile | None) -> Regulation:
    identifiers = []
    if profile is None:
        text = form.cleaned_data["identifier"]
        if not text:
            raise InvalidError.at("/identifier", "Name an identifier of the person.", "required")
        identifiers = [requests.read_identifier(request.space, text)]
    try:
        return requests.ask(
            space=request.space,
            actor=request.user,
            kind=form.cleaned_data["kind"],
            profile=profile,
            identifiers=identifiers,
        )
    except ConflictError as error:
        raise InvalidError(error.detail) from error


def _profile(request: SpaceRequest) -> Profile | None:
    segment_id = request.GET.get("profile", "").replace("\0", "")
    if not segment_id:
        return None
    found = profile_by_segment_id(request.space, segment_id)
    if found is None:
        raise Http404("This space has no profile with this Segment ID.")
    return found


def _suppressing(request: SpaceRequest, profile: Profile | None) -> list[Regulation]:
    return requests.suppressing(request.space, profile) if profile is not None else []


def _regulation(request: SpaceRequest, regulation_id: str) -> Regulation:
    rows: QuerySet[Regulation] = Regulation.objects.in_space(request.space).select_related(
        "asked_by", "space__workspace"
    )
    return get_object_or_404(rows, public_id=regulation_id)


def _identifiers(row: Regulation) -> str:
    return ", ".join(f"{count} {id_type}" for id_type, count in row.identifiers.items())
