"""What every page shares: a refusal as a page, and forms that are carried out once."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence

from django.core.cache import cache
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
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
# Clients of these get JSON also where no view of theirs was reached.
JSON_PATHS = ("/api/v1/", "/v1/")
CODES = {400: "bad_request", 403: "permission_denied", 404: "not_found", 500: "internal_error"}
SENTENCES = {
    400: "The request could not be read.",
    403: "You may not do this.",
    404: "Not found.",
    500: "Something went wrong on the server. It was logged; nothing was changed.",
}
FRAGMENTS = {403: "errors/_forbidden.html", 409: "errors/_conflict.html"}


def refuse_nul(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: 400 for a NUL in an address, which PostgreSQL refuses to compare; pages judge their queries."""

    def checked(request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "") if request.path.startswith(JSON_PATHS) else ""
        if "\0" in request.path_info or "%00" in query:
            raise BadRequest("The address holds the character NUL. Remove it.")
        return get_response(request)

    return checked


def problem_page(request: HttpRequest, error: ProductError) -> HttpResponse:
    """The sentence of a refusal: a page of its own, for htmx a callout at the top of the page. 400 becomes 422."""
    status = 422 if error.status == 400 else error.status
    return refusal(request, status=status, reason=error.detail, errors=error.errors)


def refusal(request: HttpRequest, *, status: int, reason: str = "", errors: Sequence[FieldError] = ()) -> HttpResponse:
    if request.path.startswith(JSON_PATHS):
        listed = [error.as_dict() for error in errors]
        body = {"code": CODES.get(status, "invalid"), "detail": reason or SENTENCES.get(status, ""), "errors": listed}
        return JsonResponse(body, status=status)
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
