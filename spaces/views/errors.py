"""The pages for what is refused or cannot be found (templates/errors)."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from common.pages import refusal


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, status=400, reason=str(exception) if isinstance(exception, BadRequest) else "")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, status=403, reason=str(exception))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    return refusal(request, status=500)
