"""A warehouse: the calls that are written into it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import ConflictError
from spaces.access import SpaceRequest, space_view
from spaces.models import Role
from traits.models import WarehouseSource
from traits.services.warehouses import get_warehouse
from traits.views.warehouses import warehouse_tabs
from warehouse_output import selectors
from warehouse_output.forms import OutputForm
from warehouse_output.services import outputs as services

ROUTE = "warehouse_output:output"


def _source(request: SpaceRequest, warehouse_id: str) -> WarehouseSource:
    source = get_warehouse(request.space, warehouse_id)
    if source is None:
        raise Http404("This space has no such warehouse.")
    return source


def _context(request: SpaceRequest, source: WarehouseSource) -> dict[str, Any]:
    output = services.output_of(source)
    shows_pii = request.member.has_pii_access
    runs = selectors.latest_runs(output, shows_pii=shows_pii) if output else []
    return {
        "source": source,
        "output": output,
        "tabs": warehouse_tabs(request, source, ROUTE),
        "schedule": selectors.sentence_of(output.schedule) if output else "",
        "schemas": selectors.schemas_of(output) if output else [],
        "runs": runs,
        "open": next((one for one in runs if one.is_open), None),
        "last": next((one for one in runs if not one.is_open), None),
    }


@space_view(write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def output(request: SpaceRequest, warehouse_id: str) -> HttpResponse:
    """Whether, when and into which tables calls are written, what the run under way does, and what earlier ones did."""
    source = _source(request, warehouse_id)
    stored = services.output_of(source)
    tables = services.known_tables(request.space, stored)
    form = OutputForm(request.POST or None, output=stored, tables=tables)
    if request.method == "POST" and form.is_valid():
        saved = form.carry_out(
            lambda: services.save_output(
                source=source,
                changed_by=request.user,
                is_enabled=form.cleaned_data["is_enabled"],
                schedule=form.plan,
                excluded=form.excluded,
            )
        )
        if saved is not None:
            done = "Calls are written to" if saved.is_enabled else "Calls are not written to"
            messages.success(request, f"Saved. {done} {source.name}.")
            return redirect(ROUTE, space=request.space.slug, warehouse_id=source.public_id)
    context = _context(request, source) | {"form": form}
    status = 422 if request.method == "POST" else 200
    return render(request, "warehouse_output/output.html", context, status=status)


@space_view()
@require_GET
def live(request: SpaceRequest, warehouse_id: str) -> HttpResponse:
    """The part of the page that moves."""
    source = _source(request, warehouse_id)
    if not request.htmx:
        return redirect(ROUTE, space=request.space.slug, warehouse_id=warehouse_id)
    return render(request, "warehouse_output/_runs.html", _context(request, source))


@space_view(write=Role.ADMIN)
@require_POST
def sync(request: SpaceRequest, warehouse_id: str) -> HttpResponse:
    """**Sync now**."""
    source = _source(request, warehouse_id)
    try:
        services.sync_now(source=source, asked_by=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "A run begins as soon as a worker is free.")
    return redirect(ROUTE, space=request.space.slug, warehouse_id=source.public_id)


@space_view(write=Role.ADMIN)
@require_POST
def again(request: SpaceRequest, warehouse_id: str) -> HttpResponse:
    """**Begin again**."""
    source = _source(request, warehouse_id)
    try:
        services.begin_again(source=source, asked_by=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "All calls that are stored are written once more; rows that are there stay.")
    return redirect(ROUTE, space=request.space.slug, warehouse_id=source.public_id)
