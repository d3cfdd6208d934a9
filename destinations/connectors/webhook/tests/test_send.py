from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from destinations.connectors.webhook import definition
from destinations.kit.http import Response
from destinations.kit.testing import run_payload, run_payloads

URL = "https://example.org/hook"
(send,) = definition.actions


def test_posts_the_data_as_compact_json() -> None:
    ran = run_payload(send, {"method": "POST", "data": {"name": "Zoë", "n": 7.0}}, settings={"url": URL})

    assert ran.request.method == "POST"
    assert ran.request.url == URL
    assert ran.request.headers == {"Content-Type": "application/json"}
    assert ran.request.body == '{"name":"Zoë","n":7}'.encode()
    assert ran.verdict.outcome == "delivered"


def test_the_mapping_may_name_another_address_method_and_headers() -> None:
    payload = {"url": "http://other.example/x", "method": "PUT", "headers": {"X-Team": "growth"}, "data": {}}

    ran = run_payload(send, payload, settings={"url": URL})

    assert (ran.request.method, ran.request.url) == ("PUT", "http://other.example/x")
    assert ran.request.headers["X-Team"] == "growth"


def test_signs_exactly_what_is_sent() -> None:
    ran = run_payload(send, {"method": "POST", "data": {"a": 1}}, settings={"url": URL, "sharedSecret": "s3cret"})

    body = b'{"a":1}'
    assert ran.request.body == body
    assert ran.request.headers["X-Signature"] == hmac.new(b"s3cret", body, hashlib.sha1).hexdigest()
    expected = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert ran.request.headers["X-Signature-256"] == expected


def test_a_batch_is_one_list_signed_over_its_first_item() -> None:
    payloads = [{"method": "POST", "data": {"n": number}} for number in range(3)]

    ran = run_payloads(send, payloads, settings={"url": URL, "sharedSecret": "s3cret"})

    assert json.loads(ran.request.body or b"") == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert ran.request.headers["X-Signature"] == hmac.new(b"s3cret", b'{"n":0}', hashlib.sha1).hexdigest()
    assert [verdict.outcome for verdict in ran.verdicts] == ["delivered"] * 3


def test_a_failed_batch_fails_every_item() -> None:
    ran = run_payloads(
        send, [{"method": "POST"}] * 2, settings={"url": URL}, answers=[Response(status=400, body=b"no")]
    )

    assert [(verdict.outcome, verdict.code) for verdict in ran.verdicts] == [("failed", "400"), ("failed", "400")]


def test_without_any_url_nothing_is_sent() -> None:
    ran = run_payload(send, {"method": "POST", "data": {}})

    assert ran.requests == []
    assert (ran.verdict.outcome, ran.verdict.code) == ("failed", "PAYLOAD_VALIDATION_FAILED")
    assert "There is no URL" in ran.verdict.detail


@pytest.mark.parametrize(
    "payload",
    [
        {"url": "ftp://example.org/"},
        {"url": "https://"},
        {"url": "https://exa mple.org/"},
        {"url": "http://example.org:99999/"},
        {"method": "DELETE", "url": URL},
        {"url": URL, "headers": {"X-A": "one\r\nX-B: two"}},
        {"url": URL, "headers": {"Host": "inside.example"}},
        {"url": URL, "headers": {"Bad Name": "x"}},
    ],
)
def test_what_cannot_be_sent_safely_is_refused(payload: dict[str, object]) -> None:
    ran = run_payload(send, {"method": "POST", "data": {}, **payload})

    assert ran.requests == []
    assert ran.verdict.outcome == "failed"
    assert ran.verdict.status == 400


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (301, "failed"),
        (400, "failed"),
        (401, "failed"),
        (404, "failed"),
        (408, "retry"),
        (423, "retry"),
        (429, "retry"),
        (500, "retry"),
        (501, "failed"),
        (503, "retry"),
    ],
)
def test_the_status_decides_whether_it_is_tried_again(status: int, outcome: str) -> None:
    ran = run_payload(send, {"method": "POST"}, settings={"url": URL}, answers=[Response(status=status)])

    assert ran.verdict.outcome == outcome
