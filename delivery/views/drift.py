"""Drift of a list: what the destination acknowledged against the members, who differs, and Repair."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET, require_POST

from common.errors import ConflictError
from delivery.models import Connection
from delivery.selectors import books
from delivery.selectors.drift import SIDES, Drift, Side, drift_of, drift_page
from delivery.selectors.lookups import find_connection
from delivery.services.calls import UnknownConnectorError, connector_of
from delivery.services.repair import repair, repair_refusal
from profiles.masking import masked_identifier
from spaces.access import SpaceRequest, space_view

TITLES = {"missing": "Missing at the destination", "extra": "Still at the destination"}


@space_view()
@require_GET
def drift(request: SpaceRequest, connection_id: str) -> HttpResponse:
    """Both sides in numbers, the people of one side, and what Repair would send."""
    connection = list_connection(request, connection_id)
    found = drift_of(connection)
    side: Side = "extra" if request.GET.get("side") == "extra" else "missing"
    page = drift_page(connection, side, after=request.GET.get("after", "")) if found is not None else None
    has_pii = request.member.has_pii_access
    shown = {
        "connection": connection,
        "drift": found,
        "side": side,
        "page": page,
        "rows": [
            {
                "person": person,
                "entries": [
                    (id_type, value if has_pii else masked_identifier(id_type, value))
                    for id_type, value in person.entries
                ],
            }
            for person in (page.rows if page else [])
        ],
        "is_first": not request.GET.get("after"),
        "tabs": _tabs(found, side),
        "refusal": repair_refusal(connection),
        "is_repairing": connection.repair_asked_at is not None,
        "next_sync": books.next_list_sync(connection),
        "consequences": _consequences(found),
        "computation_url": _computation_url(request, connection),
    }
    return render(request, "delivery/drift.html", shown)


@space_view()
@require_POST
def drift_repair(request: SpaceRequest, connection_id: str) -> HttpResponse:
    """Send exactly the difference again."""
    connection = list_connection(request, connection_id)
    try:
        found = repair(connection=connection, actor=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        counts = f"{found.missing:,} to add and {found.extra:,} to remove" if found else "What differs"
        messages.success(request, f"{counts} will be sent with the next sync of {connection.destination.name}.")
    return redirect("delivery:drift", space=request.space.slug, connection_id=connection.public_id)


def list_connection(request: SpaceRequest, public_id: str) -> Connection:
    """404 for what is no list, or was removed."""
    connection = find_connection(request.space, public_id)
    try:
        is_list = connector_of(connection.destination).kind == "list"
    except UnknownConnectorError:
        is_list = False
    if connection.removed_at is not None or not is_list:
        raise Http404("Only a connected list has a drift report.")
    return connection


def _tabs(found: Drift | None, side: Side) -> list[dict[str, Any]]:
    if found is None:
        return []
    counts = {"missing": found.missing_people, "extra": found.extra_people}
    return [{"label": TITLES[one], "url": f"?side={one}", "active": one == side, "count": counts[one]} for one in SIDES]


def _consequences(found: Drift | None) -> list[str]:
    if found is None:
        return ["Everything that differs is sent again; there is too much to count in a few seconds."]
    return [
        f"{found.missing:,} {'entry is' if found.missing == 1 else 'entries are'} added again "
        f"({_people(found.missing_people)}).",
        f"{found.extra:,} {'entry is' if found.extra == 1 else 'entries are'} removed ({_people(found.extra_people)}).",
        "Nothing else is sent.",
    ]


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def _computation_url(request: SpaceRequest, connection: Connection) -> str:
    """The page of the audience; "" for what has none of its own."""
    try:
        kwargs = {"space": request.space.slug, "audience_id": connection.computation_id}
        return reverse("audiences:overview", kwargs=kwargs) if connection.computation_id.startswith("aud_") else ""
    except NoReverseMatch:
        return ""
