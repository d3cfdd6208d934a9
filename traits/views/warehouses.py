"""Settings: the warehouses that SQL traits read: add, test, change, delete."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import ConflictError
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url
from spaces.models import Role
from traits.models import WarehouseSource
from traits.services import warehouses as services
from traits.warehouse_forms import WarehouseForm
from traits.warehouses.catalog import CONNECTORS, connector_of
from traits.warehouses.interface import WarehouseError

# (route, label); all but the first are pages of apps above.
TABS = (
    ("traits:warehouse", "Settings"),
    ("warehouse_output:output", "Engage's calls"),
    ("alerts:warehouse", "Alerts"),
)


def _source(request: SpaceRequest, public_id: str) -> WarehouseSource:
    source = services.get_warehouse(request.space, public_id)
    if source is None:
        raise Http404("This space has no such warehouse.")
    return source


def place_of(source: WarehouseSource) -> str:
    """Where it is, in short."""
    settings = source.settings
    return str(settings.get("path") or f"{settings.get('host')}:{settings.get('port')}/{settings.get('database')}")


def warehouse_tabs(request: SpaceRequest, source: WarehouseSource, current: str) -> list[dict[str, Any]]:
    """The tabs of a warehouse; `current` is a route."""
    return [
        {"label": label, "url": url, "active": route == current}
        for route, label in TABS
        if (url := route_url(route, request.space, warehouse_id=source.public_id))
    ]


@space_view()
@require_GET
def warehouse_list(request: SpaceRequest) -> HttpResponse:
    rows = [
        {"source": source, "connector": connector_of(source), "place": place_of(source)}
        for source in services.warehouse_list(request.space)
    ]
    return render(request, "traits/warehouse_list.html", {"rows": rows})


@space_view(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def warehouse_new(request: SpaceRequest) -> HttpResponse:
    """Choose the kind, then its settings; saving connects once and says how that went."""
    connector = CONNECTORS.get(request.GET.get("connector", ""))
    if connector is None:
        return render(request, "traits/warehouse_choose.html", {"connectors": CONNECTORS.values()})
    form = WarehouseForm(request.POST or None, connector=connector)
    if request.method == "POST" and form.is_valid():
        made = form.carry_out(
            lambda: services.create_warehouse(
                space=request.space,
                name=form.cleaned_data["name"],
                connector=connector.slug,
                settings=form.settings,
                created_by=request.user,
            )
        )
        if made is not None:
            return _tested(request, made, "was added")
    context = {"form": form, "connector": connector}
    return render(request, "traits/warehouse_new.html", context, status=422 if request.method == "POST" else 200)


@space_view(write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def warehouse(request: SpaceRequest, warehouse_id: str) -> HttpResponse:
    """One warehouse: its settings, how the last connection went, and which SQL traits read it."""
    source = _source(request, warehouse_id)
    form = WarehouseForm(request.POST or None, connector=connector_of(source), source=source)
    if request.method == "POST" and form.is_valid():
        saved = form.carry_out(
            lambda: services.update_warehouse(
                source=source, changed_by=request.user, name=form.cleaned_data["name"], settings=form.settings
            )
        )
        if saved is not None:
            return _tested(request, saved, "was saved")
    status = 422 if request.method == "POST" else 200
    return render(request, "traits/warehouse.html", _context(request, form, warehouse_id), status=status)


def _context(request: SpaceRequest, form: WarehouseForm, warehouse_id: str) -> dict[str, Any]:
    source = _source(request, warehouse_id)
    return {
        "source": source,
        "form": form,
        "connector": connector_of(source),
        "tabs": warehouse_tabs(request, source, "traits:warehouse"),
        "place": place_of(source),
        "readers": services.readers(source),
    }


def _tested(request: SpaceRequest, source: WarehouseSource, done: str) -> HttpResponse:
    """Connect, and say how it went; what was saved stays either way."""
    try:
        answer = services.test_warehouse(source=source)
    except WarehouseError as error:
        messages.warning(request, f"{source.name} {done}, but there is no connection: {error.detail}")
    else:
        messages.success(request, f"{source.name} {done}, and it answers: {answer}.")
    return redirect("traits:warehouse", space=request.space.slug, warehouse_id=source.public_id)


@space_view(write=Role.ADMIN)
@require_POST
def warehouse_test(request: SpaceRequest, warehouse_id: str) -> HttpResponse:
    """**Test connection**."""
    source = _source(request, warehouse_id)
    try:
        answer = services.test_warehouse(source=source)
    except WarehouseError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"It answers: {answer}.")
    return redirect("traits:warehouse", space=request.space.slug, warehouse_id=source.public_id)


@space_view(write=Role.ADMIN)
@require_POST
def warehouse_delete(request: SpaceRequest, warehouse_id: str) -> HttpResponse:
    source = _source(request, warehouse_id)
    try:
        services.delete_warehouse(source=source, deleted_by=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
        return redirect("traits:warehouse", space=request.space.slug, warehouse_id=source.public_id)
    messages.success(request, f"{source.name} was deleted.")
    return redirect("traits:warehouses", space=request.space.slug)
