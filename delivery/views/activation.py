"""Trait Activation in pages: what the connection form asks for, and the traits that a destination always gets."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from common.errors import ProductError
from delivery.forms import DestinationTraitsForm
from delivery.services.destination_traits import always_sent, set_always_sent
from delivery.services.trait_sources import trait_options
from destinations import catalog
from destinations.selectors import find_destination
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def traits(request: SpaceRequest) -> JsonResponse:
    """`?q=` answers `[{"value", "label", "hint", "kind", "group"}]`, with `kind` only those of it."""
    shows_pii, kind = request.member.has_pii_access, request.GET.get("kind", "")
    found = trait_options(request.space, text=request.GET.get("q", ""), shows_pii=shows_pii)
    return JsonResponse([option for option in found if kind in {"", option["kind"]}], safe=False)


@space_view(write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def destination_traits(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """Which traits every audience sent to this destination carries along (F093, F094)."""
    destination = find_destination(request.space, destination_id)
    if destination is None:
        raise Http404("There is no such destination in this space.")
    data = request.POST if request.method == "POST" else None
    form = DestinationTraitsForm(data, space=request.space, initial=always_sent(destination))
    if form.is_bound and not form.wants_rows:
        try:
            set_always_sent(destination=destination, traits=form.values, actor=request.user)
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, "Saved. The change reaches calls queued from now on.")
            return redirect(request.path)
    definition = catalog.definition(destination.connector)
    shown = {
        "destination": destination,
        "form": form,
        "required": definition.required_traits if definition else (),
    }
    return render(request, "delivery/destination_traits.html", shown, status=422 if form.errors else 200)
