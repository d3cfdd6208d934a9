"""Names of tables and columns: safe in every warehouse, and each used for one thing only."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable

LONGEST = 63  # of PostgreSQL, in bytes; names are ASCII
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNSAFE = re.compile(r"[^a-z0-9]+")
_SAFE = re.compile(r"[a-z][a-z0-9_]*")


def safe_name(text: str) -> str:
    """`Audience Entered` is audience_entered, `advertisingId` advertising_id, `3_products` _3_products.

    What is safe stays as it is: computation keys. A name without any letter or digit of ASCII is told by its hash.
    """
    if _SAFE.fullmatch(text):
        return text[:LONGEST]
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    name = _UNSAFE.sub("_", _WORDS.sub("_", plain).lower()).strip("_")
    if not name:
        name = f"name_{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return (f"_{name}" if name[0].isdigit() else name)[:LONGEST]


def unique_name(text: str, taken: Collection[str]) -> str:
    """The safe name, numbered when something else has it: total_2."""
    name = safe_name(text)
    number, found = 1, name
    while found in taken:
        number += 1
        ending = f"_{number}"
        found = name[: LONGEST - len(ending)] + ending
    return found


def schema_name(slug: str, ending: str = "") -> str:
    """`engage_<space>`, with an ending that survives the limit of length."""
    return safe_name(f"engage_{slug}")[: LONGEST - 4 - len(ending)].rstrip("_") + ending


def numbered(schema: str, number: int) -> str:
    """The schema of the n-th Engage source of a space (engage-domain.md §4)."""
    return schema if number == 1 else f"{schema}_{number}"


def clashes(schema: str, others: Iterable[str]) -> bool:
    """Whether schemas of the sources of two spaces could be one: engage_prod_2 is also the second of engage_prod."""
    return any(
        one == schema
        or re.fullmatch(rf"{re.escape(one)}_\d+", schema)
        or re.fullmatch(rf"{re.escape(schema)}_\d+", one)
        for one in others
    )
