"""What every REST endpoint shares: errors as `{"code", "detail", "errors"}` and keyset pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from common.errors import FieldError, InvalidError, ProductError

# A body may nest this deep; a definition nests at most 16 groups of three levels each.
DEEPEST = 100


MOST_A_PAGE = 200
USUAL_A_PAGE = 50


def whole_number(request: Request, name: str, *, default: int, least: int = 0, most: int = 2**62) -> int:
    """A query parameter that is a whole number; InvalidError naming it when it is something else or out of bounds."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise InvalidError.at(f"/{name}", f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def page_limit(request: Request) -> int:
    """`?limit=`: how many rows a page has."""
    return whole_number(request, "limit", default=USUAL_A_PAGE, least=1, most=MOST_A_PAGE)


class KeysetPagination(CursorPagination):
    """`{"next", "previous", "results"}`; `?limit=` up to 200, 50 by default."""

    page_size_query_param = "limit"
    ordering = "-pk"

    def get_page_size(self, request: Request) -> int:
        return page_limit(request)


class StorableJSONParser(JSONParser):
    """JSON that PostgreSQL can keep: no NUL, no lone surrogate, no nesting beyond DEEPEST. Else 400 at the place."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            found = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise InvalidError.at("", _TOO_DEEP, "too_deep") from None
        errors = _unstorable(found)
        if errors:
            raise InvalidError(errors[0].detail, errors)
        return found


_TOO_DEEP = f"The body nests more than {DEEPEST} levels deep. Send a flatter one."


def _unstorable(value: Any) -> list[FieldError]:
    """Every text that cannot be stored, at its JSON pointer. Walks without recursion: the input is not trusted."""
    errors: list[FieldError] = []
    waiting: list[tuple[Any, str, int]] = [(value, "", 0)]
    while waiting:
        item, path, depth = waiting.pop()
        if isinstance(item, str):
            _check_text(item, path, errors)
        elif isinstance(item, dict | list):
            if depth >= DEEPEST:
                return [FieldError(path="", code="too_deep", detail=_TOO_DEEP)]
            if isinstance(item, dict):
                for key in item:
                    _check_text(key, path, errors)
            inner = item.items() if isinstance(item, dict) else enumerate(item)
            waiting += [(child, f"{path}/{_pointer(key)}", depth + 1) for key, child in inner]
    return sorted(errors, key=lambda error: error.path)


def _check_text(text: str, path: str, errors: list[FieldError]) -> None:
    if "\0" in text:
        detail = "The text holds the character NUL, which cannot be stored. Remove it."
    elif any("\ud800" <= letter <= "\udfff" for letter in text):
        detail = "The text holds half of a surrogate pair, which cannot be stored. Remove it."
    else:
        return
    errors.append(FieldError(path=path, code="invalid_character", detail=detail))


def _pointer(key: Any) -> str:
    """A key as a part of a JSON pointer, printable whatever it holds."""
    text = json.dumps(str(key))[1:-1] if not str(key).isprintable() else str(key)
    return text.replace("~", "~0").replace("/", "~1")


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
