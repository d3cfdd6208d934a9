"""The identifier types that ID Sync can choose from."""

from __future__ import annotations

from profiles.models import USERS, IdentifierRule
from profiles.selectors import search
from spaces.models import Space


def identifier_types(space: Space) -> list[str]:
    """Types of users that the identity settings name or that profiles have, in order of priority, then by name."""
    ruled = IdentifierRule.objects.filter(space=space, collection=USERS).order_by("priority")
    return list(dict.fromkeys([*ruled.values_list("id_type", flat=True), *search.identifier_types(space)]))
