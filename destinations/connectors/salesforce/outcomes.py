"""What became of the records of a bulk job: Salesforce works on it after it has taken the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from destinations.connectors.salesforce.bulk import RowKey, row_key
from destinations.connectors.salesforce.client import RETRIED, ask
from destinations.connectors.salesforce.sign_in import api_url
from destinations.kit.conversation import pause
from destinations.kit.definition import Context, Conversation
from destinations.kit.http import Request
from destinations.kit.verdicts import ItemResult

# Seconds between the questions: most jobs are over after a few, and every question counts against the daily limit.
PAUSES = (1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 15.0)
ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_ERROR = re.compile(r"(?P<code>[A-Z][A-Z0-9_]+):(?P<said>.*)", re.DOTALL)


class Ticket(NamedTuple):
    """The row of a job in which an item went. `id_name` is the column of the ids, "" in an insert."""

    job_id: str
    id_name: str
    row: RowKey


def confirm(context: Context, results: Sequence[ItemResult]) -> Conversation:
    """The results once Salesforce has worked on the jobs; what it refused fails with its words.

    A job that is still at work after about a minute stays accepted: it is listed under Bulk Data Load Jobs.
    """
    waiting = {ticket.job_id: ticket.id_name for result in results if (ticket := result.ticket) is not None}
    refused: dict[Ticket, ItemResult] = {}
    for seconds in PAUSES:
        yield pause(seconds)
        for job_id in sorted(waiting):
            job = yield from _state(context, job_id)
            if job.get("state") in ENDED:
                refused.update((yield from _refused(context, job_id, waiting.pop(job_id), job)))
        if not waiting:
            break
    return [refused.get(result.ticket, result) for result in results]


def _state(context: Context, job_id: str) -> Conversation:
    answer = (yield from ask(Request(method="GET", url=api_url(context, f"jobs/ingest/{job_id}")))).json()
    return answer if isinstance(answer, dict) else {}


def _refused(context: Context, job_id: str, id_name: str, job: Mapping[str, Any]) -> Conversation:
    """The rows of an ended job that Salesforce did not take, each with what it said."""
    found: dict[Ticket, ItemResult] = {}
    if job["state"] != "JobComplete":
        said = job.get("errorMessage") or f"the job is {job['state'].lower()}"
        stopped = ItemResult(status=400, message=f"Salesforce ended the job {job_id}: {said}", code="JOB_ENDED")
        for row in (yield from _rows(context, job_id, "unprocessedrecords")):
            found[Ticket(job_id, id_name, _key(row, id_name))] = stopped
    if job.get("numberRecordsFailed") != 0:
        for row in (yield from _rows(context, job_id, "failedResults")):
            found[Ticket(job_id, id_name, _key(row, id_name))] = _result(row.get("sf__Error") or "")
    return found


def _rows(context: Context, job_id: str, which: str) -> Conversation:
    request = Request(
        method="GET", url=api_url(context, f"jobs/ingest/{job_id}/{which}"), headers={"Accept": "text/csv"}, timeout=60
    )
    response = yield from ask(request)
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def _key(row: Mapping[str, str], id_name: str) -> RowKey:
    own = {name: text for name, text in row.items() if name and not name.startswith("sf__")}
    return row_key(own, id_name)


def _result(error: str) -> ItemResult:
    """`DUPLICATE_VALUE:the value is taken:Email --` as the result of an item."""
    told = _ERROR.match(error)
    code = told["code"] if told else "REFUSED"
    said = (told["said"] if told else error).removesuffix("--").strip(": ") or "no reason given"
    return ItemResult(
        status=503 if code in RETRIED else 400, code=code, message=f"Salesforce refused the record: {said}"
    )
