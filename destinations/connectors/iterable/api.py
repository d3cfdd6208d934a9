"""Iterable's API: hosts, and what its answers say of single people.

https://api.iterable.com/api/docs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from destinations.kit import auth
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Item
from destinations.kit.http import HttpError, Request, Response, json_request

HOSTS = {"united_states": "https://api.iterable.com", "europe": "https://api.eu.iterable.com"}
SIGN_IN = auth.key("Api-Key", "apiKey")

# The person that an item names, as `(email, userId)`.
PersonOf = Callable[[Item], tuple[Any, Any]]


def url(context: Context, path: str) -> str:
    return HOSTS.get(str(context.settings.get("dataCenterLocation")), HOSTS["united_states"]) + path


def post(context: Context, path: str, body: Any) -> Request:
    return json_request("POST", url(context, path), body, timeout=30)


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=url(context, "/api/webhooks"))


def refuse(results: Results, items: Sequence[Item], error: HttpError) -> None:
    """A call was refused: `{"code", "msg"}`."""
    answer = error.response.json()
    results.refuse(items, error, str(answer.get("msg") or "") if isinstance(answer, dict) else "")


def note_failures(results: Results, items: Sequence[Item], response: Response, person_of: PersonOf) -> None:
    """Fail the items whose people the answer names as invalid, unknown or in conflict, though the call succeeded."""
    answer = response.json()
    if not isinstance(answer, dict):
        return
    failed = dict(_failed(answer))
    inner = answer.get("failedUpdates")
    if isinstance(inner, dict):
        failed |= dict(_failed(inner))
    for item in items:
        for name in person_of(item):
            reason = failed.get(str(name).lower()) if name else None
            if reason:
                results.fail(item, f"Iterable did not take {name}: {reason}.", code="REFUSED")
                break


def _failed(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """`{"invalidEmails": […], "notFoundUserIds": […]}` as people and reasons."""
    for member, people in answer.items():
        if isinstance(people, list) and member.endswith(("Emails", "UserIds")):
            reason = member.removesuffix("Emails").removesuffix("UserIds")
            words = "".join(f" {char.lower()}" if char.isupper() else char for char in reason)
            yield from ((str(one).lower(), words) for one in people)
