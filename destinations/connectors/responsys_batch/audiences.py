"""The profile extension table of an audience."""

from __future__ import annotations

from destinations.connectors.responsys import api, pets
from destinations.kit.definition import Audience, Context, Conversation


def create_audience(context: Context, audience: Audience) -> Conversation:
    """The table's name: the one that was given, else the audience's key. It is created when the list has none."""
    name = str(context.audience_settings.get("pet_name") or audience.key)
    yield from pets.ensure(context, name, [audience.key[: api.NAME_LENGTH]])
    return name


def get_audience(context: Context, audience: Audience) -> Conversation:
    name = context.external_audience_id
    return name if (yield from pets.exists(context, name)) else None
