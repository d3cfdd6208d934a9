"""Destinations of an audience: choose, connect, the side sheet, pause, remove."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from audiences.models import Audience
from audiences.selectors.connections import connectable, connection_row, estimated_resync
from audiences.services.connections import ConnectionSpec, connect
from audiences.views.audiences import audience_context, get_audience
from common.errors import ConflictError, ProductError
from delivery.forms import ConnectionForm
from delivery.models import Connection
from delivery.services import connections as delivery_connections
from delivery.services.attachments import space_refusals
from delivery.services.samples import connected_of, tester_url
from destinations import catalog
from destinations.models import Destination
from destinations.views.mappings import action_choices
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url

SHEET = "audiences/connection_sheet.html"
SAVED = "Saved. The change reaches calls queued from now on."


def _connection(request: SpaceRequest, audience: Audience, connection_id: str) -> Connection:
    connection: Connection | None = (
        Connection.objects.in_space(request.space)
        .filter(computation_id=audience.public_id, public_id=connection_id, removed_at=None)
        .select_related("destination", "space")
        .first()
    )
    if connection is None:
        raise Http404("This audience has no such connection.")
    return connection


@space_view()
@require_GET
def choose(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """The space's destinations that this audience is not connected to (F147), event and list types apart."""
    audience = get_audience(request, audience_id)
    query = request.GET.get("q", "").strip().lower()
    found: dict[str, list[dict[str, Any]]] = {"event": [], "list": []}
    offered = connectable(audience)
    refused = space_refusals(offered)
    for destination in offered:
        definition = catalog.definition(destination.connector)
        if definition is not None and query in f"{destination.name} {definition.name}".lower():
            refusal = refused.get(destination.pk, "")
            found[definition.kind].append({"destination": destination, "definition": definition, "refusal": refusal})
    context = audience_context(request, audience, "overview") | {"found": found, "q": request.GET.get("q", "")}
    return render(request, "audiences/connection_choose.html", context)


@space_view()
@require_http_methods(["GET", "POST"])
def add(request: SpaceRequest, audience_id: str, destination_id: str) -> HttpResponse:
    """Settings of the new connection; **Add destination** connects and starts the initial sync (F148, F149)."""
    audience = get_audience(request, audience_id)
    destination = Destination.objects.in_space(request.space).filter(public_id=destination_id, deleted_at=None).first()
    if destination is None:
        raise Http404("This space has no such destination.")
    form = ConnectionForm(
        request.POST if request.method == "POST" else None,
        destination=destination,
        space=request.space,
        computation_key=audience.key,
        collection=audience.collection,
    )
    if form.is_valid():
        try:
            spec = ConnectionSpec(destination=destination, **form.values)
            connect(audience=audience, spec=spec, connected_by=request.user)
        except ConflictError as error:
            messages.error(request, error.detail)
            return redirect("audiences:overview", space=request.space.slug, audience_id=audience.public_id)
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, f"{destination.name} is connected. The initial sync has begun.")
            return redirect("audiences:overview", space=request.space.slug, audience_id=audience.public_id)
    context = audience_context(request, audience, "overview") | {
        "destination": destination,
        "definition": catalog.definition(destination.connector),
        "form": form,
    }
    return render(request, "audiences/connection_add.html", context, status=422 if form.errors else 200)


@space_view()
@require_http_methods(["GET", "POST"])
def sheet(request: SpaceRequest, audience_id: str, connection_id: str) -> HttpResponse:
    """The side sheet of a connection; `?tab=` settings, mappings, tester or recent."""
    audience = get_audience(request, audience_id)
    connection = _connection(request, audience, connection_id)
    tab = request.GET.get("tab", "settings")
    if tab not in {"settings", "mappings", "tester", "recent"}:
        tab = "settings"
    form = _form(request, connection, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            connection = delivery_connections.update(connection=connection, actor=request.user, **form.values)
        except ProductError as error:
            form.add_product_error(error)
        else:
            if request.htmx:
                return _saved(request, audience, connection)
            messages.success(request, SAVED)
            return redirect(
                "audiences:connection",
                space=request.space.slug,
                audience_id=audience.public_id,
                connection_id=connection.public_id,
            )
    status = 422 if form.errors else 200
    return render(request, SHEET, _sheet_context(request, audience, connection, form, tab), status=status)


def _saved(request: SpaceRequest, audience: Audience, connection: Connection) -> HttpResponse:
    """The sheet again, with what is stored now."""
    form = _form(request, connection, None)
    response = render(request, SHEET, _sheet_context(request, audience, connection, form, "settings"))
    trigger_client_event(response, "toast", {"text": SAVED, "level": "success"})
    return trigger_client_event(response, "sheet:saved", {})


def _form(request: SpaceRequest, connection: Connection, data: QueryDict | None) -> ConnectionForm:
    return ConnectionForm(
        data,
        destination=connection.destination,
        space=request.space,
        prefix="connection",
        initial=ConnectionForm.of(connection),
        computation_key=connection.computation_key,
        collection=connection.collection,
    )


def _sheet_context(
    request: SpaceRequest, audience: Audience, connection: Connection, form: ConnectionForm, tab: str
) -> dict[str, Any]:
    row = connection_row(audience, connection)
    back = mappings_return(request, audience, connection)
    return audience_context(request, audience, "overview") | {
        "row": row,
        "connection": connection,
        "form": form,
        "mapping_choices": action_choices(
            connection.destination, row.definition, {**connected_of(connection).query(), "return_to": back}
        )
        if row.definition is not None and row.matching.is_applicable
        else [],
        "mapping_return": urlencode({**connected_of(connection).query(), "return_to": back}),
        "sheet_tab": tab,
        "tester_url": tester_url(request.space, connection),
        "recent_url": route_url("delivery:connection_recent", request.space, connection_id=connection.public_id),
    }


def mappings_return(request: SpaceRequest, audience: Audience, connection: Connection) -> str:
    """Where the editor of a mapping leads back to: the side sheet of the connection with its mappings (F164)."""
    if request.htmx:
        overview = route_url("audiences:overview", request.space, audience_id=audience.public_id)
        return f"{overview}?panel=mappings:{connection.public_id}"
    where = {"audience_id": audience.public_id, "connection_id": connection.public_id}
    return f"{route_url('audiences:connection', request.space, **where)}?tab=mappings"


@space_view()
@require_POST
def toggle(request: SpaceRequest, audience_id: str, connection_id: str) -> HttpResponse:
    """*Connect to destination*: off keeps the settings and sends nothing."""
    audience = get_audience(request, audience_id)
    connection = _connection(request, audience, connection_id)
    is_enabled = request.POST.get("enabled") == "1"
    delivery_connections.set_enabled(connection=connection, is_enabled=is_enabled, actor=request.user)
    said = "connected again; what was missed is being sent" if is_enabled else "paused; its settings are kept"
    messages.success(request, f"{connection.destination.name} is {said}.")
    return redirect("audiences:overview", space=request.space.slug, audience_id=audience.public_id)


@space_view()
@require_POST
def remove(request: SpaceRequest, audience_id: str, connection_id: str) -> HttpResponse:
    """Remove the destination from the audience; waiting calls are not sent any more."""
    audience = get_audience(request, audience_id)
    connection = _connection(request, audience, connection_id)
    delivery_connections.remove(connection=connection, actor=request.user)
    messages.success(request, f"{connection.destination.name} was removed from {audience.name}.")
    return redirect("audiences:overview", space=request.space.slug, audience_id=audience.public_id)


@space_view()
@require_http_methods(["GET", "POST"])
def resync(request: SpaceRequest, audience_id: str, connection_id: str) -> HttpResponse:
    """How much would be sent, then: send every member that this connection has not sent yet."""
    audience = get_audience(request, audience_id)
    connection = _connection(request, audience, connection_id)
    if request.method == "GET":
        context = audience_context(request, audience, "overview") | {
            "connection": connection,
            "row": connection_row(audience, connection),
            "refusal": delivery_connections.resync_refusal(connection),
            "estimate": estimated_resync(audience, connection),
        }
        return render(request, "audiences/connection_resync.html", context)
    try:
        delivery_connections.resync(connection=connection, actor=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "Members not sent yet are being sent.")
    return redirect("audiences:overview", space=request.space.slug, audience_id=audience.public_id)
