"""What Facebook matches people by, normalised as it asks and hashed; the published examples are in the tests."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from destinations.kit.personal import digits, hashed, trim_lower

_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_BLANKS = re.compile(r"\s+")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?\Z")
_MONTHS = "january february march april may june july august september october november december"
MONTHS = _MONTHS.split()
_GENDERS = {"male": "m", "boy": "m", "man": "m", "m": "m", "female": "f", "woman": "f", "girl": "f", "f": "f"}
_STATES = (
    "alabama al alaska ak arizona az arkansas ar california ca colorado co connecticut ct delaware de florida fl "
    "georgia ga hawaii hi idaho id illinois il indiana in iowa ia kansas ks kentucky ky louisiana la maine me "
    "maryland md massachusetts ma michigan mi minnesota mn mississippi ms missouri mo montana mt nebraska ne "
    "nevada nv newhampshire nh newjersey nj newmexico nm newyork ny northcarolina nc northdakota nd ohio oh "
    "oklahoma ok oregon or pennsylvania pa rhodeisland ri southcarolina sc southdakota sd tennessee tn texas tx "
    "utah ut vermont vt virginia va washington wa westvirginia wv wisconsin wi wyoming wy districtofcolumbia dc "
    "puertorico pr"
)
STATES = dict(zip(_STATES.split()[::2], _STATES.split()[1::2], strict=True))


def phone(value: str) -> str:
    """Only the digits, without zeros in front; the country code has to be among them."""
    return digits(value).lstrip("0")


def month(value: str) -> str:
    """`03` of `March`, `3` and `03`."""
    text = trim_lower(value)
    return f"{MONTHS.index(text) + 1:02d}" if text in MONTHS else two_digits(text)


def two_digits(value: str) -> str:
    text = value.strip()
    return text.zfill(2) if text.isdigit() else text


def name(value: str) -> str:
    """In lower case without punctuation; blanks inside stay."""
    text = trim_lower(value)
    if text.isalpha():
        return text
    return "".join(char for char in text if not unicodedata.category(char).startswith("P"))


def gender(value: str) -> str:
    text = trim_lower(value)
    return _GENDERS.get(text, text)


def place(value: str) -> str:
    """City or country: only a-z and 0-9."""
    return _NOT_PLAIN.sub("", trim_lower(value))


def state(value: str) -> str:
    """The two letters of a US state, for others as `place`."""
    text = place(value)
    return STATES.get(text, text)


def postal_code(value: str) -> str:
    """Up to the first dash, else without blanks."""
    begin, dash, _rest = value.partition("-")
    return begin.lower() if dash else _BLANKS.sub("", value).lower()


# Column → (where it is in the payload, what is done before it is hashed). None: it is sent as it is.
COLUMNS: Mapping[str, tuple[tuple[str, ...], Callable[[str], str] | None]] = {
    "EXTERN_ID": (("externalId",), None),
    "EMAIL": (("email",), trim_lower),
    "PHONE": (("phone",), phone),
    "DOBY": (("birth", "year"), str.strip),
    "DOBM": (("birth", "month"), month),
    "DOBD": (("birth", "day"), two_digits),
    "LN": (("name", "last"), name),
    "FN": (("name", "first"), name),
    "FI": (("name", "firstInitial"), trim_lower),
    "GEN": (("gender",), gender),
    "CT": (("city",), place),
    "ST": (("state",), state),
    "ZIP": (("zip",), postal_code),
    "COUNTRY": (("country",), place),
    "MADID": (("mobileAdId",), None),
}


def _by_member() -> dict[str, list[tuple[int, str, Callable[[str], str] | None]]]:
    """Member of the payload → (column, key inside of it or "", what is done before hashing)."""
    found: dict[str, list[tuple[int, str, Callable[[str], str] | None]]] = {}
    for column, (path, normalize) in enumerate(COLUMNS.values()):
        found.setdefault(path[0], []).append((column, path[1] if len(path) > 1 else "", normalize))
    return found


_BY_MEMBER = _by_member()
_EMPTY = [""] * len(COLUMNS)


def row(payload: Mapping[str, Any]) -> list[str]:
    """One person in the order of COLUMNS; what is missing is ""."""
    told = _EMPTY.copy()
    for member, value in payload.items():
        columns = _BY_MEMBER.get(member)
        if not columns or not value:
            continue
        if member == "birth":
            value = _birth(value)  # noqa: PLW2901 - the same, read
        for column, key, normalize in columns:
            found = value if not key else value.get(key) if isinstance(value, Mapping) else None
            if found is not None and found != "":
                told[column] = str(found) if normalize is None else hashed(str(found), normalize)
    return told


def _birth(told: Mapping[str, Any]) -> Mapping[str, Any]:
    whole = _DATE.match(str(told.get("day") or "").strip())
    return dict(zip(("year", "month", "day"), whole.groups(), strict=True)) if whole else told
