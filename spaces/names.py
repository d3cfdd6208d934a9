"""Names as people write them, and the slugs made of them."""

from __future__ import annotations

import re

from common.errors import InvalidError
from common.names import snake_case

MAX_NAME = 120
MAX_SLUG = 50
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def clean_name(value: object, *, path: str = "/name", what: str = "name", limit: int = MAX_NAME) -> str:
    """The name without outer and doubled blanks. InvalidError when empty, too long or not printable."""
    if not isinstance(value, str):
        raise InvalidError.at(path, f"The {what} must be a text.", "not_a_text")
    if CONTROL.search(value.strip()):
        raise InvalidError.at(path, f"The {what} holds a control character; remove it.", "control_character")
    name = " ".join(value.split())
    if not name:
        raise InvalidError.at(path, f"Enter a {what}.", "required")
    if len(name) > limit:
        raise InvalidError.at(path, f"The {what} has {len(name)} characters; at most {limit} are possible.", "too_long")
    return name


def slug_of(name: str, *, fallback: str) -> str:
    """Lower-case Latin letters, digits and hyphens, whatever the script of the name; `fallback` when none is left."""
    return snake_case(name).replace("_", "-")[:MAX_SLUG].strip("-") or fallback


def candidates(slug: str) -> list[str]:
    """The slug, then the slug with a number: the first that is free is taken."""
    return [slug, *(f"{slug}-{number}" for number in range(2, 1000))]
