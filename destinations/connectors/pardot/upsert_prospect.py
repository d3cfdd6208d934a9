"""Create or update a prospect by its e-mail: API v5.

https://developer.salesforce.com/docs/marketing/pardot/guide/prospect-v5.html
"""

from __future__ import annotations

from typing import Any

from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import IntegrationError, PayloadValidationError, RetryableError
from destinations.kit.http import HttpError, json_request
from destinations.kit.membership import personas

HOST, SANDBOX = "https://pi.pardot.com", "https://pi.demo.pardot.com"
PATH = "/api/v5/objects/prospects"
STANDARD = (
    "email",
    "firstName",
    "lastName",
    "salutation",
    "phone",
    "company",
    "jobTitle",
    "industry",
    "city",
    "state",
    "zip",
    "country",
    "website",
)
WRONG_TENANT = (
    "The Business Unit ID or access token is invalid. Pardot answers this too when the instance is the wrong one: "
    "check whether “Sandbox” is set as it should be, and sign in with the user of that instance."
)


# Five requests at once, and the calls of a day: told in the body, whatever the status.
LIMITS = (66, 122)


def host(context: Context) -> str:
    return SANDBOX if context.settings.get("isSandbox") else HOST


def perform(context: Context, payload: dict[str, Any]) -> Conversation:
    """`POST …/do/upsertLatestByEmail`: of several prospects with the e-mail, the one last active."""
    email = str(payload.get("email") or "").strip()
    if not email:
        raise PayloadValidationError("The call carries no e-mail, by which Pardot finds the prospect.")
    body = {
        "matchEmail": email,
        "prospect": {**_prospect(context, payload), "email": email},
        "secondaryDeletedSearch": payload.get("secondaryDeletedSearch", True),
    }
    try:
        return (yield json_request("POST", f"{host(context)}{PATH}/do/upsertLatestByEmail", body))
    except HttpError as error:
        _explain(error)
        raise


def _prospect(context: Context, payload: dict[str, Any]) -> dict[str, Any]:
    found = {name: payload[name] for name in STANDARD if payload.get(name) is not None}
    found.update(payload.get("customFields") or {})
    field, key = payload.get("audience_field"), personas(context.event).get("computation_key")
    members = context.event.get("traits" if context.event.get("type") == "identify" else "properties")
    if field and key and isinstance(members, dict) and key in members:
        found[str(field)] = members[key]
    return found


def _explain(error: HttpError) -> None:
    """Raise what Pardot said as a sentence. 401 renews the token, and what is tried again keeps its waiting time."""
    response = error.response
    if response.status == 401 or error.is_retried:
        return
    if "xml" in response.headers.get("content-type", "") and response.status in (400, 403):
        raise IntegrationError(WRONG_TENANT, code="PARDOT_ERROR", status=403) from error
    answer = response.json()
    if isinstance(answer, dict) and answer.get("message"):
        said = f"Pardot said: {answer['message']} (code {answer.get('code')})"
        if answer.get("code") in LIMITS:
            raise RetryableError(said) from error
        raise IntegrationError(said, code="PARDOT_ERROR", status=response.status) from error
