"""Create or update the members of a Mailchimp audience, one or up to 500 together. Nobody is ever resubscribed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.connectors.mailchimp import api
from destinations.connectors.mailchimp.merge_fields import merge_fields
from destinations.kit.batches import Results, chunks, latest
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, Request, json_request
from destinations.kit.personal import trim_lower

MOST = 500


def perform(context: Context, payload: dict[str, Any]) -> Conversation:
    """One `PUT` that creates or updates. A status of existing members needs to know first whether there is one."""
    target = api.member_url(context, _list_id(context, payload), payload["email"])
    body = _member(context, payload)
    status = payload.get("subscription_status")
    try:
        if status and (yield from _exists(target)):
            body["status"] = status
        yield json_request("PUT", target, body)
    except HttpError as error:
        said = api.refusal(error)
        if error.is_retried or error.status == 401 or not said:
            raise
        raise IntegrationError(said, status=error.status) from error


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """`POST /lists/{list}` for each list; the answer names the addresses that were refused."""
    results = Results(items)
    lists: dict[str, list[Item]] = {}
    for item in latest(items, lambda item: (_list_id(context, item.payload), trim_lower(item.payload["email"]))):
        if item.payload.get("subscription_status"):
            yield from _alone(context, item, results)
        else:
            lists.setdefault(_list_id(context, item.payload), []).append(item)
    for list_id, members in lists.items():
        for some in chunks(members, MOST):
            yield from _together(context, list_id, list(some), results)
    return results.done()


def _together(context: Context, list_id: str, items: list[Item], results: Results) -> Conversation:
    body = {"members": [_member(context, item.payload) for item in items], "update_existing": True}
    try:
        response = yield json_request("POST", api.list_url(context, list_id), body)
    except HttpError as error:
        results.refuse(items, error, api.refusal(error))
        return
    answer = response.json()
    problems = answer.get("errors") if isinstance(answer, dict) else None
    by_address = {trim_lower(item.payload["email"]): item for item in items}
    for problem in problems if isinstance(problems, list) else []:
        item = by_address.get(trim_lower(str(problem.get("email_address") or "")))
        if item is not None:
            code = str(problem.get("error_code") or "")
            said = f"Mailchimp refused it: {problem.get('error') or code}"
            results.fail(item, said, code=code or "PAYLOAD_VALIDATION_FAILED")


def _alone(context: Context, item: Item, results: Results) -> Conversation:
    try:
        yield from perform(context, item.payload)
    except HttpError as error:
        results.refuse([item], error, api.refusal(error))
    except IntegrationError as error:
        results.fail(item, error.message, status=error.status, code=error.code)


def _exists(url: str) -> Conversation:
    try:
        yield Request(method="GET", url=url.partition("?")[0])
    except HttpError as error:
        if error.status != 404:
            raise
        return False
    return True


def _member(context: Context, payload: Mapping[str, Any]) -> dict[str, Any]:
    names = {"FNAME": payload.get("first_name"), "LNAME": payload.get("last_name")}
    fields = {name: value for name, value in names.items() if value}
    return {
        "email_address": payload["email"].strip(),
        "status_if_new": "pending" if context.settings.get("double_opt_in") else "subscribed",
        "merge_fields": {**merge_fields(payload.get("merge_fields")), **fields},
    }


def _list_id(context: Context, payload: Mapping[str, Any]) -> str:
    return str(payload.get("list_id") or context.settings["list_id"])
