"""The calls of Salesforce's REST API, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from destinations.connectors.salesforce.sign_in import api_url
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import IntegrationError, PayloadValidationError, RetryableError
from destinations.kit.http import HttpError, Request, json_request
from engine.jstext import number_text
from engine.mapping.fields import Choice

# Salesforce is busy, or the organisation is over a limit that is lifted by itself.
RETRIED = {"UNABLE_TO_LOCK_ROW", "REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_UNNAMED = re.compile(r"[^A-Za-z0-9_]")


def ask(request: Request) -> Conversation:
    """The response; failures that pass by themselves become RetryableError, whatever their status is."""
    try:
        return (yield request)
    except HttpError as error:
        said = error.response.json()
        problems = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
        for problem in problems:
            if problem.get("errorCode") in RETRIED:
                raise RetryableError(f"Salesforce is busy: {problem.get('message')}", status=503) from error
        raise


def object_name(name: str) -> str:
    """The API name of an object, when it can be one."""
    if not _NAME.match(name):
        raise PayloadValidationError(f"{name[:80]!r} is not the API name of a Salesforce object, such as Visit__c.")
    return name


def create(context: Context, kind: str, record: Mapping[str, Any]) -> Conversation:
    return (yield from ask(json_request("POST", api_url(context, f"sobjects/{kind}"), record)))


def update(context: Context, kind: str, record_id: str, record: Mapping[str, Any]) -> Conversation:
    return (yield from ask(json_request("PATCH", _record_url(context, kind, record_id), record)))


def delete(context: Context, kind: str, record_id: str) -> Conversation:
    return (yield from ask(Request(method="DELETE", url=_record_url(context, kind, record_id))))


def find(context: Context, kind: str, traits: Mapping[str, Any], operator: str) -> Conversation:
    """The id of the one record that has these values, "" when there is none. More than one: IntegrationError, 300."""
    query = quote(soql(kind, traits, operator), safe="!~*'()")
    response = yield from ask(Request(method="GET", url=api_url(context, f"query/?q={query}")))
    answer = response.json()
    total = answer.get("totalSize") if isinstance(answer, dict) else None
    if not isinstance(total, int):
        raise IntegrationError("Salesforce answered the search without a count of records.", code="INVALID_RESPONSE")
    if total > 1:
        raise IntegrationError(
            f"Multiple Records Found: {total} records of {kind} match, and none was changed. Use a field that is "
            "unique to find the record.",
            code="MULTIPLE_RECORDS_FOUND",
            status=300,
        )
    records = answer.get("records")
    found = records[0].get("Id") if total and isinstance(records, list) and records else ""
    if total and not found:
        raise IntegrationError("Salesforce found a record but did not give its id.", code="INVALID_RESPONSE")
    return found


def soql(kind: str, traits: Mapping[str, Any], operator: str) -> str:
    """The query for the id of the record with these values."""
    between = " AND " if operator == "AND" else " OR "
    wanted = between.join(f"{_UNNAMED.sub('', name)} = {_literal(name, value)}" for name, value in traits.items())
    return f"SELECT Id FROM {kind} WHERE {wanted}"  # noqa: S608 - names are stripped, values quoted


def custom_objects(context: Context, payload: dict[str, Any]) -> Conversation:
    """The objects of the organisation that records can be written to, for the form."""
    response = yield from ask(Request(method="GET", url=api_url(context, "sobjects")))
    answer = response.json()
    found = answer.get("sobjects") if isinstance(answer, dict) else None
    return [
        Choice(value=str(one["name"]), label=str(one.get("label") or one["name"]))
        for one in found or ()
        if isinstance(one, dict) and one.get("name") and one.get("createable") and one.get("queryable")
    ]


def _record_url(context: Context, kind: str, record_id: str) -> str:
    return api_url(context, f"sobjects/{kind}/{quote(record_id, safe='')}")


def _literal(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    raise PayloadValidationError(f"Records are found by texts, numbers and booleans; {name} is none of them.")
