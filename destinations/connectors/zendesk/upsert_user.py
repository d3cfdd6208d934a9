"""Create or update users, one or up to 100 together; and take people out of organizations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.connectors.zendesk import api
from destinations.kit.batches import Results, latest
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import IntegrationError, PayloadValidationError, RetryableError
from destinations.kit.http import HttpError, Request, Response, json_request

STANDARD = ("email", "external_id", "phone", "time_zone", "organization_id")
# Traits that are no user fields: Zendesk's own, and what the name is made of.
_NOT_FIELDS = frozenset(
    {"email", "name", "first_name", "last_name", "organization_id", "timezone", "time_zone", "phone", "user_id", "id"}
    | {"external_id", "company", "address", "avatar"}
)
_DONE = ("completed", "failed", "killed")


def perform(context: Context, payload: dict[str, Any]) -> Conversation:
    """`POST /users/create_or_update`: by external id first, then by e-mail."""
    user = _user(context, payload)
    try:
        response = yield json_request("POST", api.url(context, "/users/create_or_update"), {"user": user})
        yield from _leave_organization(context, payload, response)
    except HttpError as error:
        raise api.explained(error) from error


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """`POST /users/create_or_update_many`: a job that Zendesk works through by itself, looked up once."""
    results = Results(items)
    users: dict[int, dict[str, Any]] = {}
    for item in latest(items, _key):
        try:
            users[item.index] = _user(context, item.payload)
        except PayloadValidationError as error:
            results.fail(item, error.message)
    sent = [item for item in items if item.index in users]
    if sent:
        try:
            yield from _send_many(context, sent, users, results)
        except HttpError as error:
            results.refuse(sent, error, api.refusal(error))
    return results.done()


def _send_many(
    context: Context, sent: list[Item], users: Mapping[int, dict[str, Any]], results: Results
) -> Conversation:
    body = {"users": [users[item.index] for item in sent]}
    response = yield json_request("POST", api.url(context, "/users/create_or_update_many"), body)
    job = _job(response)
    if job.get("id") and job.get("status") not in _DONE:
        # A job that is not done yet is Zendesk's; asking again and again would cost more calls than single ones.
        job = _job((yield Request(method="GET", url=api.url(context, f"/job_statuses/{job['id']}"))))
    if job.get("status") in ("failed", "killed"):
        raise RetryableError(f"Zendesk gave up the job: {job.get('message') or 'it does not say why'}.")
    rows = job.get("results")
    for item, row in zip(sent, rows if isinstance(rows, list) else [], strict=False):
        if isinstance(row, dict) and (row.get("error") or row.get("success") is False):
            results.fail(item, f"Zendesk refused it: {row.get('error')} {row.get('details') or ''}".strip())


def _job(response: Response) -> dict[str, Any]:
    answer = response.json()
    job = answer.get("job_status") if isinstance(answer, dict) else None
    return job if isinstance(job, dict) else {}


def _key(item: Item) -> object:
    found = item.payload.get("email") or item.payload.get("external_id")
    return str(found).lower() if found else item.index


def _user(context: Context, payload: Mapping[str, Any]) -> dict[str, Any]:
    first, last = payload.get("first_name") or "", payload.get("last_name") or ""
    name = (payload.get("name") or f"{first} {last}").strip()
    if not name:
        raise PayloadValidationError(
            "Zendesk needs a name and the profile has none: collect the trait name, or first_name and last_name."
        )
    if not (payload.get("email") or payload.get("external_id")):
        raise PayloadValidationError("Neither an e-mail nor a user ID says which user of Zendesk this is.")
    standard = {key: payload[key] for key in STANDARD if payload.get(key) is not None}
    fields = {api.snake_case(key): value for key, value in (payload.get("user_fields") or {}).items()}
    fields = {key: value for key, value in fields.items() if key and key not in _NOT_FIELDS}
    user = {"name": name, **standard, "user_fields": fields}
    return {**user, "verified": True} if context.settings.get("create_as_verified") else user


def _leave_organization(context: Context, payload: Mapping[str, Any], response: Response) -> Conversation:
    company = payload.get("company")
    if not context.settings.get("remove_from_organizations") or not isinstance(company, dict):
        return
    if company.get("remove") is not True or company.get("id") is None:
        return
    answer = response.json()
    user_id = (answer.get("user") or {}).get("id") if isinstance(answer, dict) else None
    if user_id is None:
        raise IntegrationError("Zendesk did not say which user it updated; the organization was not left.")
    found = yield Request(method="GET", url=api.url(context, f"/users/{user_id}/organization_memberships"))
    memberships = (found.json() or {}).get("organization_memberships") or []
    for membership in memberships:
        if str(membership.get("organization_id")) == str(company["id"]):
            path = f"/users/{user_id}/organization_memberships/{membership['id']}"
            yield Request(method="DELETE", url=api.url(context, path))
