"""Hiding personal data from members without the PII right (engage-domain.md §5): the shape stays, the value goes."""

from __future__ import annotations

import re
from typing import Any

MASK = "••••"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PERSONAL_KEYS = frozenset(
    {
        *("email", "phone", "name", "username", "firstname", "lastname", "middlename", "fullname", "nickname"),
        *("address", "street", "street1", "street2", "postalcode", "zip", "birthday", "dateofbirth", "ip"),
        *("avatar", "latitude", "longitude", "advertisingid", "idfa", "token", "pushtoken"),
    }
)
PERSONAL_TYPES = frozenset({"email", "phone", "android.idfa", "ios.idfa", "android.push_token", "ios.push_token"})


def masked_identifier(id_type: str, value: str) -> str:
    return _masked(value) if id_type in PERSONAL_TYPES or EMAIL.fullmatch(value) else value


def masked(value: Any, key: str = "") -> Any:
    """A copy of a JSON value with personal data masked: by the name of its key, or because it is an e-mail address."""
    if re.sub(r"[^a-z0-9]", "", key.lower()) in PERSONAL_KEYS and value not in (None, "", False, True):
        return _masked(value) if isinstance(value, str) else MASK
    if isinstance(value, dict):
        return {name: masked(item, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str) and EMAIL.fullmatch(value):
        return _masked(value)
    return value


def _masked(value: str) -> str:
    """The first letter stays, and the domain of an e-mail address."""
    _, at, domain = value.rpartition("@")
    return f"{value[:1]}{MASK}{at}{domain}" if at else f"{value[:1]}{MASK}"
