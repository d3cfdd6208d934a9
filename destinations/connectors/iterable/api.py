"""Iterable's API: addresses, and how it writes users and times. https://api.iterable.com/api/docs"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, json_request

HOSTS = {"united_states": "https://api.iterable.com", "europe": "https://api.eu.iterable.com"}
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?\Z", re.ASCII)
# Lists of an answer to a bulk call that name those who were refused, by e-mail or user id.
_REFUSED = ("invalid", "notFound", "forgotten", "conflict", "disallowed")

Build = Callable[[Mapping[str, Any]], dict[str, Any]]


def url(context: Context, path: str) -> str:
    return HOSTS[context.settings.get("dataCenterLocation") or "united_states"] + f"/api/{path}"


def who(payload: Mapping[str, Any]) -> dict[str, Any]:
    """E-mail and user ID; one of them has to be there."""
    found = {name: payload[name] for name in ("email", "userId") if payload.get(name)}
    if not found:
        raise PayloadValidationError("Iterable needs an e-mail or a user ID.")
    return found


def data_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`dataFields` with times as Iterable reads them; a mapped phone number goes inside."""
    phone = {"phoneNumber": payload["phoneNumber"]} if "phoneNumber" in payload else {}
    return {**{name: written(value) for name, value in (payload.get("dataFields") or {}).items()}, **phone}


def written(value: Any) -> Any:
    """ISO times at any depth as `YYYY-MM-DD HH:MM:SS +00:00`, in UTC. Dates without a time stay."""
    if isinstance(value, dict):
        return {name: written(member) for name, member in value.items()}
    if isinstance(value, list):
        return [written(member) for member in value]
    moment = _moment(value)
    return value if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S +00:00")


def unix_seconds(value: Any) -> Any:
    """A time as Unix seconds; digits and what is no time stay."""
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    try:
        moment = _moment(value) or datetime.fromisoformat(value).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return value
    return int(moment.timestamp())


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def many(
    path: str, member: str, build: Build, *, more: Callable[[Item], dict[str, Any]] = lambda _item: {}
) -> Callable[[Context, list[Item]], Conversation]:
    """`perform_batch`: all items in one call, and what Iterable says against some of them.

    `more` are further members of the call, by its first item.
    """

    def perform_batch(context: Context, items: list[Item]) -> Conversation:
        results = Results(items)
        sent: list[tuple[Item, dict[str, Any]]] = []
        for item in items:
            try:
                sent.append((item, build(item.payload)))
            except PayloadValidationError as error:
                results.fail(item, error.message)
        if sent:
            body = {**more(sent[0][0]), member: [one for _item, one in sent]}
            try:
                response = yield json_request("POST", url(context, path), body)
            except HttpError as error:
                results.refuse([item for item, _one in sent], error)
                return results.done()
            _note_refusals(response.json(), [item for item, _one in sent], results)
        return results.done()

    return perform_batch


def _note_refusals(answer: Any, sent: list[Item], results: Results) -> None:
    if not isinstance(answer, dict):
        return
    told: dict[str, str] = {}
    for holder in (answer, answer.get("failedUpdates")):
        for name, values in (holder if isinstance(holder, dict) else {}).items():
            if isinstance(values, list) and name.startswith(_REFUSED):
                told |= {str(value).lower(): name for value in values if isinstance(value, str)}
    for item in sent:
        for name in ("email", "userId"):
            reason = told.get(str(item.payload.get(name) or "").lower())
            if reason:
                results.fail(item, f"Iterable refused it: {reason}.", code="BAD_REQUEST")


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str) or not _TIME.match(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
