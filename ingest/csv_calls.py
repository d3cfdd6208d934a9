"""Rows of any CSV as track calls, and the batches in which they are sent."""

from __future__ import annotations

import base64
import csv
import http.client
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.events import LONGEST_NAME, read_instant

BATCH_CALLS = 500
# A batch may have 500 KB; a little is left for its outer fields.
BATCH_BYTES = 480 * 1024
TRIES = 6


class CsvError(Exception):
    """The file cannot be sent; the sentence says what to change."""


class SendError(Exception):
    """The server refused a batch or could not be reached."""


@dataclass(frozen=True, kw_only=True)
class CsvColumns:
    """Which columns mean what; every other column becomes a property."""

    user_id: str
    timestamp: str = ""
    anonymous_id: str = ""


def read_calls(path: Path, *, event: str, columns: CsvColumns) -> Iterator[dict[str, Any]]:
    """A track call for each row, in order. CsvError names the column or line that is wrong.

    The messageId is made of the row's number and content, so that sending the file again changes nothing.
    """
    if not event or len(event) > LONGEST_NAME:
        raise CsvError(f"The event name must have 1 to {LONGEST_NAME} characters.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(reader.fieldnames, columns)
            for number, row in enumerate(reader, start=1):
                yield _call(number, row, event, columns)
    except OSError as error:
        raise CsvError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CsvError(f"{path} is not UTF-8; save it as UTF-8 and try again.") from error
    except csv.Error as error:
        raise CsvError(f"{path} is not a CSV: {error}.") from error


def _check_header(names: Iterable[str] | None, columns: CsvColumns) -> None:
    header = list(names or [])
    if not header:
        raise CsvError("The file is empty; its first line must name the columns.")
    if len(set(header)) < len(header):
        raise CsvError("Two columns have the same name; rename one.")
    for name in (columns.user_id, columns.timestamp, columns.anonymous_id):
        if name and name not in header:
            raise CsvError(f"There is no column {name!r}; the file has {', '.join(header)}.")
    if not columns.user_id and not columns.anonymous_id:
        raise CsvError("Name the column of the user id or of the anonymous id.")


def _call(number: int, row: dict[str, Any], event: str, columns: CsvColumns) -> dict[str, Any]:
    if None in row or None in row.values():
        raise CsvError(f"Line {number + 1} does not have as many values as there are columns.")
    call: dict[str, Any] = {
        "type": "track",
        "event": event,
        "messageId": "csv-" + sha256(json.dumps([number, event, row]).encode()).hexdigest()[:32],
    }
    for field, column in (("userId", columns.user_id), ("anonymousId", columns.anonymous_id)):
        if column and row[column].strip():
            call[field] = row[column].strip()
    if columns.timestamp and row[columns.timestamp].strip():
        moment = read_instant(row[columns.timestamp].strip())
        if moment is None:
            raise CsvError(f"Line {number + 1}: {row[columns.timestamp]!r} is not an ISO 8601 date or time.")
        call["timestamp"] = moment.isoformat()
    used = {columns.user_id, columns.timestamp, columns.anonymous_id}
    call["properties"] = {name: _value(text) for name, text in row.items() if name not in used and text != ""}
    return call


def _value(text: str) -> Any:
    """Numbers as numbers; what has leading zeros, like a postcode, stays a text."""
    stripped = text.strip()
    digits = stripped.removeprefix("-")
    if not digits[:1].isdigit() or (digits.startswith("0") and len(digits) > 1 and digits[1] != "."):
        return text
    try:
        return int(stripped)
    except ValueError:
        pass
    try:
        number = float(stripped)
    except ValueError:
        return text
    return number if abs(number) < 1e300 else text


def in_batches(calls: Iterable[dict[str, Any]]) -> Iterator[list[str]]:
    """The calls as JSON texts, in batches that the tracking API takes."""
    batch: list[str] = []
    size = 0
    for call in calls:
        text = json.dumps(call)
        if batch and (len(batch) >= BATCH_CALLS or size + len(text) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text) + 1
    if batch:
        yield batch


def send_batches(*, url: str, write_key: str, batches: Iterable[list[str]], progress: Callable[[int], None]) -> int:
    """Send to `{url}/v1/batch`; calls `progress(sent)` after each batch and returns how many calls were sent.

    Answers 429 and 5xx and lost connections are tried again; SendError when that does not help.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SendError("The URL must look like http://127.0.0.1:8000.")
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=60)
    headers = {
        "Authorization": "Basic " + base64.b64encode(f"{write_key}:".encode()).decode(),
        "Content-Type": "application/json",
    }
    sent = 0
    try:
        for batch in batches:
            # No sentAt: the times of a file are not those of a client's clock.
            body = '{"batch":[' + ",".join(batch) + "]}"
            _post(connection, parts.path.rstrip("/") + "/v1/batch", body.encode(), headers)
            sent += len(batch)
            progress(sent)
    finally:
        connection.close()
    return sent


def _post(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> None:
    problem = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(min(0.2 * 2**attempt, 5))
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            problem = f"the server cannot be reached ({error})"
            continue
        if answer.status == 200:
            return
        problem = f"the server answered {answer.status}: {text[:300].decode('utf-8', 'replace')}"
        if answer.status < 500 and answer.status != 429:
            break
    raise SendError(f"A batch was not taken: {problem}. Send the file again; what arrived already is not repeated.")
