"""Dead letters by reason, and sending them again: preview, run, progress."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import InvalidError
from common.keyset import keyset_page
from delivery.models import ReplayRun
from delivery.selectors import books, dead_letters
from delivery.selectors.calls import CallFilter, call_page
from delivery.selectors.dead_letters import Selection
from delivery.selectors.lookups import FilterError, dead_selection, shows, told
from delivery.selectors.reasons import reason as reason_words
from delivery.selectors.replays import ITEM_STATES, counts_by_state, find_run, item_page
from delivery.services import replay_runs
from delivery.services.replay_previews import Preview, preview
from delivery.services.replay_runs import NothingToReplayError
from delivery.services.replay_words import selection_words
from delivery.views.common import kept_query, page_tabs
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

FILTERS = ("connection", "destination", "reason", "person", "profile", "message_id", "from", "to")


@space_view()
@require_GET
def dead_letter_list(request: SpaceRequest) -> HttpResponse:
    """Calls that failed for good or were skipped: grouped by reason, and one by one."""
    selection, error = _selection(request)
    groups = told(request.member, dead_letters.groups(request.space, selection))
    by_reason: dict[str, dict[str, Any]] = {}
    kept = kept_query(request, FILTERS)
    for group in groups:
        entry = by_reason.setdefault(
            group.reason, {"words": reason_words(group.reason), "calls": 0, "groups": [], "group": group}
        )
        entry["calls"] += group.calls
        query = kept | {"reason": group.reason}
        if group.connection is not None:
            query["connection"] = group.connection.public_id
        why_not = dead_letters.why_not(group.connection)
        entry["groups"].append({"group": group, "query": urlencode(query), "why_not": why_not})
    for code, entry in by_reason.items():
        entry["query"] = urlencode(kept | {"reason": code})
    page = call_page(
        request.space,
        CallFilter(dead=selection),
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    total = sum(group.calls for group in groups)
    shown = {
        "error": error,
        "reasons": sorted(by_reason.values(), key=lambda entry: -entry["calls"]),
        "page": page,
        "rows": told(request.member, page.rows),
        "total": total,
        "query": {name: request.GET.get(name, "") for name in FILTERS},
        "kept": urlencode(kept),
        "has_filter": bool(kept),
        "connections": books.connections_of(request.space),
        "tabs": page_tabs(request, "dead_letters", **({} if kept else {"dead_letters": total})),
    }
    return render(request, "delivery/dead_letters.html", shown)


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def replay_new(request: SpaceRequest) -> HttpResponse:
    """What a replay of the filtered dead letters would do; POST starts it."""
    selection, error = _selection(request)
    given = request.POST.get("rate", "") if request.method == "POST" else request.GET.get("rate", "")
    rate, rate_error, status = _rate(given), "", 200
    if given and rate is None:
        rate_error = f"The rate has to be a whole number from 1 to {replay_runs.HIGHEST_RATE:,}."
    found: Preview | None = None
    words = selection_words(request.space, selection)
    if request.method == "POST" and not error and not rate_error:
        try:
            run = replay_runs.start(
                space=request.space, actor=request.user, selection=selection, rate=rate or 1, words=words
            )
        except InvalidError as refused:
            rate_error = refused.detail
        except NothingToReplayError as nothing:
            messages.info(request, nothing.detail)
            return redirect(f"{request.path}?{urlencode(kept_query(request, FILTERS))}")
        else:
            messages.success(request, f"The replay of {run.total:,} calls has begun.")
            return redirect("delivery:replay", space=request.space.slug, run_id=run.public_id)
    if request.method == "POST" or rate_error:
        status = 422
    if not error:
        found = preview(space=request.space, selection=selection, rate=rate)
    show = shows(request.member)
    shown = {
        "preview": found,
        "samples": [
            {
                "sample": sample,
                "before": show(sample.before) if sample.before is not None else None,
                "event": show(sample.event),
                "requests": [show(one) for one in sample.requests],
            }
            for sample in told(request.member, found.samples if found else [])
        ],
        "words": words,
        "error": error,
        "rate": given if rate_error else (found.rate if found else ""),
        "rate_error": rate_error,
        "highest_rate": replay_runs.HIGHEST_RATE,
        "back_url": _with(reverse("delivery:dead_letters", kwargs={"space": request.space.slug}), request),
    }
    return render(request, "delivery/replay_new.html", shown, status=status)


@space_view()
@require_GET
def replay_list(request: SpaceRequest) -> HttpResponse:
    rows = ReplayRun.objects.in_space(request.space).select_related("created_by")
    page = keyset_page(rows, after=request.GET.get("after", ""), before=request.GET.get("before", ""))
    return render(
        request, "delivery/replay_list.html", {"page": page, "rows": page.rows, "tabs": page_tabs(request, "replays")}
    )


@space_view()
@require_GET
def replay(request: SpaceRequest, run_id: str) -> HttpResponse:
    """Progress, and the outcome of every message; with htmx only what moves."""
    run = _run(request, run_id)
    state = request.GET.get("outcome", "")
    state = state if state in ITEM_STATES else ""
    page = item_page(run, state=state, after=request.GET.get("after", ""))
    counted = counts_by_state(run)
    shown = {
        "run": run,
        "page": page,
        "counts": counted,
        "left": max(0, run.total - run.handed_over),
        "outcomes": [
            {
                "label": label,
                "url": f"{request.path}?{urlencode({'outcome': name})}" if name else request.path,
                "active": name == state,
                "count": counted[name],
            }
            for name, label in ITEM_STATES.items()
        ],
        "live_url": request.get_full_path(),
        "again_url": _again_url(request, run),
    }
    return render(request, "delivery/_replay.html" if request.htmx else "delivery/replay.html", shown)


@space_view()
@require_POST
def replay_pause(request: SpaceRequest, run_id: str) -> HttpResponse:
    replay_runs.pause(run=_run(request, run_id), actor=request.user)
    return redirect("delivery:replay", space=request.space.slug, run_id=run_id)


@space_view()
@require_POST
def replay_resume(request: SpaceRequest, run_id: str) -> HttpResponse:
    replay_runs.resume(run=_run(request, run_id), actor=request.user)
    return redirect("delivery:replay", space=request.space.slug, run_id=run_id)


@space_view()
@require_POST
def replay_cancel(request: SpaceRequest, run_id: str) -> HttpResponse:
    replay_runs.cancel(run=_run(request, run_id), actor=request.user)
    messages.success(request, "The replay was canceled. What was handed over already still goes out.")
    return redirect("delivery:replay", space=request.space.slug, run_id=run_id)


def _run(request: SpaceRequest, run_id: str) -> ReplayRun:
    run = find_run(request.space, run_id)
    if run is None:
        raise Http404("There is no such replay in this space.")
    return run


def _selection(request: SpaceRequest) -> tuple[Selection, str]:
    try:
        return dead_selection(request.space, request.GET.get), ""
    except FilterError as problem:
        return Selection(ids=(0,)), problem.detail


def _rate(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) < 6
    rate = int(text) if is_number else 0
    return rate if replay_runs.LOWEST_RATE <= rate <= replay_runs.HIGHEST_RATE else None


def _with(url: str, request: SpaceRequest) -> str:
    kept = kept_query(request, FILTERS)
    return f"{url}?{urlencode(kept)}" if kept else url


def _again_url(request: SpaceRequest, run: ReplayRun) -> str:
    """The preview of the same selection."""
    selection = Selection.from_json(run.selection)
    query = dead_letters.as_query(request.space, selection)
    url = reverse("delivery:replay_new", kwargs={"space": request.space.slug})
    return f"{url}?{urlencode(query)}" if query else url
