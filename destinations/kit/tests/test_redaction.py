from __future__ import annotations

from destinations.kit.http import Request, Response
from destinations.kit.redaction import shown_request, shown_response


def test_secrets_vanish_from_address_headers_and_body() -> None:
    request = Request(
        method="POST",
        url="https://example.org/?key=s3cret",
        headers={"Authorization": "Bearer other", "X-Team": "s3cret!"},
        body=b'{"k":"s3cret"}',
    )

    shown = shown_request(request, ["s3cret"])

    assert shown["url"] == "https://example.org/?key=REDACTED"
    assert shown["headers"] == {"Authorization": "REDACTED", "X-Team": "REDACTED!"}
    assert shown["body"] == '{"k":"REDACTED"}'


def test_a_long_answer_is_cut_after_redaction() -> None:
    shown = shown_response(Response(status=200, body=b"x" * 20 + b"s3cret"), ["s3cret"], limit=23)

    assert shown["body"] == "x" * 20 + "RED… (5 more characters)"
