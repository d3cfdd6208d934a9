"""Many records at once: Bulk API 2.0, one CSV file a job."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from destinations.connectors.salesforce.client import ask
from destinations.connectors.salesforce.sign_in import api_url
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import IntegrationError, PayloadValidationError
from destinations.kit.http import Request, json_request
from engine.jstext import number_text

# Clears the field in Salesforce.
NO_VALUE = "#N/A"

Row = Mapping[str, Any]
RowKey = frozenset[tuple[str, str]]


class Job(NamedTuple):
    """What goes in one job: the object, `insert`, `update` or `upsert`, the column of the ids ("" for an insert)."""

    kind: str
    operation: str
    id_name: str
    audience_field: str


def load(context: Context, job: Job, rows: Sequence[tuple[Any, Row]]) -> Conversation:
    """Create a job, give it the file of these (id, record)s, close it; returns the id of the job.

    Salesforce works on the job later: `outcomes.confirm` asks what it refused.
    """
    text = csv(rows, job.id_name)
    about = {"object": job.kind, "contentType": "CSV", "operation": job.operation}
    if job.id_name:
        about["externalIdFieldName"] = job.id_name
    created = yield from ask(json_request("POST", api_url(context, "jobs/ingest"), about))
    answer = created.json()
    job_id = answer.get("id") if isinstance(answer, dict) else None
    if not job_id:
        raise IntegrationError("Salesforce created no job: its answer has no id.", code="INVALID_RESPONSE")
    url = api_url(context, f"jobs/ingest/{job_id}")
    try:
        yield from ask(
            Request(
                method="PUT",
                url=f"{url}/batches",
                headers={"Content-Type": "text/csv", "Accept": "application/json"},
                body=text.encode(),
                timeout=60,
            )
        )
    except Exception:
        # A job left open counts against the organisation for a week; closed without a file it ends at once.
        yield from ask(_closed(url))
        raise
    yield from ask(_closed(url))
    return str(job_id)


def csv(rows: Sequence[tuple[Any, Row]], id_name: str) -> str:
    """The file: columns are the names of all rows, collected from the last row backwards; the id comes last."""
    names = list(dict.fromkeys(name for _, row in reversed(rows) for name in row))
    for name in names:
        if "," in name or "\n" in name or '"' in name:
            raise PayloadValidationError(f"The field name {name!r} cannot be a column: take out the comma.")
    header = [*names, id_name] if id_name else names
    return "".join(f"{line}\n" for line in (",".join(header), *_lines(rows, names, bool(id_name))))


def written(found: Any, row: Row, id_name: str) -> dict[str, str]:
    """The texts of a row by column, as the file has them."""
    texts = {name: NO_VALUE if value is None else _text(value) for name, value in row.items()}
    return {**texts, id_name: _text(found)} if id_name else texts


def row_key(texts: Mapping[str, str], id_name: str) -> RowKey:
    """By what a row is found again in the files that Salesforce gives back: its id, in an insert all of its values."""
    if id_name:
        return frozenset({(id_name, texts.get(id_name, ""))})
    return frozenset((name, text) for name, text in texts.items() if text not in ("", NO_VALUE))


def _lines(rows: Iterable[tuple[Any, Row]], names: Sequence[str], has_id: bool) -> Iterator[str]:
    for found, row in rows:
        cells = [_cell(row.get(name)) for name in names]
        if has_id:
            cells.append(_quoted(_text(found) if found not in (None, "") else NO_VALUE))
        yield ",".join(cells)


def _cell(value: Any) -> str:
    return NO_VALUE if value is None else _quoted(_text(value))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return json.dumps(value, ensure_ascii=False)


def _closed(url: str) -> Request:
    return json_request("PATCH", url, {"state": "UploadComplete"})
