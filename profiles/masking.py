"""Hiding personal data from members without the PII right (engage-domain.md §5): the shape stays, the value goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

MASK = "••••"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# An e-mail address inside of a text.
ADDRESS = re.compile(r"[^@\s\"'<>&=,;:/?]+(?:@|%40)[^@\s\"'<>&=,;:/?]+\.[A-Za-z]{2,}")
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
    """A copy of a JSON value with personal data masked: by the name of its key, or because it is an e-mail address.

    Also inside of texts: bodies of requests are JSON, and sentences of a vendor hold addresses somewhere.
    """
    if re.sub(r"[^a-z0-9]", "", key.lower()) in PERSONAL_KEYS and value not in (None, "", False, True):
        return _masked(value) if isinstance(value, str) else MASK
    if isinstance(value, dict):
        return {name: masked(item, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return masked_text(value) if isinstance(value, str) else value


def masked_text(text: str) -> str:
    """A text with the personal data in it masked: that of JSON, and e-mail addresses anywhere."""
    if text[:1] in {"{", "["}:
        try:
            return msgspec.json.encode(masked(msgspec.json.decode(text))).decode()
        except msgspec.DecodeError:
            pass
    return ADDRESS.sub(lambda found: _masked(found[0].replace("%40", "@")), text)


KeyFinder = Callable[[int], frozenset[str]]
_hidden: list[KeyFinder] = []


def hide_traits(find: KeyFinder) -> None:
    """Mask whole traits, whatever they hold: `find(space_id)` names their keys. Called once, when an app is ready."""
    _hidden.append(find)


def hidden_traits(space_id: int) -> frozenset[str]:
    """Keys of traits that are masked whole: those from warehouses (engage-domain.md §5)."""
    return frozenset[str]().union(*(find(space_id) for find in _hidden))


def masked_traits(traits: Mapping[str, Any], *, space_id: int) -> dict[str, Any]:
    """The traits of a profile with personal data masked."""
    hidden = hidden_traits(space_id)
    return {name: MASK if name in hidden else masked(value, name) for name, value in traits.items()}


def _masked(value: str) -> str:
    """The first letter stays, and the domain of an e-mail address."""
    _, at, domain = value.rpartition("@")
    return f"{value[:1]}{MASK}{at}{domain}" if at else f"{value[:1]}{MASK}"
