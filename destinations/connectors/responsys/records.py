"""Records of profile lists and of profile extension tables (PETs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from destinations.connectors.responsys import api
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, Response
from destinations.kit.json_text import js_json
from engine.jstext import text

IDENTIFIERS = ("CUSTOMER_ID_", "EMAIL_ADDRESS_", "RIID_")
_RULE = ("htmlValue", "optinValue", "textValue")

Record = tuple[Item, list[Any]]


def member(item: Item, name: str) -> Any:
    """One member of the mapped `userData`; None when it is missing or empty."""
    found = (item.payload.get("userData") or {}).get(name)
    return None if found == "" else found


def mapped_columns(context: Context, items: Sequence[Item]) -> list[str]:
    """The members of `userData` as the mapping has them, whether or not an event has values for them."""
    told = context.mapping.get("userData")
    if isinstance(told, Mapping) and told and not any(key.startswith("@") for key in told):
        return list(told)
    return list(dict.fromkeys(key for item in items for key in item.payload.get("userData") or {}))


def value(item: Item, found: Any) -> Any:
    """As Responsys takes it: nothing is "", lists and objects are JSON; all is text where the mapping says so."""
    if found is None:
        return ""
    if isinstance(found, dict | list):
        return js_json(found).decode()
    return text(found) if item.payload.get("stringify") else found


def hold_back(context: Context, results: Results) -> None:
    """Events that the mapping's `retry` wants to be older come again later."""
    for item in results.open:
        seconds = item.payload.get("retry") or 0
        moment = _moment(item.payload.get("timestamp"))
        if seconds and moment and context.now and (context.now - moment).total_seconds() < seconds:
            results.fail(item, f"The event waits until it is {seconds} seconds old.", status=429, code="TOO_YOUNG")


def need_identifier(results: Results) -> None:
    for item in results.open:
        if not any(member(item, name) for name in IDENTIFIERS):
            results.fail(item, "One of e-mail address, RIID and customer ID is required.")


def write_members(
    context: Context, results: Results, columns: Sequence[str], records: Sequence[Record], *, use_async: bool = True
) -> Conversation:
    """Add or change members of the profile list, 200 a call; ask once what became of each."""
    base = api.ASYNC if use_async else api.SYNC
    path = f"{api.list_path(context, base)}/members"
    for part in chunks(records, api.RECORDS):
        data = {"fieldNames": list(columns), "records": [row for _item, row in part], "mapTemplateName": ""}
        status = part[0][0].payload.get("default_permission_status")
        body = {"recordData": data, "mergeRule": _merge_rule(context.settings, status)}
        yield from _write(context, results, path, body, [item for item, _row in part], with_poll=True)


def write_pet(
    context: Context,
    results: Results,
    pet: str,
    columns: Sequence[str],
    records: Sequence[Record],
    *,
    match: Sequence[str] = (),
    template: str | None = "",
    with_poll: bool = False,
    use_async: bool = True,
) -> Conversation:
    """Write into a PET, 200 records a call. `match`: columns without underscore, by default those of the settings."""
    settings = context.settings
    first = str(settings.get("matchColumnName1") or "EMAIL_ADDRESS")
    second = str(settings.get("matchColumnName2") or "")
    names = list(match) or [first, second]
    if not pet:
        raise IntegrationError("Fill in the profile extension table in the settings.", code="INVALID_SETTINGS")
    path = (
        f"{api.list_path(context, api.ASYNC if use_async else api.SYNC)}/listExtensions/{quote(pet, safe='')}/members"
    )
    for part in chunks(records, api.RECORDS):
        rows = [row for _item, row in part]
        body = {
            "recordData": {"fieldNames": list(columns), "records": rows, "mapTemplateName": template},
            "insertOnNoMatch": settings.get("insertOnNoMatch") is not False,
            "updateOnMatch": settings.get("updateOnMatch") or "REPLACE_ALL",
            **{f"matchColumnName{place}": name for place, name in enumerate(names, start=1)},
        }
        yield from _write(context, results, path, body, [item for item, _row in part], with_poll=with_poll)


def _write(
    context: Context, results: Results, path: str, body: Any, items: Sequence[Item], *, with_poll: bool
) -> Conversation:
    try:
        response: Response = yield api.post(context, path, body)
    except HttpError as error:
        api.refuse(results, items, error)
        return
    if with_poll:
        yield from api.poll(context, results, items, response)
    else:
        api.note_failures(results, items, response)


def _merge_rule(settings: Mapping[str, Any], status: Any) -> dict[str, Any]:
    second = settings.get("matchColumnName2")
    rule = {
        **{name: settings.get(name) for name in _RULE},
        "insertOnNoMatch": settings.get("insertOnNoMatch") is not False,
        "updateOnMatch": settings.get("updateOnMatch") or "REPLACE_ALL",
        "matchColumnName1": f"{settings.get('matchColumnName1') or 'EMAIL_ADDRESS'}_",
        "matchColumnName2": f"{second}_" if second else None,
        "matchOperator": settings.get("matchOperator"),
        "optoutValue": settings.get("optoutValue"),
        "rejectRecordIfChannelEmpty": settings.get("rejectRecordIfChannelEmpty"),
        "defaultPermissionStatus": status or settings.get("defaultPermissionStatus") or "OPTOUT",
    }
    return {name: found for name, found in rule.items() if found not in (None, "")}


def _moment(found: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
