"""What every route of the Profile API shares: who calls, which profile, how often, and the shape of an error."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from common.errors import InvalidError
from profiles.masking import masked
from profiles.models import COLLECTION_NAMES, ExternalId, Profile
from profiles.selectors.search import profile_by_segment_id
from spaces.models import ApiToken, Space, User
from spaces.services.tokens import find_token, note_use

COLLECTIONS = {name: number for number, name in COLLECTION_NAMES.items()}
CODES = {401: "authentication_error", 404: "not_found", 429: "rate_limit_error"}


class BasicTokenAuthentication(BaseAuthentication):
    """The access token as the user name of HTTP Basic, with an empty password."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, given = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"basic":
            return None
        try:
            secret = base64.b64decode(given.strip(), validate=True).decode("latin-1").partition(":")[0]
        except (binascii.Error, ValueError):
            raise exceptions.AuthenticationFailed("The Authorization header is no valid HTTP Basic.") from None
        token = find_token(secret)
        if token is None:
            raise exceptions.AuthenticationFailed(
                "This access token is unknown or was revoked. Create one in Settings, API tokens."
            )
        note_use(token, now=timezone.now())
        return token.member.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Basic"


class SpaceThrottle(SimpleRateThrottle):
    """100 requests a second for each space."""

    rate = "100/s"
    scope = "profile_api"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle_profile_api_{view.kwargs.get('space_id', '')}"


@extend_schema(exclude=True)
class ProfileAPIView(APIView):
    """Sets `self.space` and `self.profile`; answers errors as `{"error": {"code", "message"}}`.

    A token of another space, an unknown space and an unknown profile are all answered 404.
    """

    authentication_classes = [BasicTokenAuthentication]
    throttle_classes = [SpaceThrottle]
    space: Space
    profile: Profile
    shows_personal_data: bool

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        token = request.auth
        assert isinstance(token, ApiToken)
        space = Space.objects.filter(public_id=kwargs["space_id"], workspace=token.member.workspace_id).first()
        if space is None or (token.space_id is not None and token.space_id != space.pk):
            raise Http404("Space was not found.")
        self.space = space
        self.shows_personal_data = token.member.has_pii_access
        profile = _profile(space, kwargs["collection"], kwargs["lookup"])
        if profile is None:
            raise Http404("Profile was not found.")
        self.profile = profile

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, InvalidError):
            return _problem(400, "validation_error", exc.detail)
        if isinstance(exc, Http404):
            return _problem(404, "not_found", str(exc))
        if isinstance(exc, exceptions.APIException):
            answer = _problem(exc.status_code, CODES.get(exc.status_code, "invalid_request_error"), str(exc.detail))
            if exc.status_code == status.HTTP_401_UNAUTHORIZED:
                answer["WWW-Authenticate"] = self.get_authenticate_header(self.request)
            if wait := getattr(exc, "wait", None):
                answer["Retry-After"] = str(int(wait) + 1)
            return answer
        raise exc

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Request-Id"] = secrets.token_hex(16)
        return answer

    def shown(self, value: Any, key: str = "") -> Any:
        """The value, with personal data masked for a member without the PII right."""
        return value if self.shows_personal_data else masked(value, key)


def _profile(space: Space, collection: str, lookup: str) -> Profile | None:
    """By `type:value`, or by a Segment ID."""
    number = COLLECTIONS.get(collection)
    if number is None or "\0" in lookup:
        return None
    id_type, colon, value = lookup.partition(":")
    if not colon:
        profile = profile_by_segment_id(space, lookup)
        return profile if profile is not None and profile.collection == number else None
    found = ExternalId.objects.in_space(space).filter(collection=number, id_type=id_type, value=value.lower()).first()
    return Profile.objects.in_space(space).filter(id=found.profile_id).first() if found else None


def _problem(number: int, code: str, message: str) -> Response:
    return Response({"error": {"code": code, "message": message}}, status=number)


def limit_of(request: Request, *, default: int, most: int) -> int:
    text = request.query_params.get("limit", "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= most:
        raise InvalidError.at("/limit", f"limit must be a whole number from 1 to {most}.")
    return int(text)


def names_of(request: Request, parameter: str) -> list[str]:
    """A comma separated list; an absent or empty one is []."""
    return [name.strip() for name in request.query_params.get(parameter, "").split(",") if name.strip()]


def flag_of(request: Request, parameter: str) -> bool:
    return request.query_params.get(parameter, "").lower() in {"true", "1"}


def instant_of(request: Request, parameter: str) -> datetime | None:
    text = request.query_params.get(parameter, "")
    if not text:
        return None
    try:
        found = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None:
        raise InvalidError.at(f"/{parameter}", f"{parameter} must be an ISO 8601 time such as 2026-05-01T00:00:00Z.")
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone.get_current_timezone())


def cursor(request: Request, *, following: str | None, limit: int) -> Mapping[str, Any]:
    """`{"url", "has_more", "next", "limit"}`; `url` is the address of the next page, relative to the host."""
    parameters = request.query_params.copy()
    parameters.pop("next", None)
    if following is not None:
        parameters["next"] = following
    query = parameters.urlencode()
    url = f"{request.path}?{query}" if following is not None and query else ""
    return {"url": url, "has_more": following is not None, "next": following or "", "limit": limit}
