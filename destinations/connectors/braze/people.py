"""Who an object is about, when it happened, and the attributes of a person, in Braze's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from destinations.kit.errors import PayloadValidationError
from engine.mapping.liquid_dates import read_date

GENDERS = {
    **dict.fromkeys(("man", "male", "m"), "M"),
    **dict.fromkeys(("woman", "female", "w", "f"), "F"),
    **dict.fromkeys(("other", "o"), "O"),
    **dict.fromkeys(("not applicable", "n"), "N"),
    **dict.fromkeys(("prefer not to say", "p"), "P"),
}
PLAIN = (
    "country",
    "email",
    "email_subscribe",
    "email_open_tracking_disabled",
    "email_click_tracking_disabled",
    "facebook",
    "first_name",
    "home_city",
    "image_url",
    "language",
    "last_name",
    "phone",
    "push_subscribe",
    "push_tokens",
    "time_zone",
    "twitter",
)
MOMENTS = ("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at")
# Attributes that arrive by fields of their own, and would otherwise be written twice.
NOT_CUSTOM = frozenset(
    {*PLAIN, *MOMENTS, "dob", "gender", "current_location", "subscription_groups", "_update_existing_only"}
    | {"external_id", "braze_id", "user_alias", "firstName", "lastName", "avatar"}
    | {"time", "products", "properties", "enable_batching", "batch_size"}
)


def identifiers(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What names the person; PayloadValidationError when nothing does."""
    alias = payload.get("user_alias") or {}
    told = {
        "external_id": payload.get("external_id"),
        "user_alias": alias if alias.get("alias_name") and alias.get("alias_label") else None,
        "braze_id": payload.get("braze_id"),
        "email": payload.get("email"),
    }
    found = {name: value for name, value in told.items() if value not in (None, "")}
    if not found:
        raise PayloadValidationError(
            "Missing required fields: one of external_id, user_alias, braze_id or email has to name the person."
        )
    return found


def attributes(payload: Mapping[str, Any], update_only: bool | None) -> dict[str, Any]:
    """The attributes object: custom attributes, over which the standard ones go (spec: braze)."""
    named = identifiers(payload)
    custom = payload.get("custom_attributes") or {}
    found = {name: value for name, value in custom.items() if name not in NOT_CUSTOM}
    found |= {name: payload[name] for name in PLAIN if name in payload}
    for name in MOMENTS:
        found |= _told(name, payload, moment)
    found |= _told("dob", payload, lambda value: (moment(value) or "")[:10])
    found |= _told("gender", payload, lambda value: GENDERS.get(str(value).strip().lower(), value))
    location = payload.get("current_location") or {}
    if location.get("latitude") is not None and location.get("longitude") is not None:
        found["current_location"] = {name: location[name] for name in ("latitude", "longitude")}
    if payload.get("subscription_groups"):
        found["subscription_groups"] = payload["subscription_groups"]
    return found | named | _only(update_only)


def happening(payload: Mapping[str, Any], app_id: Any, update_only: bool | None) -> dict[str, Any]:
    """What events and purchases have in common."""
    app = {"app_id": app_id} if app_id else {}
    return identifiers(payload) | app | _told("time", payload, moment) | _only(update_only)


def moment(value: Any) -> str:
    """ISO 8601 in UTC with milliseconds; "" for what is no date."""
    when = read_date(value)
    if when is None:
        return ""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _told(name: str, payload: Mapping[str, Any], write: Any) -> dict[str, Any]:
    """The member, when it is there: null stays null, what cannot be written vanishes."""
    if name not in payload:
        return {}
    value = payload[name]
    written = None if value is None else write(value)
    return {} if written == "" else {name: written}


def _only(update_only: bool | None) -> dict[str, Any]:
    return {} if update_only is None else {"_update_existing_only": update_only}
