"""Signing in: OAuth 2 with a refresh token, or a user name and password with a connected app."""

from __future__ import annotations

import re
from dataclasses import replace

from destinations.kit import auth
from destinations.kit.auth import Auth
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import IntegrationError, InvalidAuthenticationError
from destinations.kit.http import form_request
from engine.mapping.fields import Field

API_VERSION = "v53.0"
LOGIN, SANDBOX_LOGIN = "https://login.salesforce.com", "https://test.salesforce.com"

_INSTANCE = re.compile(r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.salesforce\.com\Z")


def token_url(context: Context) -> str:
    host = SANDBOX_LOGIN if context.settings.get("isSandbox") else LOGIN
    return f"{host}/services/oauth2/token"


def consent_page(context: Context) -> str:
    host = SANDBOX_LOGIN if context.settings.get("isSandbox") else LOGIN
    return f"{host}/services/oauth2/authorize"


def api_url(context: Context, path: str) -> str:
    """`path` under the versioned API of the organisation; the host of the settings, else the one that signing in named.

    Raises IntegrationError when the host is none of Salesforce's: the token must not go anywhere else.
    """
    instance = str(context.settings.get("instanceUrl") or context.token.extra.get("instance_url") or "").rstrip("/")
    if not _INSTANCE.match(instance):
        raise IntegrationError(
            "The instance URL has to look like https://yourcompany.my.salesforce.com. Correct it in the settings.",
            code="INVALID_SETTINGS",
        )
    return f"{instance}/services/data/{API_VERSION}/{path}"


def _refresh(context: Context) -> Conversation:
    if not context.settings.get("username"):
        assert _OAUTH.refresh is not None
        return (yield from _OAUTH.refresh(context))
    client_id, client_secret = auth.oauth_client(context)
    password = context.settings.get("auth_password")
    if not (client_id and client_secret and password):
        raise InvalidAuthenticationError(
            "Signing in by user name needs the password and the client ID and secret of a connected app."
        )
    form = {
        "grant_type": "password",
        "client_id": client_id,
        "client_secret": client_secret,
        "username": str(context.settings["username"]),
        "password": f"{password}{context.settings.get('security_token') or ''}",
    }
    return auth.read_token((yield from auth.asked(form_request(token_url(context), form))))


def sign_in(fields: tuple[Field, ...]) -> Auth:
    """The scheme; `fields` are the settings that belong to it."""
    return replace(_OAUTH, refresh=_refresh, fields=fields)


_OAUTH = auth.oauth2(token_url, consent=auth.Consent(url=consent_page, scope="api refresh_token"))
