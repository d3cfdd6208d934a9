"""Zendesk's Support API, version 2: addresses and signing in. https://developer.zendesk.com/api-reference/"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from destinations.kit.auth import OAUTH_FIELDS, Auth, basic_value
from destinations.kit.definition import Context
from destinations.kit.errors import IntegrationError, RetryableError
from destinations.kit.http import HttpError

_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_WORDS = re.compile(r"([a-z0-9])([A-Z])")
_OTHERS = re.compile(r"[^a-z0-9]+")


def url(context: Context, path: str) -> str:
    subdomain = str(context.settings.get("subdomain") or "").strip().lower()
    if not _SUBDOMAIN.match(subdomain):
        raise IntegrationError("The subdomain is the part of your Zendesk address before .zendesk.com.")
    return f"https://{subdomain}.zendesk.com/api/v2{path}"


def _headers(context: Context) -> dict[str, str]:
    email, token = (str(context.settings.get(name) or "").strip() for name in ("email", "api_token"))
    if token:
        return {"Authorization": basic_value(f"{email}/token", token)}
    return {"Authorization": f"Bearer {context.token.access_token}"}


def auth() -> Auth:
    field = replace(OAUTH_FIELDS[0], required=False, description="An OAuth token, instead of e-mail and API token.")
    return Auth(kind="basic", headers=_headers, fields=(field,))


def explained(error: HttpError) -> Exception:
    """What to raise for a refusal: 409 is another change of the same record under way, 422 says what is wrong."""
    if error.status == 409:
        return RetryableError("Zendesk is changing the same record at this moment. Trying again.")
    said = refusal(error) if error.status in (400, 403, 404, 422) else ""
    return IntegrationError(said, status=error.status) if said else error


def refusal(error: HttpError) -> str:
    """The problem as a sentence; "" when the answer says nothing."""
    answer = error.response.json()
    if not isinstance(answer, dict) or not (answer.get("error") or answer.get("description")):
        return ""
    problem = answer.get("error")
    title = problem.get("title") if isinstance(problem, dict) else problem
    details = answer.get("details")
    fields = [
        str(one.get("description"))
        for many in (details.values() if isinstance(details, dict) else ())
        for one in (many if isinstance(many, list) else [])
        if isinstance(one, dict)
    ]
    said: list[Any] = [title, answer.get("description"), *fields]
    return f"Zendesk refused it ({error.status}): " + "; ".join(str(one) for one in said if one)


def snake_case(key: str) -> str:
    """`favoriteTeam` as `favorite_team`."""
    return _OTHERS.sub("_", _WORDS.sub(r"\1_\2", key).lower()).strip("_")
