"""Destinations of a trait: choose, connect, the side sheet, pause, remove, resync."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from common.errors import ConflictError, ProductError
from delivery.models import Connection
from delivery.services import connections as delivery_connections
from delivery.services.samples import connected_of, tester_url
from destinations import catalog
from destinations.views.mappings import action_choices
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url
from traits.forms import TraitConnectionForm
from traits.models import Trait
from traits.selectors.connections import connectable, connection_row, offers
from traits.services.connections import ConnectionSpec, connect
from traits.views.traits import get_trait, trait_context

SHEET = "traits/connection_sheet.html"
SAVED = "Saved. The change reaches calls queued from now on."


def _connection(request: SpaceRequest, trait: Trait, connection_id: str) -> Connection:
    connection: Connection | None = (
        Connection.objects.in_space(request.space)
        .filter(computation_id=trait.public_id, public_id=connection_id, removed_at=None)
        .select_related("destination", "space")
        .first()
    )
    if connection is None:
        raise Http404("This trait has no such connection.")
    return connection


def _back(request: SpaceRequest, trait: Trait) -> HttpResponse:
    return redirect("traits:overview", space=request.space.slug, trait_id=trait.public_id)


@space_view()
@require_GET
def choose(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """The space's event destinations that this trait is not connected to; lists cannot be chosen (F065)."""
    trait = get_trait(request, trait_id)
    query = request.GET.get("q", "").strip().lower()
    found = [
        offer
        for offer in offers(connectable(trait))
        if query in f"{offer.destination.name} {offer.definition.name}".lower()
    ]
    context = trait_context(request, trait, "overview") | {"found": found, "q": request.GET.get("q", "")}
    return render(request, "traits/connection_choose.html", context)


@space_view()
@require_http_methods(["GET", "POST"])
def add(request: SpaceRequest, trait_id: str, destination_id: str) -> HttpResponse:
    """Settings of the new connection; **Add destination** connects and starts the initial sync."""
    trait = get_trait(request, trait_id)
    destination = next((one for one in connectable(trait) if one.public_id == destination_id), None)
    if destination is None:
        raise Http404("This space has no such event destination, or it is connected already.")
    form = TraitConnectionForm(
        request.POST if request.method == "POST" else None,
        destination=destination,
        space=request.space,
        computation_key=trait.key,
        collection=trait.collection,
    )
    if form.is_valid():
        try:
            spec = ConnectionSpec(destination=destination, **form.spec_values)
            connect(trait=trait, spec=spec, connected_by=request.user)
        except ConflictError as error:
            messages.error(request, error.detail)
            return _back(request, trait)
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, f"{destination.name} is connected. The initial sync has begun.")
            return _back(request, trait)
    context = trait_context(request, trait, "overview") | {
        "destination": destination,
        "definition": catalog.definition(destination.connector),
        "form": form,
    }
    return render(request, "traits/connection_add.html", context, status=422 if form.errors else 200)


@space_view()
@require_http_methods(["GET", "POST"])
def sheet(request: SpaceRequest, trait_id: str, connection_id: str) -> HttpResponse:
    """The side sheet of a connection; `?tab=` settings, mappings, tester or recent."""
    trait = get_trait(request, trait_id)
    connection = _connection(request, trait, connection_id)
    tab = request.GET.get("tab", "settings")
    if tab not in {"settings", "mappings", "tester", "recent"}:
        tab = "settings"
    form = _form(request, connection, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            values = form.spec_values
            values["enter_event"] = values.pop("event_name")
            connection = delivery_connections.update(connection=connection, actor=request.user, **values)
        except ProductError as error:
            form.add_product_error(error)
        else:
            if request.htmx:
                return _saved(request, trait, connection)
            messages.success(request, SAVED)
            return redirect(
                "traits:connection",
                space=request.space.slug,
                trait_id=trait.public_id,
                connection_id=connection.public_id,
            )
    status = 422 if form.errors else 200
    return render(request, SHEET, _sheet_context(request, trait, connection, form, tab), status=status)


def _saved(request: SpaceRequest, trait: Trait, connection: Connection) -> HttpResponse:
    """The sheet again, with what is stored now."""
    form = _form(request, connection, None)
    response = render(request, SHEET, _sheet_context(request, trait, connection, form, "settings"))
    trigger_client_event(response, "toast", {"text": SAVED, "level": "success"})
    return trigger_client_event(response, "sheet:saved", {})


def _form(request: SpaceRequest, connection: Connection, data: QueryDict | None) -> TraitConnectionForm:
    return TraitConnectionForm(
        data,
        destination=connection.destination,
        space=request.space,
        prefix="connection",
        initial=TraitConnectionForm.of(connection),
        computation_key=connection.computation_key,
        collection=connection.collection,
    )


def _sheet_context(
    request: SpaceRequest, trait: Trait, connection: Connection, form: TraitConnectionForm, tab: str
) -> dict[str, Any]:
    row = connection_row(trait, connection)
    where = {"trait_id": trait.public_id, "connection_id": connection.public_id}
    query = connected_of(connection).query() | {
        "return_to": f"{route_url('traits:connection', request.space, **where)}?tab=mappings"
    }
    return trait_context(request, trait, "overview") | {
        "row": row,
        "mapping_choices": action_choices(connection.destination, row.definition, query)
        if row.definition is not None and row.matching.is_applicable
        else [],
        "mapping_return": urlencode(query),
        "connection": connection,
        "form": form,
        "sheet_tab": tab,
        "tester_url": tester_url(request.space, connection),
        "recent_url": route_url("delivery:connection_recent", request.space, connection_id=connection.public_id),
        "refusal": delivery_connections.resync_refusal(connection),
    }


@space_view()
@require_POST
def toggle(request: SpaceRequest, trait_id: str, connection_id: str) -> HttpResponse:
    """*Connect to destination*: off keeps the settings and sends nothing."""
    trait = get_trait(request, trait_id)
    connection = _connection(request, trait, connection_id)
    is_enabled = request.POST.get("enabled") == "1"
    delivery_connections.set_enabled(connection=connection, is_enabled=is_enabled, actor=request.user)
    said = "connected again; what was missed is being sent" if is_enabled else "paused; its settings are kept"
    messages.success(request, f"{connection.destination.name} is {said}.")
    return _back(request, trait)


@space_view()
@require_POST
def remove(request: SpaceRequest, trait_id: str, connection_id: str) -> HttpResponse:
    """Remove the destination from the trait; waiting calls are not sent any more."""
    trait = get_trait(request, trait_id)
    connection = _connection(request, trait, connection_id)
    delivery_connections.remove(connection=connection, actor=request.user)
    messages.success(request, f"{connection.destination.name} was removed from {trait.name}.")
    return _back(request, trait)


@space_view()
@require_POST
def resync(request: SpaceRequest, trait_id: str, connection_id: str) -> HttpResponse:
    """Send every value that this connection has not sent yet."""
    trait = get_trait(request, trait_id)
    connection = _connection(request, trait, connection_id)
    try:
        delivery_connections.resync(connection=connection, actor=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "Values not sent yet are being sent.")
    return _back(request, trait)
