"""Facebook's Graph API: its address, and what its errors mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from destinations.kit.batches import Results
from destinations.kit.definition import Item
from destinations.kit.errors import InvalidAuthenticationError
from destinations.kit.http import HttpError, Response
from destinations.kit.verdicts import LONGEST_RETRY_AFTER, ItemResult, retry_after

HOST = "https://graph.facebook.com/v24.0"
# What Facebook says with a 400 although it passes: limits of the app, the user, the account, and of custom audiences.
THROTTLED = frozenset({4, 17, 32, 341, 613, 80000, 80001, 80002, 80003, 80004, 80005, 80006, 80008, 80009, 80014})
TEMPORARY = frozenset({1, 2})
LOGGED_OUT = frozenset({102, 190})
# The audience is being updated by an earlier call.
BUSY_SUBCODES = frozenset({1870145, 1870147})
USAGE_HEADER = "x-business-use-case-usage"


def account_path(account: str) -> str:
    """`act_` and the number, whether or not it was given with it."""
    return f"act_{account.strip().removeprefix('act_')}"


def refusal(error: HttpError) -> ItemResult:
    """What a refused call means for what it carried. InvalidAuthenticationError when the token is no longer taken."""
    told = _told(error.response)
    code, status = told.get("code"), error.status
    message = sentence(error)
    if code in LOGGED_OUT or status == 401:
        raise InvalidAuthenticationError(f"Facebook no longer accepts the access token. {message}")
    if code in THROTTLED:
        status = 429
    elif 400 <= status < 500 and (code in TEMPORARY or told.get("error_subcode") in BUSY_SUBCODES):
        status = 503
    return ItemResult(status=status, message=message, retry_after=_pause(error.response), body=told or None)


def refuse(results: Results, items: Sequence[Item], error: HttpError) -> None:
    """A call for these items was refused."""
    result = refusal(error)
    for item in items:
        results.set(item, result)


def sentence(error: HttpError) -> str:
    """What Facebook said, in its words for people first."""
    told = _told(error.response)
    said = [str(told[name]) for name in ("error_user_title", "error_user_msg", "message") if told.get(name)]
    if not said:
        return error.message
    named = [f"{name} {told[key]}" for key, name in (("code", "code"), ("error_subcode", "subcode")) if told.get(key)]
    text = " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in dict.fromkeys(said))
    return f"Facebook: {text} ({', '.join(named)})" if named else f"Facebook: {text}"


def _told(response: Response) -> dict[str, Any]:
    answer = response.json()
    told = answer.get("error") if isinstance(answer, dict) else None
    return told if isinstance(told, dict) else {}


def _pause(response: Response) -> float | None:
    """Seconds to wait: as usual, else the longest "regain access" (in minutes) of the usage header."""
    usual = retry_after(response)
    if usual is not None:
        return usual
    try:
        usage = json.loads(response.headers.get(USAGE_HEADER, ""))
        minutes = [one["estimated_time_to_regain_access"] for ones in usage.values() for one in ones]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    longest = max((one for one in minutes if isinstance(one, int | float)), default=0)
    return min(longest * 60.0, LONGEST_RETRY_AFTER) if longest > 0 else None
