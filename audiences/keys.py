"""Computation keys: given once in a space, never again (engage-domain.md §3.2)."""

from __future__ import annotations

import re

from audiences.models import ComputationKey
from common.errors import FieldError, ProductError
from common.names import snake_case
from spaces.models import Space

MAX_KEY_LENGTH = 255
KEY_PATTERN = re.compile(r"[a-z0-9_]+")


class ComputationKeyError(ProductError):
    """The key cannot be used; the sentence proposes one that can."""

    code = "key_not_available"


def propose_key(*, space: Space, name: str) -> str:
    """The key of a name, with `_2`, `_3` … when it was used before; "" when the name has no letter or digit."""
    base = snake_case(name)[:MAX_KEY_LENGTH]
    if not base:
        return ""
    taken = set(
        ComputationKey.objects.filter(space=space, key__startswith=base[: MAX_KEY_LENGTH - 6]).values_list(
            "key", flat=True
        )
    )
    if base not in taken:
        return base
    number = 2
    while (candidate := f"{base[: MAX_KEY_LENGTH - 6]}_{number}") in taken:
        number += 1
    return candidate


def reserve_key(*, space: Space, name: str, key: str | None, kind: str, computation_id: str) -> str:
    """Give the key to the computation, inside the caller's transaction.

    Raises ComputationKeyError when the name yields no key, the key is malformed, or it was ever used in this space.
    """
    proposal = propose_key(space=space, name=name)
    wanted = key if key else snake_case(name)[:MAX_KEY_LENGTH]
    if not wanted:
        raise ComputationKeyError(
            "The name has no letter or digit to make a key from.",
            [FieldError(path="/name", code="no_key", detail="Use at least one letter or digit in the name.")],
        )
    if not KEY_PATTERN.fullmatch(wanted) or len(wanted) > MAX_KEY_LENGTH:
        raise ComputationKeyError(
            "The key is not valid.",
            [
                FieldError(
                    path="/key",
                    code="key_malformed",
                    detail=f"Use only a-z, 0-9 and _, at most {MAX_KEY_LENGTH} characters.",
                )
            ],
        )
    _, was_free = ComputationKey.objects.get_or_create(
        space=space, key=wanted, defaults={"kind": kind, "computation_id": computation_id}
    )
    if not was_free:
        detail = (
            f"The key {wanted} was already used in this space and lists downstream may still carry it. "
            f"Choose another name, or use the key {proposal}."
        )
        field = "/key" if key else "/name"
        raise ComputationKeyError("The key was already used.", [FieldError(path=field, code="key_used", detail=detail)])
    return wanted
