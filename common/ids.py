"""Random public identifiers in the formats of engage-domain.md §3.1."""

from __future__ import annotations

import secrets
import string

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE36 = string.digits + string.ascii_lowercase


def random_text(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def base62(length: int) -> str:
    return random_text(BASE62, length)


def new_space_id() -> str:
    return "spa_" + base62(22)


def new_audience_id() -> str:
    return "aud_" + base62(27)


def new_trait_id() -> str:
    return "tra_" + base62(27)


def new_user_segment_id() -> str:
    return "use_" + base62(27)


def new_account_segment_id() -> str:
    return "acc_" + base62(27)


def new_short_id() -> str:
    """Sources, destinations, connections, mappings: 10 base62."""
    return base62(10)


def new_write_key() -> str:
    return base62(32)
