"""Signing in at a vendor: keys, Basic, OAuth 2, client credentials, session tokens (docs/connectors.md, "Signing in").

An Auth adds headers to every request of its connector and knows how to get a new token. Whoever runs a conversation
asks for one when there is none, and once more after a 401; the new token is stored encrypted with the destination.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlencode

from destinations.kit.definition import Context, Conversation, Token
from destinations.kit.errors import InvalidAuthenticationError, RetryableError
from destinations.kit.http import HttpError, Response, form_request
from engine.mapping.fields import Field

# A vendor that says one of these has another refresh of the same token under way.
_UNDER_WAY = ("token request is already being processed", "expired authorization code")

Headers = Callable[[Context], Mapping[str, str]]
TextOf = str | Callable[[Context], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Where a person lets this installation act for them at the vendor: the page of the authorization-code flow.

    `scope` is written as the vendor wants it (blanks or commas between scopes), `params` are further members of the
    address.
    """

    url: TextOf
    scope: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """`headers(context)` go on every request that does not set them itself. `refresh(context)` is a generator that
    yields requests (sent without these headers) and returns a Token; None: there is nothing to renew.

    `fields` are the settings that the scheme needs. With a `consent` people connect an account in the browser;
    `exchange(context, code, redirect_uri)` makes the tokens of the code that the vendor hands out then.
    """

    kind: Literal["key", "basic", "oauth2", "client_credentials", "session"]
    headers: Headers
    refresh: Callable[[Context], Conversation] | None = None
    fields: tuple[Field, ...] = ()
    consent: Consent | None = None
    exchange: Callable[[Context, str, str], Conversation] | None = None


def basic_value(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def key(header: str, setting: str, *, prefix: str = "") -> Auth:
    """A key of the settings in a header of its own."""
    return Auth(kind="key", headers=lambda context: {header: f"{prefix}{context.settings.get(setting) or ''}"})


def bearer(setting: str) -> Auth:
    """`Authorization: Bearer <setting>`."""
    return key("Authorization", setting, prefix="Bearer ")


def basic(user: str, password: str) -> Auth:
    """HTTP Basic from two settings, given by their keys."""
    return Auth(
        kind="basic",
        headers=lambda context: {
            "Authorization": basic_value(
                str(context.settings.get(user) or ""), str(context.settings.get(password) or "")
            )
        },
    )


def bearer_headers(context: Context) -> dict[str, str]:
    return {"Authorization": f"Bearer {context.token.access_token}"}


def oauth2(
    token_url: TextOf,
    *,
    headers: Headers = bearer_headers,
    client_in: Literal["form", "basic"] = "form",
    content_type: str = "application/x-www-form-urlencoded;charset=UTF-8",
    consent: Consent | None = None,
) -> Auth:
    """The authorization-code flow: access and refresh token are given in the settings, and renewed from then on.

    The client is that of the settings (`oauth_client_id`, `oauth_client_secret`), else the operator's of these names.
    With a `consent` the tokens need not be pasted: a person connects an account in the browser.
    """

    def ask(context: Context, form: dict[str, str], grant: str) -> Conversation:
        client_id, client_secret = oauth_client(context)
        more: dict[str, str] = {}
        if client_in == "basic":
            more["Authorization"] = basic_value(client_id, client_secret)
        else:
            form |= {"client_id": client_id, "client_secret": client_secret}
        form["grant_type"] = grant
        response = yield from asked(form_request(_text(token_url, context), form, more, content_type=content_type))
        return read_token(response)

    def refresh(context: Context) -> Conversation:
        old = context.token.refresh_token
        if not old:
            raise InvalidAuthenticationError(_nothing_to_renew(context, consent))
        token: Token = yield from ask(context, {"refresh_token": old}, "refresh_token")
        return Token(access_token=token.access_token, refresh_token=token.refresh_token or old, extra=token.extra)

    def exchange(context: Context, code: str, redirect_uri: str) -> Conversation:
        return (yield from ask(context, {"code": code, "redirect_uri": redirect_uri}, "authorization_code"))

    return Auth(
        kind="oauth2",
        headers=headers,
        refresh=refresh,
        fields=OAUTH_FIELDS if consent is None else CONSENT_FIELDS,
        consent=consent,
        exchange=None if consent is None else exchange,
    )


def consent_url(auth: Auth, context: Context, *, redirect_uri: str, state: str) -> str:
    """The vendor's page that asks the person; it leads back to `redirect_uri` with a code and the state."""
    assert auth.consent is not None
    client_id, _secret = oauth_client(context)
    query = {"client_id": client_id, "redirect_uri": redirect_uri, "response_type": "code", "state": state}
    if auth.consent.scope:
        query["scope"] = auth.consent.scope
    return f"{_text(auth.consent.url, context)}?{urlencode(query | dict(auth.consent.params))}"


def _nothing_to_renew(context: Context, consent: Consent | None) -> str:
    if not context.token.access_token and consent is not None:
        return "No account is connected yet. Open the settings of the destination and connect one."
    if consent is not None:
        return "The account is no longer connected. Open the settings of the destination and connect it again."
    return (
        "The access token is no longer accepted and there is no refresh token. Give the destination a new access "
        "token, or a refresh token with its client."
    )


def client_credentials(
    token_url: TextOf,
    form: Callable[[Context], Mapping[str, str]],
    *,
    headers: Headers = bearer_headers,
    content_type: str = "application/x-www-form-urlencoded;charset=UTF-8",
) -> Auth:
    """A token for the client itself; `form(context)` is the whole body of the token request."""

    def refresh(context: Context) -> Conversation:
        request = form_request(_text(token_url, context), form(context), content_type=content_type)
        return read_token((yield from asked(request)))

    return Auth(kind="client_credentials", headers=headers, refresh=refresh)


def session(login: Callable[[Context], Conversation], headers: Headers) -> Auth:
    """A session token that `login(context)` asks for: a generator that returns a Token."""

    def refresh(context: Context) -> Conversation:
        return (yield from _explained(login(context)))

    return Auth(kind="session", headers=headers, refresh=refresh)


def asked(request: Any) -> Conversation:
    """The response to a request for a token; refusals become sentences."""

    def one() -> Conversation:
        return (yield request)

    return (yield from _explained(one()))


def read_token(response: Response) -> Token:
    """`access_token`, `refresh_token` and the other texts of a token answer."""
    answer = response.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise InvalidAuthenticationError("The destination gave no access token. Check the client ID and secret.")
    extra = {name: value for name, value in answer.items() if isinstance(value, str) and not name.endswith("_token")}
    return Token(access_token=answer["access_token"], refresh_token=str(answer.get("refresh_token") or ""), extra=extra)


def oauth_client(context: Context) -> tuple[str, str]:
    """Client ID and secret: the destination's, else the operator's."""
    found = [
        str(context.settings.get(name) or context.operator.get(name) or "")
        for name in ("oauth_client_id", "oauth_client_secret")
    ]
    return found[0], found[1]


def _explained(conversation: Conversation) -> Conversation:
    try:
        return (yield from conversation)
    except HttpError as error:
        if error.is_retried:
            raise
        answer = error.response.json()
        said = str(answer.get("error_description") or answer.get("error") or "") if isinstance(answer, dict) else ""
        if any(words in said for words in _UNDER_WAY):
            raise RetryableError("Another refresh of the access token is under way.") from error
        raise InvalidAuthenticationError(
            f"Signing in failed: the destination answered {error.status}{f' ({said[:200]})' if said else ''}. "
            "Check the credentials in the settings."
        ) from error


def _text(value: TextOf, context: Context) -> str:
    return value if isinstance(value, str) else value(context)


OAUTH_FIELDS = (
    Field(
        key="oauth_access_token",
        label="Access token",
        type="password",
        required=True,
        description="A token of the tool for this product. It is renewed when a refresh token and client are given.",
    ),
    Field(
        key="oauth_refresh_token",
        label="Refresh token",
        type="password",
        description="Renews the access token when it has expired. Without it, deliveries pause then.",
    ),
    Field(
        key="oauth_client_id",
        label="Client ID",
        description="The app that the tokens were made for. Left empty, the installation's own.",
    ),
    Field(
        key="oauth_client_secret",
        label="Client secret",
        type="password",
        description="The secret of that app.",
    ),
)
# Where an account is connected in the browser nothing has to be pasted.
CONSENT_FIELDS = tuple(
    replace(
        one,
        required=False,
        description="Given when an account is connected; or paste one of the tool's own. "
        "It is renewed when there is a refresh token.",
    )
    if one.key == "oauth_access_token"
    else one
    for one in OAUTH_FIELDS
)
