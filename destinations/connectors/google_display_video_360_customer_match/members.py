"""Adding people to an audience and removing them, by contact data or by mobile advertising IDs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destinations.connectors.google_display_video_360_customer_match.audiences import (
    AUDIENCES,
    DEVICES,
    HEADERS,
    audience_id,
    sentence,
)
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, json_request
from destinations.kit.personal import e164, hashed, trim_lower

TIMEOUT = 30.0
CONSENTS = ("GRANTED", "DENIED", "UNSPECIFIED")

Perform = Callable[[Context, list[Item]], Conversation]


def always(*, is_add: bool, by_device: bool) -> Perform:
    """The action that adds (or removes) whatever the event says."""

    def perform_batch(context: Context, items: list[Item]) -> Conversation:
        results = Results(items)
        yield from _edit(context, results, items, is_add=is_add, by_device=by_device)
        return results.done()

    return perform_batch


def sync(context: Context, items: list[Item]) -> Conversation:
    """Add and remove by membership, by what the audience was made to match by."""
    results = Results(items)
    results.need_membership()
    by_device = context.audience_settings.get("audienceType") == DEVICES
    adds, removes = results.adds, results.removes
    yield from _edit(context, results, adds, is_add=True, by_device=by_device)
    yield from _edit(context, results, removes, is_add=False, by_device=by_device)
    return results.done()


def _edit(context: Context, results: Results, items: Sequence[Item], *, is_add: bool, by_device: bool) -> Conversation:
    if not items:
        return
    first = items[0].payload
    wanted = str(first.get("external_id") or context.external_audience_id or "")
    advertiser = str(first.get("advertiser_id") or context.audience_settings.get("advertiserId") or "")
    if not wanted or not advertiser:
        raise PayloadValidationError("There is no audience to send to. Connect an audience to this destination.")
    people = {item.index: _device(item.payload) if by_device else contact(item.payload) for item in items}
    for item in items:
        if not people[item.index]:
            what = "mobile advertising ID" if by_device else "e-mail, phone or name"
            results.fail(item, f"The person has no {what}, by which the audience finds them.")
    sent = [item for item in items if people[item.index]]
    if not sent:
        return
    members = {
        "mobileDeviceIds" if by_device else "contactInfos": [people[item.index] for item in sent],
        "consent": {
            "adUserData": _consent(first.get("ad_user_data_consent")),
            "adPersonalization": _consent(first.get("ad_personalization_consent")),
        },
    }
    kind = "MobileDeviceIdList" if by_device else "ContactInfoList"
    body = {"advertiserId": advertiser, f"{'added' if is_add else 'removed'}{kind}": members}
    url = f"{AUDIENCES}/{quote(wanted, safe='')}:editCustomerMatchMembers"
    try:
        response = yield json_request("POST", url, body, HEADERS, timeout=TIMEOUT)
    except HttpError as error:
        results.refuse(sent, error, sentence(error))
        return
    if by_device and not audience_id(response.json()):
        for item in sent:
            results.fail(item, "Google did not confirm the audience that was changed.", code="INVALID_RESPONSE")


def contact(payload: Mapping[str, Any]) -> dict[str, str]:
    """One entry of `contactInfos`; empty when nobody could be found by it."""
    country = _text(payload, "countryCode").strip()
    first, last = _text(payload, "firstName"), _text(payload, "lastName")
    postal_code = _text(payload, "zipCodes").strip() if first and last and country else ""
    found = {
        "hashedEmails": hashed(_text(payload, "emails"), trim_lower),
        "hashedPhoneNumbers": hashed(_text(payload, "phoneNumbers"), lambda value: _phone(value, country)),
        "zipCodes": postal_code,
        "hashedFirstName": hashed(first, trim_lower),
        "hashedLastName": hashed(last, trim_lower),
        "countryCode": country,
    }
    is_known = any(value for name, value in found.items() if name.startswith("hashed"))
    return {name: value for name, value in found.items() if value} if is_known else {}


def _phone(value: str, country: str) -> str:
    """`+` and digits where that can be made of it; numbers without a country code are of the person's country."""
    return e164(value, region=country.upper() or None) or trim_lower(value)


def _device(payload: Mapping[str, Any]) -> str:
    return _text(payload, "mobileDeviceIds").strip()


def _consent(told: Any) -> str:
    """Mappings that know of no consent (carried over from elsewhere) had it granted."""
    return f"CONSENT_STATUS_{told if told in CONSENTS else 'GRANTED'}"


def _text(payload: Mapping[str, Any], key: str) -> str:
    return str(payload.get(key) or "")
