"""What every REST endpoint shares: errors as `{"code", "detail", "errors"}` and keyset pages."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import set_rollback

from common.errors import ProductError


class KeysetPagination(CursorPagination):
    """`{"next", "previous", "results"}`; `?limit=` up to 200, 50 by default."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = "-pk"


def _flat_errors(detail: Any, path: str = "") -> list[dict[str, str]]:
    """DRF's nested validation detail as a list of `{"path", "code", "detail"}` with JSON pointers."""
    if isinstance(detail, dict):
        return [error for key, value in detail.items() for error in _flat_errors(value, f"{path}/{key}")]
    if isinstance(detail, list):
        found: list[dict[str, str]] = []
        for position, item in enumerate(detail):
            nested = isinstance(item, dict | list)
            found += _flat_errors(item, f"{path}/{position}" if nested else path)
        return found
    return [{"path": path, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}]


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer every expected error in one shape; what is unexpected stays a 500 and is logged."""
    if isinstance(exc, ProductError):
        set_rollback()
        return Response(
            {"code": exc.code, "detail": exc.detail, "errors": [error.as_dict() for error in exc.errors]},
            status=exc.status,
        )
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied(str(exc) or None)
    if not isinstance(exc, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if isinstance(exc, exceptions.Throttled) and (wait := getattr(exc, "wait", None)):
        headers["Retry-After"] = str(int(wait) + 1)
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if isinstance(exc, exceptions.ValidationError):
        errors = _flat_errors(exc.detail)
        sentence = f"{len(errors)} field{'s are' if len(errors) > 1 else ' is'} not valid."
        body = {"code": "invalid", "detail": sentence, "errors": errors}
        return Response(body, status=status.HTTP_400_BAD_REQUEST, headers=headers)
    body = {"code": getattr(exc.detail, "code", exc.default_code), "detail": str(exc.detail), "errors": []}
    return Response(body, status=exc.status_code, headers=headers)
