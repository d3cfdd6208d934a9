"""Put people in a static list: one file of leads, which Marketo imports afterwards.

https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/rest/bulk-import/bulk-lead-import
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from destinations.connectors.marketo_static_lists.client import ask, host
from destinations.connectors.marketo_static_lists.static_lists import list_of
from destinations.kit.batches import Results, latest
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.http import Request
from engine.jstext import number_text

BOUNDARY = "--SEGMENT-DATA--"
MAX_BYTES = 10 * 1024 * 1024

_QUOTED = frozenset(',"\r\n')


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """`POST /bulk/v1/leads.json`. Of several rows for one lead the last goes."""
    results = Results(items)
    files: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        list_id, field = list_of(context, item.payload), str(item.payload.get("lookup_field") or "email")
        if not list_id:
            results.fail(item, "No list ID found in payload. Choose a list in the mapping, or connect an audience.")
        elif item.payload["data"].get(field) in (None, ""):
            results.fail(item, f"The lead has no {field}, by which Marketo is to find it.")
        else:
            files.setdefault((list_id, field), []).append(item)
    for (list_id, field), members in files.items():
        rows = _rows(members, field)
        body, boundary = _multipart(csv(rows))
        if len(body) > MAX_BYTES:
            for item in members:
                results.fail(item, "The file of leads is larger than the 10 MB that Marketo takes. Send fewer fields.")
            continue
        url = (
            f"{host(context)}/bulk/v1/leads.json?format=csv&listId={quote(list_id, safe='')}&lookupField={quote(field)}"
        )
        yield from ask(
            Request(
                method="POST",
                url=url,
                headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
                body=body,
                timeout=60,
            )
        )
    return results.done()


def _rows(items: Sequence[Item], field: str) -> list[dict[str, Any]]:
    def key(item: Item) -> str:
        return _cell(item.payload["data"][field]).strip().lower()

    return [item.payload["data"] for item in latest(items, key)]


def csv(rows: Sequence[dict[str, Any]]) -> str:
    """Header and rows; columns in the order in which they appear (RFC 4180, lines end with a line feed)."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[_cell(name) for name in names], *([_cell(row.get(name)) for name in names] for row in rows)]
    return "\n".join(",".join(line) for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return '"' + text.replace('"', '""') + '"' if not _QUOTED.isdisjoint(text) else text


def _multipart(text: str) -> tuple[bytes, str]:
    boundary = BOUNDARY
    while boundary in text:
        boundary += "-"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="leads.csv"\r\n'
        f"Content-Type: text/csv\r\n\r\n{text}\r\n--{boundary}--\r\n"
    )
    return body.encode(), boundary
