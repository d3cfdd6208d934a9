"""Reason codes in words: what happened, and what to do (delivery-and-observability.md §2.3, §3)."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.services.connections import REMOVED
from delivery.services.emit import NO_IDENTIFIER
from delivery.services.emit_lists import REPLACED
from delivery.services.forgetting import PERSON_DELETED

BY_INTEGRATIONS = "FILTERED_BY_INTEGRATIONS_OBJECT"
AT_MAPPING = "FILTERED_AT_MAPPING"
# Decided before a call leaves its Engage source.
SOURCE_REASONS = frozenset({NO_IDENTIFIER})


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """`code` as stored; `remedy` is "" where nothing has to be done."""

    code: str
    title: str
    remedy: str = ""


KNOWN = {
    NO_IDENTIFIER: (
        "The profile has no identifier that this connection sends",
        "Collect one of them, or choose others under Connection Settings. The call goes out once the profile has one.",
    ),
    BY_INTEGRATIONS: (
        "The call was for other destinations of the Engage source",
        "Expected: the integrations object routes each call to the destinations of its own audience or journey.",
    ),
    AT_MAPPING: ("The call did not go through this mapping", "Look at the mapping's trigger if it should have."),
    "FILTERED_BY_RULES": ("A destination filter dropped the call", "Look at the filters of the destination."),
    "NO_MATCHING_MAPPING": (
        "No enabled mapping matches the call",
        "Enable a mapping whose trigger matches, or add one.",
    ),
    "UNSUPPORTED_EVENT_TYPE": (
        "The destination does not take calls of this type",
        "Choose another type of call in the connection.",
    ),
    "DESTINATION_DISABLED": (
        "The destination was disabled",
        "Enable it; what was missed can be replayed from the dead letters.",
    ),
    "UNKNOWN_INTEGRATION": ("The connector is not installed", "Install a version that has it."),
    "INVALID_SETTINGS": ("The settings of the destination are not complete", "Correct them under Settings."),
    "MAPPING_FAILED": ("A mapping cannot be run", "Open the mapping: it says what is wrong."),
    "PAYLOAD_VALIDATION_FAILED": (
        "The payload lacks a required field or has a wrong value",
        "Open the mapping and correct the field, then replay.",
    ),
    "MESSAGE_REJECTED": ("The destination's code rejected the call", "The sample says why."),
    "INTERNAL": (
        "The connector failed in a way it was not made for",
        "This is a fault of the installation; see its log.",
    ),
    PERSON_DELETED: ("The person was deleted before the call was sent", "Nothing to do: the call was taken back."),
    REPLACED: ("A later change of the same person came first", "Nothing to do: only the newest state is sent."),
    REMOVED: ("The destination was removed before the call was sent", "Nothing to do."),
    "CANCELED_BY_USER": ("Somebody canceled the call while it waited", "Nothing to do."),
    "ETIMEDOUT": ("The destination did not answer in time", "Check its status page."),
    "ESOCKETTIMEDOUT": ("The destination did not answer in time", "Check its status page."),
    "ENOTFOUND": ("The host name could not be found", "Check the address in the settings."),
    "EAI_AGAIN": ("The host name could not be looked up", "Check the name server of this installation."),
    "ECONNREFUSED": ("The destination refused the connection", "Check the address and port, and that it is running."),
    "ECONNRESET": ("The destination broke the connection off", "Check its status page."),
    "ECONNABORTED": ("The connection was broken off", "Check its status page."),
    "EHOSTUNREACH": ("The destination could not be reached", "Check the network of this installation."),
    "ENETUNREACH": ("The network could not be reached", "Check the network of this installation."),
    "EREFUSED": ("The address is not allowed", "Public addresses only; see ENGAGE_ALLOWED_NETWORKS."),
    "INVALID_AUTHENTICATION": ("The destination refused the credentials", "Enter new ones under Settings."),
    "INVALID_AUDIENCE_MEMBERSHIP": (
        "The call does not say whether the person entered or left",
        "Send Track or Identify calls with the audience key.",
    ),
}
STATUSES = {
    "400": ("The destination found the request bad", "Compare the request with the vendor's documentation."),
    "401": ("The destination refused the credentials", "Enter new ones under Settings."),
    "403": ("The credentials lack a permission", "Grant it in the destination, or use other credentials."),
    "404": ("The destination knows no such address", "Check the settings: an id or a region may be wrong."),
    "408": ("The destination did not read the request in time", "Check its status page."),
    "409": ("The destination found a conflict", "The sample says which."),
    "410": ("What was addressed is gone", "Check the settings."),
    "413": ("The request was too large", "Send fewer traits, or smaller batches."),
    "422": ("The destination could not use the payload", "Compare the request with the vendor's documentation."),
    "429": ("The destination limits the rate", "Lower the rate cap of the destination."),
}


def reason(code: str) -> Reason:
    if code in KNOWN:
        title, remedy = KNOWN[code]
    elif code in STATUSES:
        title, remedy = STATUSES[code]
    elif code.isdigit() and code.startswith("5"):
        title, remedy = "The destination had an error of its own", "Check its status page; replay when it is well."
    elif code.isdigit():
        title, remedy = f"The destination answered {code}", "The sample shows the whole answer."
    elif not code:
        title, remedy = "No reason was given", ""
    else:
        title, remedy = code.replace("_", " ").capitalize(), "The sample says why."
    return Reason(code=code, title=title, remedy=remedy)


def error_code(code: str, *, is_retried: bool) -> str:
    """As the Event Delivery tab names it: `errors.discarded.401`, `errors.awaiting-retry.5xx`."""
    if not is_retried:
        return f"errors.discarded.{code}"
    return f"errors.awaiting-retry.{'5xx' if code.isdigit() and code.startswith('5') else code}"
