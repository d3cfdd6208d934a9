"""The list, the catalog, and a destination's Overview and Settings."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import InvalidError, ProductError
from common.secrets import SecretsError, decrypt
from destinations.catalog import definition as find_definition
from destinations.catalog import definitions
from destinations.config import load_config
from destinations.forms import DestinationForm
from destinations.functions.definitions import functions_as_connectors
from destinations.kit.definition import DestinationDefinition
from destinations.kit.verdicts import Verdict
from destinations.models import Destination, DestinationFunction
from destinations.readme import as_html
from destinations.selectors import destinations_of
from destinations.services import destinations as services
from destinations.services.checking import check_settings
from destinations.services.consent import callback_url, consent_refusal, has_account
from destinations.services.tester import check_connection
from destinations.views.common import destination_url, get_definition, get_destination, page_context, url_above
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def destination_list(request: SpaceRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()
    rows = destinations_of(request.space)
    total = rows.count()
    if query:
        slugs = [item.slug for item in definitions().values() if query.lower() in item.name.lower()]
        rows = rows.filter(name__icontains=query) | rows.filter(connector__in=slugs)
    shown = [
        {
            "destination": row,
            "definition": find_definition(row.connector),
            "url": destination_url("detail", row),
            "success_url": url_above("delivery:destination_success", row),
        }
        for row in rows.select_related("space")
    ]
    template = "destinations/destination_list.html" + ("#table" if request.htmx else "")
    return render(request, template, {"rows": shown, "q": query, "total": total})


@space_view()
@require_GET
def catalog(request: SpaceRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()
    own = functions_as_connectors(DestinationFunction.objects.in_space(request.space).order_by("name"))
    found = [item for item in definitions().values() if query.lower() in f"{item.name} {item.description}".lower()]
    shown = {
        "q": query,
        "events": [item for item in found if item.kind == "event"],
        "lists": [item for item in found if item.kind == "list"],
        "functions": [item for item in own if query.lower() in f"{item.name} {item.description}".lower()],
        "has_functions": bool(own),
    }
    return render(request, "destinations/catalog.html" + ("#results" if request.htmx else ""), shown)


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def destination_new(request: SpaceRequest, connector: str) -> HttpResponse:
    definition = find_definition(connector)
    if definition is None or not services.is_known_in(request.space, connector):
        raise Http404("There is no such connector.")
    initial = {"name": _free_name(request, definition), **DestinationForm.initial_for(definition, {})}
    form = DestinationForm(request.POST or None, definition=definition, initial=initial)
    checked = _checked(request, form, definition) if "check" in request.POST else None
    if request.method == "POST" and "check" not in request.POST and form.is_valid():
        destination = form.carry_out(
            lambda: services.create_destination(
                space=request.space,
                actor=request.user,
                connector=connector,
                name=form.cleaned_data["name"],
                settings=form.settings(),
                requests_per_second=form.cleaned_data.get("requests_per_second"),
            )
        )
        if destination is not None:
            messages.success(request, f"{destination.name} was added.")
            return redirect(destination_url("detail", destination))
    shown = {
        "form": form,
        "definition": definition,
        "readme": as_html(definition.docs),
        "facts": facts(definition),
        "can_check": definition.test_connection is not None,
        "checked": checked,
    }
    return render(request, "destinations/destination_new.html", shown, status=422 if form.errors else 200)


@space_view()
@require_GET
def destination(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    shown = page_context(request, found, "detail")
    definition: DestinationDefinition | None = shown["definition"]
    config = load_config(found.pk)
    shown["problem"] = found.pause_reason or (config.settings_problem if config else "")
    if definition is not None:
        enabled = found.mappings.filter(is_enabled=True).count()
        shown |= {
            "account": _account(found, definition),
            "facts": facts(definition, found),
            "readme": as_html(definition.docs),
            "connections": found.connections.filter(removed_at=None).order_by("computation_name"),
            "has_no_enabled_mapping": bool(definition.actions) and enabled == 0,
            "delivery_url": url_above("delivery:destination_fragment", found),
        }
    return render(request, "destinations/destination.html", shown)


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def destination_settings(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    definition = get_definition(found)
    initial = {
        "name": found.name,
        "requests_per_second": found.requests_per_second,
        "based_on": found.updated_at.isoformat(),
        **DestinationForm.initial_for(definition, found.settings),
    }
    form = DestinationForm(
        request.POST or None, definition=definition, stored_secrets=_stored_secrets(found), initial=initial
    )
    checked = _checked(request, form, definition, found) if "check" in request.POST else None
    if request.method == "POST" and "check" not in request.POST and form.is_valid():
        changed = form.carry_out(
            lambda: services.update_destination(
                destination=found,
                actor=request.user,
                name=form.cleaned_data["name"],
                settings=form.settings(),
                requests_per_second=form.cleaned_data.get("requests_per_second"),
                based_on=form.cleaned_data["based_on"],
            )
        )
        if changed is not None:
            messages.success(request, "The settings were saved.")
            return redirect(destination_url("settings", changed))
    shown = page_context(request, found, "settings")
    connected = found.connections.filter(removed_at=None).count()
    shown |= {
        "form": form,
        "connected": connected,
        "can_check": definition.test_connection is not None,
        "checked": checked,
        "account": _account(found, definition),
        "consequences": [
            f"Its {found.mappings.count()} mappings and its stored secrets are deleted.",
            "What was delivered stays in the history.",
        ],
    }
    status = 422 if form.errors else 200
    return render(request, "destinations/destination_settings.html", shown, status=status)


@space_view(write=Role.ADMIN)
@require_POST
def destination_toggle(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    is_enabled = request.POST.get("enabled") == "1"
    services.set_destination_enabled(destination=found, actor=request.user, is_enabled=is_enabled)
    said = "is enabled." if is_enabled else "is disabled: nothing is delivered to it."
    messages.success(request, f"{found.name} {said}")
    return redirect(destination_url("detail", found))


@space_view(write=Role.ADMIN)
@require_POST
def destination_delete(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    if request.POST.get("confirm_name", "").strip() != found.name:
        raise InvalidError.at("/confirm_name", f"Type {found.name} to delete this destination.")
    services.delete_destination(destination=found, actor=request.user)
    messages.success(request, f"{found.name} was deleted.")
    return redirect("destinations:list", space=request.space.slug)


@space_view(write=Role.ADMIN)
@require_POST
def destination_check(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """Ask the destination whether it takes the settings, where its connector knows a harmless request."""
    found = get_destination(request, destination_id)
    verdict = check_connection(found)
    if verdict is None:
        raise ProductError("This connector has no connection test. Send a test event instead.")
    if verdict.outcome == "delivered":
        messages.success(request, f"{found.name} accepted the settings.")
    else:
        messages.error(request, f"{found.name} did not accept the settings: {verdict.detail}")
    return redirect(destination_url("settings", found))


def facts(definition: DestinationDefinition, destination: Destination | None = None) -> list[dict[str, Any]]:
    """F083: caps, cadence, identifiers, and whether a column has to be made first."""
    rows: list[dict[str, Any]] = [
        {"label": "Type", "value": "List" if definition.kind == "list" else "Event"},
        {"label": "Takes", "value": ", ".join(kind.title() for kind in definition.supported)},
    ]
    if definition.kind == "event":
        own = destination.requests_per_second if destination else None
        cap = own or definition.requests_per_second
        value = f"{cap:,} requests a second" if cap else "No cap"
        rows.append({"label": "Rate cap", "value": value + (" (set here)" if own else "")})
    else:
        minutes, size = definition.list_interval_minutes, definition.batch_size
        if destination is not None:
            minutes = destination.settings.get("intervalMinutes") or minutes
            size = destination.settings.get("batchSize") or size
        rows.append({"label": "Sync interval", "value": f"Every {minutes} minutes"})
        rows.append({"label": "Batch size", "value": f"{size:,} people"})
    rows.append({"label": "Required identifiers", "value": definition.identifiers})
    column = "Create the property there first" if definition.needs_schema_column else "Nothing to set up there"
    rows.append({"label": "Column", "value": column})
    return rows


def _checked(
    request: SpaceRequest,
    form: DestinationForm,
    definition: DestinationDefinition,
    destination: Destination | None = None,
) -> Verdict | None:
    """What the tool says to the settings in the form; None when some are wrong, which the form tells then."""
    if not form.is_valid():
        return None
    found: Verdict | None = form.carry_out(
        lambda: check_settings(
            space=request.space, definition=definition, settings=form.settings(), destination=destination
        )
    )
    return found


def _account(destination: Destination, definition: DestinationDefinition) -> dict[str, Any] | None:
    """The card about the connected account, for connectors that connect one in the browser."""
    if definition.auth is None or definition.auth.consent is None:
        return None
    return {
        "is_connected": has_account(destination),
        "refusal": consent_refusal(destination),
        "callback_url": callback_url(),
    }


def _free_name(request: SpaceRequest, definition: DestinationDefinition) -> str:
    taken = set(destinations_of(request.space).values_list("name", flat=True))
    names = [definition.name, *(f"{definition.name} {number}" for number in range(2, 1000))]
    return next(name for name in names if name not in taken)


def _stored_secrets(destination: Destination) -> set[str]:
    try:
        return set(decrypt(destination.secrets))
    except SecretsError:
        return set()
