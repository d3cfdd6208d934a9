"""What every page shares: a refusal as a page, and forms that are carried out once."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.http import retarget
from redis.exceptions import RedisError

from common.errors import FieldError, ProductError

logger = logging.getLogger(__name__)

FORM_KEY = re.compile(r"[0-9A-Za-z-]{16,64}")
FORM_KEY_SECONDS = 3600
WAIT_SECONDS = 5.0
BUSY = "busy"
PAGES = frozenset({400, 403, 404, 409, 422, 500})
FRAGMENTS = {403: "errors/_forbidden.html", 409: "errors/_conflict.html"}


def problem_page(request: HttpRequest, error: ProductError) -> HttpResponse:
    """The sentence of a refusal: a page of its own, for htmx a callout at the top of the page. 400 becomes 422."""
    status = 422 if error.status == 400 else error.status
    return refusal(request, status=status, reason=error.detail, errors=error.errors)


def refusal(request: HttpRequest, *, status: int, reason: str = "", errors: Sequence[FieldError] = ()) -> HttpResponse:
    shown = {"reason": reason, "errors": errors}
    if getattr(request, "htmx", False):
        response = render(request, FRAGMENTS.get(status, "errors/_invalid.html"), shown, status=status)
        retarget(response, "#page-errors")
        response["HX-Reswap"] = "innerHTML show:window:top"
        return response
    page = f"errors/{status}.html" if status in PAGES else "errors/422.html"
    return render(request, page, shown, status=status)


def once(request: HttpRequest, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Carry out a POST with a `form_key` once: a repeat is sent where the first one was sent (ux.md §1 rule 4).

    Only a redirect ends a form; after any other answer (invalid, a secret shown once) the key may be used again. While
    the first submit runs, the second waits for it.
    """
    key = request.POST.get("form_key", "") if request.method == "POST" else ""
    if not FORM_KEY.fullmatch(key):
        return act()
    name = f"form:{request.session.session_key}:{request.path}:{key}"
    try:
        if not cache.add(name, BUSY, timeout=FORM_KEY_SECONDS):
            earlier = _outcome(name)
            if earlier:
                return HttpResponseRedirect(earlier)
    except RedisError:
        logger.warning("the cache is away: the form key of %s is not checked", request.path)
        return act()
    location = ""
    try:
        response = act()
        if isinstance(response, HttpResponseRedirect):
            location = response.url
        return response
    finally:
        _remember(name, location)


def _outcome(name: str) -> str:
    """Where the first submit was sent; "" when it came to nothing and this one shall be carried out."""
    end = time.monotonic() + WAIT_SECONDS
    while (found := cache.get(name)) == BUSY and time.monotonic() < end:
        time.sleep(0.05)
    return "" if found in (None, BUSY) else str(found)


def _remember(name: str, location: str) -> None:
    try:
        if location:
            cache.set(name, location, timeout=FORM_KEY_SECONDS)
        else:
            cache.delete(name)
    except RedisError:
        logger.warning("the cache is away: a form key was not kept")
