"""What Google matches people by, normalised as it asks and hashed; the published examples are in the tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers

from destinations.kit.errors import PayloadValidationError
from destinations.kit.personal import digits, e164, hashed, is_hashed, trim_lower

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@.<>()\[\],;:\\\"]+(?:\.[^\s@.<>()\[\],;:\\\"]+)+\Z")
_GMAIL = ("gmail", "googlemail")
_ADDRESS = ("first_name", "last_name", "country_code", "postal_code")
DEFAULT_COUNTRY = "+1"


def of(payload: Mapping[str, Any], id_type: str, *, is_vendor: bool) -> Any:
    """`userIdentifiers` of one person. `is_vendor`: written as Google asks, else as Segment does.

    Google's schema has a list (`repeated UserIdentifier`); Segment sends a lone identifier without one.
    """
    lone: dict[str, Any] | None = None
    if id_type == "CRM_ID":
        lone = {"thirdPartyUserId": _needed(payload, "crm_id", "CRM ID")}
    elif id_type == "MOBILE_ADVERTISING_ID":
        lone = {"mobileId": _needed(payload, "mobile_advertising_id", "mobile advertising ID")}
    if lone is not None:
        return [lone] if is_vendor else lone
    found: list[dict[str, Any]] = []
    if address := text(payload, "email"):
        found.append({"hashedEmail": email(address, is_vendor=is_vendor)})
    number = phone(text(payload, "phone"), text(payload, "phone_country_code"), is_vendor=is_vendor)
    if number:
        found.append({"hashedPhoneNumber": number})
    if any(text(payload, key) for key in _ADDRESS):
        found.append({"addressInfo": _address(payload)})
    if not found:
        raise PayloadValidationError(
            "The person has no e-mail, phone, name or address, by which the list could find them."
        )
    return found


def email(value: str, *, is_vendor: bool = True) -> str:
    """Lower case without blanks; at Gmail without the dots before the @ (as Segment does: without the first)."""
    if is_hashed(value.strip()):
        return hashed(value)
    local, _at, domain = trim_lower(value).rpartition("@")
    if domain.split(".")[0] in _GMAIL:
        local = local.replace(".", "") if is_vendor else local.replace(".", "", 1)
    address = f"{local}@{domain}"
    if not _EMAIL.match(address):
        raise PayloadValidationError("The e-mail address is not valid.")
    return hashed(address)


def phone(value: str, country: str = "", *, is_vendor: bool = True) -> str:
    """`+` and digits; `country` (`+44`) is put before numbers without a country code."""
    if not value or is_hashed(value.strip()):
        return hashed(value)
    code = digits(country or DEFAULT_COUNTRY)
    number = digits(value)
    if not number:
        return ""
    if is_vendor:
        region = phonenumbers.region_code_for_country_code(int(code)) if code else None
        return hashed(e164(value, region=region))
    if value.strip().startswith("+") or number.startswith(code):
        return hashed(f"+{number}")
    return hashed(f"+{code}{number}")


def text(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    return "" if value is None else str(value)


def _address(payload: Mapping[str, Any]) -> dict[str, str]:
    names = {
        member: hashed(text(payload, key), trim_lower)
        for member, key in (("hashedFirstName", "first_name"), ("hashedLastName", "last_name"))
    }
    return {
        **names,
        "countryCode": text(payload, "country_code"),
        "postalCode": text(payload, "postal_code"),
    }


def _needed(payload: Mapping[str, Any], key: str, name: str) -> str:
    found = text(payload, key).strip()
    if not found:
        raise PayloadValidationError(f"The person has no {name}, by which the list matches.")
    return found
