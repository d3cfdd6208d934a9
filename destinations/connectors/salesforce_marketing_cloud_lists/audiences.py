"""The data extension of an audience: one that exists, named by its external key, or a new one."""

from __future__ import annotations

from destinations.connectors.salesforce_marketing_cloud import data_extensions, rows
from destinations.connectors.salesforce_marketing_cloud_lists.members import column
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError

_KEY = {"name": "contactKey", "type": "Text", "length": 254, "isPrimaryKey": True, "isNullable": False}
_EMAIL = {"name": "EmailAddress", "type": "EmailAddress", "length": 254, "isNullable": True}


def create_audience(context: Context, audience: Audience) -> Conversation:
    """Where the rows go, as the paths of calls have it: `key:<external key>`, or the ID of a new data extension."""
    key = context.audience_settings.get("data_extension_key")
    if key:
        return rows.by_key(str(key))
    folder = context.audience_settings.get("category_id")
    if not folder:
        raise PayloadValidationError(
            "Say where the rows go: the external key of a data extension, or the ID of the folder for a new one."
        )
    member = {"name": column(context, audience.key), "type": "Boolean", "isNullable": True}
    made = yield from data_extensions.create(
        context,
        name=audience.name,
        category_id=str(folder),
        description=f"Members of the audience {audience.name}",
        fields=[_KEY, _EMAIL, member],
        sendable=("contactKey", "_SubscriberKey"),
    )
    return made[0]


def get_audience(context: Context, audience: Audience) -> Conversation:
    """Whether a data extension that was created here is still there. One given by its key is not asked for."""
    known = context.external_audience_id
    if known.startswith("key:"):
        return known
    try:
        yield from data_extensions.find(context, known)
    except HttpError as error:
        if error.status == 404:
            return None
        raise
    return known
