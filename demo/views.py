"""The echo receiver's URLs; 404 unless ENGAGE_DEMO=1."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from common.errors import InvalidError
from demo.models import EchoRequest
from demo.services import echo

View = Callable[..., HttpResponse]


def demo_only(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.ENGAGE_DEMO:
            raise Http404("The echo receiver is part of the demo; start with ENGAGE_DEMO=1.")
        return view(request, *args, **kwargs)

    return guarded


@csrf_exempt
@login_not_required
@demo_only
def receive(request: HttpRequest, name: str) -> HttpResponse:
    """Record the request and answer as told by `?status=`, `?delay=` (seconds) and `?fail=` (share 0-1)."""
    if request.method in {"GET", "HEAD"}:
        return redirect("demo:requests", name=name)
    try:
        how = echo.behavior(request.GET.dict())
    except InvalidError as error:
        return JsonResponse({"code": error.code, "detail": error.detail}, status=400)
    status, answer = echo.receive(
        name=name,
        method=request.method or "",
        query=request.META.get("QUERY_STRING", ""),
        headers=dict(request.headers),
        body=request.body,
        how=how,
    )
    response = JsonResponse(answer, status=status)
    # An answer that was asked for is no error of this server; without this Django logs each 5xx.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


@require_safe
@demo_only
def requests(request: HttpRequest, name: str) -> HttpResponse:
    """The newest requests of a receiver, as a page."""
    rows = EchoRequest.objects.filter(name=name).order_by("-id")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit():
        rows = rows.filter(id__lt=int(before))
    page = list(rows[:51])
    names = EchoRequest.objects.order_by("name").values_list("name", flat=True).distinct()
    context = {
        "name": name,
        "names": names,
        "counts": echo.counts(name),
        "requests": page[:50],
        "before": page[49].id if len(page) > 50 else None,
    }
    return render(request, "demo/echo_requests.html", context)


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "DELETE"])
@demo_only
def requests_json(request: HttpRequest, name: str) -> HttpResponse:
    """The counts of `echo.counts`, and `{"requests", "next"}`, the oldest first.

    `?after=<id>&limit=<n>` pages (limit up to 10,000). DELETE forgets them.
    """
    if request.method == "DELETE":
        return JsonResponse({"deleted": echo.clear(name)})
    after, limit = (request.GET.get(key, "") for key in ("after", "limit"))
    first = int(after) if after.isascii() and after.isdigit() else 0
    size = min(int(limit), 10_000) if limit.isascii() and limit.isdigit() else 100
    rows = list(EchoRequest.objects.filter(name=name, id__gt=first).order_by("id")[: size + 1])
    shown = [
        {
            "id": row.id,
            "received_at": row.received_at.isoformat(),
            "method": row.method,
            "query": row.query,
            "headers": row.headers,
            "status": row.status,
            "message_id": row.message_id,
            "body": echo.parsed(row.body.encode()),
        }
        for row in rows[:size]
    ]
    following = shown[-1]["id"] if len(rows) > size else None
    return JsonResponse({**echo.counts(name), "requests": shown, "next": following})
