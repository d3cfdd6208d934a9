"""Tokens of the REST API: `Authorization: Token …`."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from spaces.models import ApiToken, User
from spaces.services.tokens import find_token, note_use

KEYWORDS = frozenset({b"token", b"bearer"})


class TokenAuthentication(BaseAuthentication):
    """`request.user` is the member's user, `request.auth` the ApiToken. 401 in the API's shape otherwise."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() not in KEYWORDS:
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Send the header as `Authorization: Token <your token>`, without blanks in it.")
        token = find_token(words[1].decode("latin-1"))
        if token is None:
            raise AuthenticationFailed("This token is unknown or was revoked. Create one in Settings, API tokens.")
        note_use(token, now=timezone.now())
        return token.member.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes the header."""

    target_class = "spaces.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <your token>`, made in Settings, API tokens.",
        }
