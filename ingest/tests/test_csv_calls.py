from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from ingest.csv_calls import BATCH_CALLS, CsvColumns, CsvError, SendError, in_batches, read_calls, send_batches

COLUMNS = CsvColumns(user_id="customer", timestamp="day")


def write(folder: Path, text: str) -> Path:
    path = folder / "orders.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_become_track_calls_with_stable_ids(tmp_path: Path) -> None:
    path = write(tmp_path, "customer,day,revenue,zip,note\n00001,1997-01-01,11.77,01234,\n00001,1997-01-01,12,9,hi\n")

    calls = list(read_calls(path, event="Order Completed", columns=COLUMNS))

    assert [call["properties"] for call in calls] == [
        {"revenue": 11.77, "zip": "01234"},
        {"revenue": 12, "zip": 9, "note": "hi"},
    ]
    assert [(call["userId"], call["timestamp"]) for call in calls] == [("00001", "1997-01-01T00:00:00+00:00")] * 2
    assert calls[0]["messageId"] != calls[1]["messageId"]
    assert calls == list(read_calls(path, event="Order Completed", columns=COLUMNS))


def test_equal_rows_are_different_messages(tmp_path: Path) -> None:
    path = write(tmp_path, "customer,day\n1,1997-01-01\n1,1997-01-01\n")

    ids = {call["messageId"] for call in read_calls(path, event="A", columns=COLUMNS)}

    assert len(ids) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("customer,when\n1,2\n", "no column 'day'"),
        ("customer,day,day\n1,2,3\n", "same name"),
        ("customer,day\n1\n", "Line 2"),
        ("customer,day\n1,1997-01-01\n2,yesterday\n", "Line 3: 'yesterday'"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CsvError, match=words):
        list(read_calls(write(tmp_path, text), event="A", columns=COLUMNS))


def test_batches_stay_below_the_limits() -> None:
    small = list(in_batches({"n": n} for n in range(BATCH_CALLS + 1)))
    large = list(in_batches({"text": "x" * 30_000} for _ in range(40)))

    assert [len(batch) for batch in small] == [BATCH_CALLS, 1]
    assert all(sum(map(len, batch)) < 500 * 1024 for batch in large)
    assert sum(map(len, large)) == 40


def test_a_batch_is_sent_again_until_it_is_taken(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.csv_calls.time.sleep", lambda seconds: None)
    httpserver.expect_ordered_request("/v1/batch").respond_with_data("away", status=503)
    httpserver.expect_ordered_request("/v1/batch").respond_with_json({"success": True})
    seen: list[int] = []

    sent = send_batches(url=httpserver.url_for(""), write_key="key", batches=[['{"a":1}']], progress=seen.append)

    assert (sent, seen) == (1, [1])
    request = httpserver.log[-1][0]
    assert json.loads(request.data) == {"batch": [{"a": 1}]}
    assert request.headers["Authorization"] == "Basic a2V5Og=="


def test_a_refusal_says_what_the_server_said(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/batch").respond_with_data("too large", status=400)

    with pytest.raises(SendError, match="400: too large"):
        send_batches(url=httpserver.url_for(""), write_key="key", batches=[["{}"]], progress=lambda sent: None)
