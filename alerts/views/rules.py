"""Alert rules of a space, and of what they watch; making and changing them; history and the bell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alerts.forms import AlertForm
from alerts.kinds import KINDS, KindFacts
from alerts.models import TARGETS, AlertRule, Kind
from alerts.selectors import alerts as selectors
from alerts.services import rules as services
from audiences.views.audiences import audience_context, get_audience
from common.keyset import keyset_page
from destinations.views.common import get_destination, page_context
from spaces.access import SpaceRequest, space_view
from traits.services.warehouses import get_warehouse
from traits.views.warehouses import warehouse_tabs

TABS = (("list", "Rules"), ("history", "History"))
PAGE_SIZE = 50


def _tabs(request: SpaceRequest, active: str) -> list[dict[str, Any]]:
    where = {"space": request.space.slug}
    return [
        {"label": label, "url": reverse(f"alerts:{name}", kwargs=where), "active": name == active}
        for name, label in TABS
    ]


def _rows(request: SpaceRequest, rules: Any) -> list[dict[str, Any]]:
    return [
        {
            "rule": rule,
            "may_change": services.may_change(rule, request.member),
            "webhook_host": services.webhook_host(rule),
        }
        for rule in rules
    ]


@space_view()
@require_GET
def rule_list(request: SpaceRequest) -> HttpResponse:
    """Every rule of the space, those that fire first."""
    shown = {"rows": _rows(request, selectors.rules_of(request.space)), "tabs": _tabs(request, "list")}
    return render(request, "alerts/rule_list.html", shown)


@space_view()
@require_GET
def history(request: SpaceRequest) -> HttpResponse:
    """What fired and was resolved, newest first, and whether everybody was told."""
    page = keyset_page(
        selectors.history_of(request.space),
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
        size=PAGE_SIZE,
    )
    shown = {"page": page, "events": page.rows, "tabs": _tabs(request, "history")}
    return render(request, "alerts/history.html", shown)


@space_view()
@require_GET
def of_destination(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """The Alerts tab of a destination."""
    destination = get_destination(request, destination_id)
    shown = page_context(request, destination, "alerts") | {
        "rows": _rows(request, selectors.rules_of(request.space, destination=destination)),
        "events": selectors.history_of(request.space, destination=destination).order_by("-id")[:20],
        "new_query": urlencode({"destination": destination.public_id}),
    }
    return render(request, "alerts/destination_alerts.html", shown)


@space_view()
@require_GET
def of_audience(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """The Alerts tab of an audience."""
    audience = get_audience(request, audience_id)
    shown = audience_context(request, audience, "audience") | {
        "rows": _rows(request, selectors.rules_of(request.space, audience=audience)),
        "events": selectors.history_of(request.space, audience=audience).order_by("-id")[:20],
        "new_query": urlencode({"audience": audience.public_id}),
    }
    return render(request, "alerts/audience_alerts.html", shown)


@space_view()
@require_GET
def of_warehouse(request: SpaceRequest, warehouse_id: str) -> HttpResponse:
    """The Alerts tab of a warehouse."""
    source = get_warehouse(request.space, warehouse_id)
    if source is None:
        raise Http404("This space has no such warehouse.")
    shown = {
        "source": source,
        "tabs": warehouse_tabs(request, source, "alerts:warehouse"),
        "rows": _rows(request, selectors.rules_of(request.space, warehouse=source)),
        "events": selectors.history_of(request.space, warehouse=source).order_by("-id")[:20],
        "new_query": urlencode({"warehouse": source.public_id}),
    }
    return render(request, "alerts/warehouse_alerts.html", shown)


@space_view()
@require_http_methods(["GET", "POST"])
def rule_new(request: SpaceRequest) -> HttpResponse:
    """Without `?kind=` the kinds to choose from; with one its form. What TARGETS name is chosen."""
    given = {name: request.GET.get(name, "") for name in TARGETS}
    facts = _facts(request.GET.get("kind", ""))
    if facts is None:
        kept = {name: value for name, value in given.items() if value}
        offered = [
            {"facts": one, "query": urlencode(kept | {"kind": one.kind.value})}
            for one in KINDS.values()
            if set(kept) <= {name for alternative in one.about for name in alternative}
        ]
        return render(request, "alerts/rule_kinds.html", {"offered": offered})
    form = AlertForm(
        request.POST if request.method == "POST" else None, space=request.space, facts=facts, initial=given
    )
    if request.method == "POST" and form.is_valid():
        made = form.carry_out(
            lambda: services.create_rule(
                space=request.space, actor=request.user, kind=facts.kind.value, values=form.values()
            )
        )
        if made is not None:
            messages.success(request, "The alert was created. It is looked at within a minute.")
            return redirect("alerts:list", space=request.space.slug)
    shown = {"form": form, "facts": facts, "rule": None}
    return render(request, "alerts/rule_form.html", shown, status=422 if form.errors else 200)


@space_view()
@require_http_methods(["GET", "POST"])
def rule(request: SpaceRequest, rule_id: str) -> HttpResponse:
    """One rule: its state, its form for who may change it, its history."""
    found = _rule(request, rule_id)
    facts = KINDS[Kind(found.kind)]
    data = request.POST if request.method == "POST" else None
    form = AlertForm(data, space=request.space, facts=facts, rule=found, initial=AlertForm.initial_of(found))
    if request.method == "POST" and form.is_valid():
        saved = form.carry_out(lambda: services.update_rule(rule=found, member=request.member, values=form.values()))
        if saved is not None:
            messages.success(request, "The alert was saved.")
            return redirect(request.path)
    page = keyset_page(
        selectors.history_of(request.space).filter(rule=found),
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    shown = {
        "form": form,
        "facts": facts,
        "rule": found,
        "may_change": services.may_change(found, request.member),
        "webhook_host": services.webhook_host(found),
        "page": page,
        "events": page.rows,
    }
    return render(request, "alerts/rule_form.html", shown, status=422 if form.errors else 200)


@space_view()
@require_POST
def rule_toggle(request: SpaceRequest, rule_id: str) -> HttpResponse:
    found = _rule(request, rule_id)
    services.update_rule(rule=found, member=request.member, values={"is_enabled": request.POST.get("enabled") == "1"})
    return redirect(_back(request))


@space_view()
@require_POST
def rule_delete(request: SpaceRequest, rule_id: str) -> HttpResponse:
    services.delete_rule(rule=_rule(request, rule_id), member=request.member)
    messages.success(request, "The alert was deleted. Its history stays.")
    return redirect("alerts:list", space=request.space.slug)


@space_view()
@require_GET
def bell(request: SpaceRequest) -> HttpResponse:
    """The number at the bell, asked for while a page is open."""
    if not request.htmx:
        return redirect("alerts:history", space=request.space.slug)
    return render(request, "alerts/_bell_count.html", {"bell": selectors.bell(request.space, request.user)})


def _mark_seen(request: SpaceRequest) -> HttpResponse:
    selectors.mark_seen(request.space, request.user)
    return redirect(_back(request))


# Whoever may look at the space has a bell, so whoever may look may also empty it.
seen: Callable[..., HttpResponseBase] = space_view(write="read_only")(require_POST(_mark_seen))


def _facts(kind: str) -> KindFacts | None:
    return KINDS.get(Kind(kind)) if kind in Kind.values else None


def _rule(request: SpaceRequest, public_id: str) -> AlertRule:
    found = selectors.find_rule(request.space, public_id)
    if found is None:
        raise Http404("There is no such alert in this space.")
    return found


def _back(request: SpaceRequest) -> str:
    """The page from which a button was pressed, if it is one of ours."""
    came = str(request.META.get("HTTP_REFERER", ""))
    if came and url_has_allowed_host_and_scheme(came, {request.get_host()}, require_https=request.is_secure()):
        return came
    return reverse("alerts:list", kwargs={"space": request.space.slug})
