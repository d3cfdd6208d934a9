"""Adding devices to a list and removing them: one upload for each, an operation for every identifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destinations.connectors.google_display_video_360 import wire
from destinations.connectors.google_display_video_360.lists import LIST
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, Request

HOST = "https://cm.g.doubleclick.net/upload"
NETWORK = "segment"
TIMEOUT = 30.0
# What the upload says with a 200 that is no failure of the whole: unknown ids are passed over.
FINE = ("NO_ERROR", "PARTIAL_SUCCESS", "UNKNOWN_ID")

Perform = Callable[[Context, list[Item]], Conversation]


def always(is_delete: bool) -> Perform:
    """The action that adds (or removes) whatever the event says."""

    def perform_batch(context: Context, items: list[Item]) -> Conversation:
        results = Results(items)
        yield from _upload(context, results, items, is_delete=is_delete)
        return results.done()

    return perform_batch


def sync(context: Context, items: list[Item]) -> Conversation:
    results = Results(items)
    results.need_membership()
    adds, removes = results.adds, results.removes
    yield from _upload(context, results, adds, is_delete=False)
    yield from _upload(context, results, removes, is_delete=True)
    return results.done()


def _upload(context: Context, results: Results, items: Sequence[Item], *, is_delete: bool) -> Conversation:
    """Somebody without any identifier is passed over: there is nothing to send."""
    operations = [one for item in items for one in _operations(item.payload, is_delete=is_delete)]
    if not operations:
        return
    request = Request(
        method="POST",
        url=f"{HOST}?nid={quote(context.operator.get('network_id') or NETWORK, safe='')}",
        headers={"Content-Type": "application/octet-stream"},
        body=wire.request(operations),
        timeout=TIMEOUT,
    )
    try:
        response = yield request
    except HttpError as error:
        said = wire.status(error.response.body)
        is_theirs = said == "INTERNAL_ERROR" or "INTERNAL_ERROR" in error.response.text
        results.refuse(items, error, _sentence(said), status=500 if is_theirs else None)
        return
    said = wire.status(response.body)
    if response.body.lstrip().startswith(b"<"):
        for item in items:
            results.fail(item, "Google answered the upload with a web page.", status=502, code="INVALID_RESPONSE")
    if said is not None and said not in FINE:
        for item in items:
            is_theirs = said == "INTERNAL_ERROR"
            results.fail(item, _sentence(said), status=500 if is_theirs else 400, code=said.replace(" ", "_").upper())


def _operations(payload: Mapping[str, Any], *, is_delete: bool) -> list[wire.Operation]:
    match = LIST.match(str(payload.get("external_audience_id") or ""))
    if match is None:
        raise PayloadValidationError("There is no list to send to. Connect an audience to this destination.")
    device = str(payload.get("mobile_advertising_id") or "")
    ids = (
        (str(payload.get("google_gid") or ""), wire.GOOGLE_USER_ID),
        (device, wire.IDFA if "-" in device else wire.ANDROID_ADVERTISING_ID),
        (str(payload.get("partner_provided_id") or ""), wire.PARTNER_PROVIDED_ID),
    )
    return [
        wire.Operation(user_id=user_id, user_id_type=kind, list_id=int(match[1]), is_delete=is_delete)
        for user_id, kind in ids
        if user_id
    ]


def _sentence(said: str | None) -> str:
    return f"Google refused the upload: {said}." if said and said != "NO_ERROR" else ""
