"""Cloning: a new audience with the definition and options of another, in its space or in a different one (W042)."""

from __future__ import annotations

from typing import Any

from audiences.models import Audience
from audiences.services.audiences import create_audience
from spaces.models import Space, User


def clone_audience(
    *,
    audience: Audience,
    space: Space,
    name: str,
    cloned_by: User | None,
    key: str | None = None,
    description: str | None = None,
) -> Audience:
    """A clone with a name and key of its own, and no destinations.

    Into another space, audiences are referred to by their keys there. Raises what `create_audience` raises:
    DefinitionError names what the other space lacks.
    """
    return create_audience(
        space=space,
        name=name,
        key=key,
        definition=portable(audience, space),
        description=audience.description if description is None else description,
        include_anonymous=audience.include_anonymous,
        include_historical=audience.include_historical,
        folder=audience.folder if space.pk == audience.space_id else None,
        created_by=cloned_by,
    )


def portable(audience: Audience, space: Space) -> Any:
    """The definition as the other space can read it: ids of audiences, which it does not have, become their keys."""
    if space.pk == audience.space_id:
        return audience.definition
    rows = Audience.objects.in_space(audience.space).values_list("public_id", "key")
    return _with_keys(audience.definition, dict(rows))


def _with_keys(node: Any, keys: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            name: keys.get(value, value) if name == "audience" and isinstance(value, str) else _with_keys(value, keys)
            for name, value in node.items()
        }
    return [_with_keys(item, keys) for item in node] if isinstance(node, list) else node
