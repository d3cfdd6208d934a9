"""Mailchimp's Marketing API 3.0: addresses of calls, signing in, what its refusals say.

https://mailchimp.com/developer/marketing/api/
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from destinations.kit.auth import Auth, basic_value
from destinations.kit.definition import Context
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError
from destinations.kit.personal import hash_of, trim_lower

_DATA_CENTER = re.compile(r"[a-z]{2,6}[0-9]{1,4}\Z")
# Any name will do; the key is the password.
_USER = "engage"


def url(context: Context, path: str) -> str:
    """`path` at the data center of the account, which stands in the settings or at the end of the key."""
    data_center = str(context.settings.get("datacenter") or "").strip().lower()
    if not data_center:
        data_center = str(context.settings.get("api_key") or "").strip().rpartition("-")[2].lower()
    if not _DATA_CENTER.match(data_center):
        raise IntegrationError("The data center is missing: it is the end of the API key, such as us21.")
    return f"https://{data_center}.api.mailchimp.com/3.0{path}"


def list_url(context: Context, list_id: str, rest: str = "") -> str:
    skip = "?skip_merge_validation=true" if context.settings.get("skip_merge_validation") else ""
    return url(context, f"/lists/{quote(list_id.strip(), safe='')}{rest}{skip}")


def member_url(context: Context, list_id: str, email: str) -> str:
    return list_url(context, list_id, f"/members/{hash_of(email, 'md5', trim_lower)}")


def auth() -> Auth:
    return Auth(
        kind="basic",
        headers=lambda context: {
            "Authorization": basic_value(_USER, str(context.settings.get("api_key") or "").strip())
        },
    )


def refusal(error: HttpError) -> str:
    """What a problem document says, as a sentence; "" for any other answer."""
    answer = error.response.json()
    if not isinstance(answer, dict) or not answer.get("title"):
        return ""
    details = answer.get("errors")
    fields = [
        f"{one.get('field') or 'field'}: {one.get('message')}"
        for one in (details if isinstance(details, list) else [])
        if isinstance(one, dict)
    ]
    said: list[Any] = [f"{answer['title']}: {answer.get('detail') or ''}".rstrip(": "), *fields]
    return f"Mailchimp refused it ({error.status}). " + "; ".join(str(one) for one in said)
