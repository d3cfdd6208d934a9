"""Events of the Conversions API: up to 1,000 people who entered or left, in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from destinations.connectors.facebook_custom_audiences import personal
from destinations.connectors.facebook_custom_audiences.graph import HOST, refusal
from destinations.connectors.facebook_custom_audiences_website.audiences import DAY, ENTERED, EXITED
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, json_request
from destinations.kit.personal import hashed, trim_lower

EVENTS = 1_000
TIMEOUT = 30.0
OLDEST_DAYS = 7
# Subcodes of code 100 that speak of an event's contents; one bad event makes Facebook refuse all of a call.
_OF_EVENTS = range(2804000, 2805000)

# Member of `user_data` → (field of the payload, what is done before it is hashed).
HASHED: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "em": ("email", trim_lower),
    "ph": ("phone", personal.phone),
    "external_id": ("externalId", str.strip),
    "fn": ("firstName", personal.name),
    "ln": ("lastName", personal.name),
    "ge": ("gender", personal.gender),
    "ct": ("city", personal.place),
    "st": ("state", personal.state),
    "zp": ("zip", personal.postal_code),
    "country": ("country", personal.place),
}
PLAIN = {
    "madid": "mobileAdId",
    "fbc": "fbc",
    "fbp": "fbp",
    "client_ip_address": "clientIp",
    "client_user_agent": "userAgent",
}
# One of these finds a person; the others only with them.
FINDING = ("em", "ph", "external_id", "madid", "fbc", "fbp")


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    results = Results(items)
    results.need_membership()
    events: list[tuple[Item, dict[str, Any]]] = []
    for item in results.open:
        try:
            events.append((item, event(item, context.now)))
        except PayloadValidationError as error:
            results.fail(item, error.message)
    for part in chunks(events, EVENTS):
        yield from _send(context, results, part)
    return results.done()


def _send(context: Context, results: Results, events: Sequence[tuple[Item, dict[str, Any]]]) -> Conversation:
    """Send these; when one of them is bad, halve until it stands alone."""
    body: dict[str, Any] = {"data": [told for _item, told in events]}
    if code := context.settings.get("testEventCode"):
        body["test_event_code"] = code
    pixel = quote(str(context.settings["pixelId"]).strip(), safe="")
    try:
        yield json_request("POST", f"{HOST}/{pixel}/events", body, timeout=TIMEOUT)
        return
    except HttpError as error:
        result = refusal(error)
    told = result.body if isinstance(result.body, Mapping) else {}
    if result.status == 400 and len(events) > 1 and told.get("error_subcode") in _OF_EVENTS:
        middle = len(events) // 2
        yield from _send(context, results, events[:middle])
        yield from _send(context, results, events[middle:])
        return
    for item, _event in events:
        results.set(item, result)


def event(item: Item, now: datetime | None) -> dict[str, Any]:
    """What Facebook is told of one person who entered or left."""
    payload = item.payload
    person = _person(payload)
    if not any(name in person for name in FINDING):
        raise PayloadValidationError("The person has no e-mail, phone, external ID, mobile or browser ID.")
    at = _moment(payload["timestamp"])
    if now is not None and (now - at).total_seconds() > OLDEST_DAYS * DAY:
        raise PayloadValidationError(f"The event is older than {OLDEST_DAYS} days, which Facebook does not take.")
    told = {
        "event_name": ENTERED if item.membership else EXITED,
        "event_time": int(at.timestamp()),
        "event_id": payload.get("eventId"),
        "action_source": payload["actionSource"],
        "event_source_url": payload.get("eventSourceUrl"),
        "user_data": person,
        "custom_data": {"audience_key": payload["audienceKey"]},
    }
    return {name: value for name, value in told.items() if value is not None}


def _person(payload: Mapping[str, Any]) -> dict[str, Any]:
    hashes = {name: hashed(str(payload.get(key) or ""), normal) for name, (key, normal) in HASHED.items()}
    plain = {name: str(payload.get(key) or "") for name, key in PLAIN.items()}
    return {**{name: [value] for name, value in hashes.items() if value}, **{k: v for k, v in plain.items() if v}}


def _moment(value: Any) -> datetime:
    text = str(value).strip()
    try:
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise PayloadValidationError("The timestamp of the event cannot be read. Map it to a date and time.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
