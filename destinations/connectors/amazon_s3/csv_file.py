"""A CSV file of who entered and who left: its columns, its text, its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from destinations.kit.definition import Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.json_text import js_json
from engine.jstext import text

CONTENT_TYPE = "text/csv; charset=utf-8"
# Column in the mapping -> member of the payload, in the order of the file.
COLUMNS: Mapping[str, str] = {
    "audience_name": "audienceName",
    "audience_id": "audienceId",
    "audience_action": "",
    "email": "email",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "timestamp": "timestamp",
    "message_id": "messageId",
    "space_id": "spaceId",
    "integrations_object": "integrationsObject",
    "properties_or_traits": "propertiesOrTraits",
}


def written(items: Sequence[Item], delimiter: str) -> bytes:
    """Header without quotes, then a row an item with every value in quotes; no line break at the end."""
    told = items[0].payload.get("columns") or {}
    names = [name for name in COLUMNS if told.get(name)]
    more = list(
        dict.fromkeys(
            name for item in items for name in item.payload.get("additional_identifiers_and_traits_columns") or {}
        )
    )
    header = [str(told[name]) for name in names] + more
    for name in header:
        if delimiter in name or "\n" in name or '"' in name:
            raise PayloadValidationError(
                f"The column name {name!r} contains the delimiter, a quote or a line break. Choose another name."
            )
    lines = [delimiter.join(header)]
    for item in items:
        extra = item.payload.get("additional_identifiers_and_traits_columns") or {}
        values = [_value(item, name) for name in names] + [extra.get(name) for name in more]
        lines.append(delimiter.join(_quoted(value) for value in values))
    return "\n".join(lines).encode("utf-8", "replace")


def name_of(prefix: str, audience_key: str, now: datetime, body: bytes) -> str:
    """`<prefix>_<key>_<time>_<hash>.csv`; a prefix that ends in `.csv` stands for itself, without the key.

    The hash keeps two files of one moment apart.
    """
    moment = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    moment = moment.replace(":", "-").replace(".", "-")
    mark = hashlib.sha256(body).hexdigest()[:8]
    if prefix.lower().endswith(".csv"):
        parts = [prefix[: -len(".csv")], moment, mark]
    else:
        parts = [prefix, audience_key.lower(), moment, mark]
    return "_".join(part for part in parts if part) + ".csv"


def _value(item: Item, column: str) -> Any:
    return item.membership if column == "audience_action" else item.payload.get(COLUMNS[column])


def _quoted(value: Any) -> str:
    if value is None:
        shown = ""
    elif isinstance(value, dict | list):
        shown = js_json(value).decode()
    else:
        shown = text(value)
    return '"' + shown.replace('"', '""') + '"'
