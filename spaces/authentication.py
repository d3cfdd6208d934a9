"""Tokens of the REST API: `Authorization: Token …`."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication


class TokenAuthentication(BaseAuthentication):
    pass
