"""Adding people to a customer match list and removing them: a job is made, filled and started."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from destinations.connectors.google_ads_remarketing_lists import identifiers
from destinations.connectors.google_ads_remarketing_lists.api import HOST, customer, refusal, refused_operations
from destinations.connectors.google_ads_remarketing_lists.lists import NO_LIST
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import IntegrationError, InvalidAudienceMembershipError, PayloadValidationError
from destinations.kit.http import HttpError, json_request

TIMEOUT = 30.0
HOOKS = ("retlOnMappingSave", "onMappingSave")
_JOB = re.compile(r"customers/\d+/offlineUserDataJobs/[\w.~-]+\Z")


def perform(context: Context, payload: dict[str, Any]) -> Conversation:
    """One person in a job of their own."""
    list_id = _list_id(context, payload)
    is_add = _is_add(context.membership, payload, context.sync_mode)
    if is_add is None:
        raise InvalidAudienceMembershipError("The event does not say whether the person entered or left the audience.")
    operation = _operation(context, payload, is_add=is_add)
    try:
        job = yield from _create(context, list_id, payload)
        yield json_request(
            "POST", f"{HOST}/{job}:addOperations", {"operations": [operation], "enable_warnings": True}, timeout=TIMEOUT
        )
        yield json_request("POST", f"{HOST}/{job}:run", timeout=TIMEOUT)
    except HttpError as error:
        if error.status == 401:
            raise
        result = refusal(error, busy=500)
        raise IntegrationError(result.message, code=str(result.status), status=result.status) from error


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    results = Results(items)
    list_id = _list_id(context, items[0].payload)
    adds: list[tuple[Item, dict[str, Any]]] = []
    removes: list[tuple[Item, dict[str, Any]]] = []
    for item in items:
        is_add = _is_add(item.membership, item.payload, context.sync_mode)
        if is_add is None:
            results.fail(item, "The event does not say whether the person entered or left the audience.")
            continue
        try:
            operation = _operation(context, item.payload, is_add=is_add)
        except PayloadValidationError as error:
            results.fail(item, error.message)
            continue
        (adds if is_add else removes).append((item, operation))
    if not adds and not removes:
        return results.done()
    try:
        job = yield from _create(context, list_id, items[0].payload)
    except HttpError as error:
        _refuse(results, results.open, error)
        return results.done()
    for chosen in (adds, removes):
        yield from _fill(results, job, chosen)
    if results.open:
        try:
            yield json_request("POST", f"{HOST}/{job}:run", timeout=TIMEOUT)
        except HttpError as error:
            _refuse(results, results.open, error)
    return results.done()


def _fill(results: Results, job: str, chosen: Sequence[tuple[Item, dict[str, Any]]]) -> Conversation:
    """Put operations into the job. The places in Google's answer count within this call."""
    if not chosen:
        return
    body = {"operations": [operation for _item, operation in chosen], "enablePartialFailure": True}
    try:
        response = yield json_request("POST", f"{HOST}/{job}:addOperations", body, timeout=TIMEOUT)
    except HttpError as error:
        _refuse(results, [item for item, _operation in chosen], error)
        return
    for place, message in refused_operations(response).items():
        if place < len(chosen):
            results.fail(chosen[place][0], f"Google Ads: {message}")


def _create(context: Context, list_id: str, payload: Mapping[str, Any]) -> Conversation:
    """The name of a new job for the list."""
    account = customer(context)
    consent = {
        "adUserData": _consent(context, payload, "ad_user_data_consent_state", "adUserDataConsent"),
        "adPersonalization": _consent(context, payload, "ad_personalization_consent_state", "adPersonalizationConsent"),
    }
    about = {"userList": f"{account}/userLists/{list_id}", "consent": consent}
    job = {"type": "CUSTOMER_MATCH_USER_LIST", "customerMatchUserListMetadata": about}
    response = yield json_request("POST", f"{HOST}/{account}/offlineUserDataJobs:create", {"job": job}, timeout=TIMEOUT)
    answer = response.json()
    name = str(answer.get("resourceName") or "") if isinstance(answer, dict) else ""
    if not _JOB.match(name):
        raise IntegrationError("Google Ads did not tell the name of the upload job.", code="INVALID_RESPONSE")
    return name


def _operation(context: Context, payload: Mapping[str, Any], *, is_add: bool) -> dict[str, Any]:
    chosen: Any = next((context.hooks[key].get("external_id_type") for key in HOOKS if key in context.hooks), None)
    id_type = str(chosen or context.audience_settings.get("external_id_type") or "CONTACT_INFO")
    found = identifiers.of(payload, id_type, is_vendor=context.settings.get("normalization") == "vendor")
    return {"create" if is_add else "remove": {"userIdentifiers": found}}


def _is_add(membership: bool | None, payload: Mapping[str, Any], sync_mode: str | None) -> bool | None:
    """The membership says it; for events without one their name, and then the sync mode."""
    if membership is not None:
        return membership
    name = payload.get("event_name")
    if name in ("Audience Entered", "Audience Exited"):
        return bool(name == "Audience Entered")
    return {"add": True, "delete": False}.get(sync_mode or "")


def _list_id(context: Context, payload: Mapping[str, Any]) -> str:
    """The list that the mapping's hook chose, else the one made for the audience."""
    chosen: Any = next((context.hooks[key].get("id") for key in HOOKS if key in context.hooks), None)
    found = str(chosen or payload.get("external_audience_id") or context.external_audience_id or "")
    if not found or found == NO_LIST:
        raise PayloadValidationError("There is no list to send to. Connect an audience to this destination.")
    if not found.isdigit():
        raise PayloadValidationError(f"{found!r} is no ID of a list of Google Ads.")
    return found


def _consent(context: Context, payload: Mapping[str, Any], field: str, setting: str) -> str:
    return str(payload.get(field) or context.settings.get(setting) or "UNSPECIFIED")


def _refuse(results: Results, items: Sequence[Item], error: HttpError) -> None:
    if error.status == 401:
        raise error
    result = refusal(error)
    for item in items:
        results.set(item, result)
