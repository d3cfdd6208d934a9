"""A person as a contact of SendGrid: identifiers, attributes, custom fields by id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from destinations.kit.errors import PayloadValidationError

IDENTIFIERS = ("email", "phone_number_id", "external_id", "anonymous_id")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}\Z")


def identifiers(payload: Mapping[str, Any]) -> dict[str, str]:
    told = payload.get("identifiers") or {}
    return {name: str(told[name]) for name in IDENTIFIERS if told.get(name)}


def contact(payload: Mapping[str, Any]) -> dict[str, Any]:
    """As `PUT /marketing/contacts` takes it; PayloadValidationError says what is wrong with a value."""
    known = identifiers(payload)
    if not known:
        raise PayloadValidationError("One of e-mail, phone number ID, external ID and anonymous ID is needed.")
    attributes = {name: value for name, value in (payload.get("user_attributes") or {}).items() if value is not None}
    for name, phone in (
        ("identifiers.phone_number_id", known.get("phone_number_id")),
        ("user_attributes.phone_number", attributes.get("phone_number")),
    ):
        if phone and not _E164.match(str(phone)):
            raise PayloadValidationError(f"{name} {phone!r} is no phone number in international form, + and digits.")
    fields = {**_texts(payload), **_numbers(payload), **_dates(payload)}
    return {**known, **attributes, **({"custom_fields": fields} if fields else {})}


def _given(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in (payload.get(key) or {}).items() if value is not None}


def _texts(payload: Mapping[str, Any]) -> dict[str, Any]:
    found = _given(payload, "custom_text_fields")
    for name, value in found.items():
        if not isinstance(value, str):
            raise PayloadValidationError(f"custom_text_fields.{name} is no text.")
    return found


def _numbers(payload: Mapping[str, Any]) -> dict[str, Any]:
    found = _given(payload, "custom_number_fields")
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PayloadValidationError(f"custom_number_fields.{name} is no number.")
    return found


def _dates(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _date(name, value) for name, value in _given(payload, "custom_date_fields").items()}


def _date(name: str, value: Any) -> str:
    """`MM/DD/YYYY`, in UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise PayloadValidationError(f"custom_date_fields.{name} is no date such as 2024-05-06.")
    return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%m/%d/%Y")
