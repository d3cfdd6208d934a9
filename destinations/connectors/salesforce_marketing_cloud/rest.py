"""Marketing Cloud's hosts, its sign-in and what its errors say.

https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/rest-api-overview.html
"""

from __future__ import annotations

import re
from typing import Any

from destinations.kit import auth
from destinations.kit.definition import Context
from destinations.kit.errors import IntegrationError
from destinations.kit.http import Request, Response, form_request

_SUBDOMAIN = re.compile(r"[A-Za-z0-9-]{1,63}\Z")
_FORM_TYPE = "application/x-www-form-urlencoded;charset=UTF-8"


def url(context: Context, path: str) -> str:
    """An address of the REST API; `path` begins with a slash."""
    return f"{_host(context, 'rest')}{path}"


def token_url(context: Context) -> str:
    return f"{_host(context, 'auth')}/v2/token"


def token_form(context: Context) -> dict[str, str]:
    known = context.settings
    form = {name: str(known.get(name) or "") for name in ("account_id", "client_id", "client_secret")}
    return {**form, "grant_type": "client_credentials"}


SIGN_IN = auth.client_credentials(token_url, token_form, content_type=_FORM_TYPE)


def test_connection(context: Context) -> Request:
    """A token for the installed package: what every other call begins with."""
    return form_request(token_url(context), token_form(context), content_type=_FORM_TYPE)


def said(response: Response) -> str:
    """Why a call was refused: the first detailed error, else the message of the answer."""
    answer = _object(response)
    details = answer.get("additionalErrors")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("message"):
            return str(detail["message"])
    return str(answer.get("message") or "")


def is_transient(response: Response) -> bool:
    """Whether a 400 is the passing trouble of Marketing Cloud's own storage, which says nothing of any row."""
    answer = _object(response)
    return (
        response.status == 400
        and str(answer.get("errorcode")) == "10006"
        and str(answer.get("message") or "").startswith("Unable to save rows for data extension ID")
        and not answer.get("additionalErrors")
    )


def _host(context: Context, service: str) -> str:
    subdomain = str(context.settings.get("subdomain") or "")
    if not _SUBDOMAIN.match(subdomain):
        raise IntegrationError(
            "The subdomain is not valid: it is the first part of your Marketing Cloud addresses, "
            "only letters, digits and hyphens.",
            code="INVALID_SETTINGS",
        )
    return f"https://{subdomain}.{service}.marketingcloudapis.com"


def _object(response: Response) -> dict[str, Any]:
    answer = response.json()
    return answer if isinstance(answer, dict) else {}
