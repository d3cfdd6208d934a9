"""The tracking API as a client sees it: through the WSGI entry, with commits of its own."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from engage_admin.wsgi import application
from ingest import inbox as inbox_module
from ingest.bodies import unpack
from ingest.inbox import connect, inbox
from ingest.models import InboundBatch, UnknownWriteKey
from ingest.tests.inbound_rows import counts, process
from spaces.models import Source, Space
from tests.factories import make_source

pytestmark = pytest.mark.django_db(transaction=True)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def send(path: str, body: bytes | str | dict[str, Any] = b"", *, method: str = "POST", **environ: Any) -> Answer:
    if isinstance(body, dict):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    seen: list[Any] = []
    request = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(data)),
        "CONTENT_TYPE": "application/json",
        "REMOTE_ADDR": "203.0.113.9",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **environ,
    }
    answer = b"".join(application(request, lambda status, headers: seen.extend([status, headers])))
    return Answer(int(seen[0].split()[0]), dict(seen[1]), answer)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.fixture(autouse=True)
def running_inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(inbox_module, "wake", lambda task: None)
    monkeypatch.setattr("common.tasks.wake", lambda task, **kwargs: None)
    yield
    inbox.stop()


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space)


CALL = {"type": "track", "userId": "u", "event": "A", "messageId": "m1"}


@pytest.mark.parametrize("variant", ["basic", "no colon", "body", "bearer", "lower case scheme"])
def test_every_way_to_name_the_write_key(source: Source, variant: str) -> None:
    key = source.write_key
    header = {
        "basic": basic(f"{key}:"),
        "no colon": basic(key),
        "body": "",
        "bearer": "Bearer abc",
        "lower case scheme": basic(f"{key}:").replace("Basic", "basic"),
    }[variant]
    body = CALL if header.lower().startswith("basic") else CALL | {"writeKey": key}

    answer = send("/v1/track", body, HTTP_AUTHORIZATION=header)

    assert (answer.status, answer.json()) == (200, {"success": True})
    row = InboundBatch.objects.get()
    assert (row.space_id, row.source_id, row.call, row.refused) == (source.space_id, source.pk, "track", "")
    assert (row.ip, json.loads(unpack(row.encoding, row.body))) == ("203.0.113.9", body)


@pytest.mark.parametrize("call", ["identify", "track", "page", "screen", "group", "alias"])
def test_each_call_has_its_path(source: Source, call: str) -> None:
    assert send(f"/v1/{call}", CALL | {"writeKey": source.write_key}).status == 200

    assert InboundBatch.objects.get().call == call


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/batch/"])
def test_batches_keep_their_body(source: Source, path: str) -> None:
    body = {"batch": [CALL] * 50, "writeKey": source.write_key}

    assert send(path, body).status == 200

    row = InboundBatch.objects.get()
    assert (row.call, row.encoding) == ("batch", InboundBatch.Encoding.ZSTD)
    assert json.loads(unpack(row.encoding, row.body)) == body


def test_a_gzip_body_is_kept_as_it_came(source: Source) -> None:
    packed = gzip.compress(json.dumps({"batch": [CALL], "writeKey": source.write_key}).encode())

    assert send("/v1/batch", packed, HTTP_CONTENT_ENCODING="gzip").status == 200

    row = InboundBatch.objects.get()
    assert (row.encoding, bytes(row.body)) == (InboundBatch.Encoding.GZIP, packed)


def test_a_beacon_may_send_text_plain(source: Source) -> None:
    body = CALL | {"writeKey": source.write_key}

    assert send("/v1/track", body, CONTENT_TYPE="text/plain").status == 200

    assert InboundBatch.objects.count() == 1


def test_preflight_and_answers_allow_other_origins(source: Source) -> None:
    preflight = send("/v1/track", method="OPTIONS")
    answer = send("/v1/track", CALL)

    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_other_methods_are_refused(method: str) -> None:
    answer = send("/v1/track", method=method)

    assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")


BAD_BODIES = [
    ("/v1/track", b"{", "invalid_json"),
    ("/v1/track", b"", "invalid_json"),
    ("/v1/track", b"[]", "invalid_json"),
    ("/v1/track", b'{"a": NaN}', "invalid_json"),
    ("/v1/track", b'{"a": "\xff"}', "invalid_json"),
    ("/v1/track", b'{"a": "' + b"x" * 32_768 + b'"}', "too_large"),
    ("/v1/batch", b'{"batch": ["' + b"x" * 512_000 + b'"]}', "too_large"),
]


@pytest.mark.parametrize(("path", "body", "code"), BAD_BODIES)
def test_bad_bodies_are_answered_400_with_a_reason(source: Source, path: str, body: bytes, code: str) -> None:
    answer = send(path, body, HTTP_AUTHORIZATION=basic(source.write_key + ":"))

    assert (answer.status, answer.json()["code"]) == (400, code)
    assert answer.json()["message"].endswith(".")
    assert InboundBatch.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (gzip.compress(b'{"a": "' + b"x" * 10_000_000 + b'"}', mtime=0), "too_large"),
        (b"not gzip", "invalid_gzip"),
        (gzip.compress(b'{"batch": []}', mtime=0)[:-9], "invalid_gzip"),
    ],
)
def test_gzip_bombs_and_broken_gzip_are_refused(source: Source, body: bytes, code: str) -> None:
    answer = send("/v1/batch", body, HTTP_CONTENT_ENCODING="gzip", HTTP_AUTHORIZATION=basic(source.write_key))

    assert (answer.status, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    "bad",
    [
        r'{"type":"track","userId":"u","event":"A","properties":{"a":"\ud800"}}',
        r'{"type":"track","userId":"u","event":"A","properties":{"a":"\udc00x"}}',
        '{"type":"track","userId":"u","event":"A","properties":{"a":' + "[" * 3_000 + "]" * 3_000 + "}}",
    ],
)
def test_what_the_fast_reader_refuses_does_not_cost_the_neighbours(source: Source, space: Space, bad: str) -> None:

    body = '{"batch":[' + bad + ',{"type":"track","userId":"u","event":"B"}]}'

    answer = send("/v1/batch", body, HTTP_AUTHORIZATION=basic(source.write_key))
    process()

    assert answer.status == 200
    received, stored, _, rejected = counts(source)
    assert (received, stored + rejected) == (2, 2)
    assert stored >= 1


@pytest.mark.parametrize("key", ["nobody-has-this-key", "", "\x00\ud83d"])
def test_an_unknown_key_is_answered_200_and_counted(space: Space, key: str) -> None:
    for _ in range(3):
        answer = send("/v1/track", json.dumps(CALL | {"writeKey": key.encode("utf-8", "replace").decode()}))
        assert (answer.status, answer.json()) == (200, {"success": True})
    inbox.stop()
    with connect() as connection:
        inbox.keys.flush_unknown(connection)

    assert InboundBatch.objects.count() == 0
    assert [row.requests for row in UnknownWriteKey.objects.all()] == [3]
    assert all(len(row.prefix) <= 8 for row in UnknownWriteKey.objects.all())


def test_a_disabled_source_is_recorded_with_its_reason(source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(is_enabled=False)

    answer = send("/v1/track", CALL | {"writeKey": source.write_key})

    assert answer.status == 200
    assert InboundBatch.objects.get().refused == "source_disabled"


def test_a_rotated_key_is_seen_when_the_cache_expires(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    old = source.write_key
    send("/v1/track", CALL | {"writeKey": old})
    Source.objects.filter(pk=source.pk).update(write_key="k" * 32)
    monkeypatch.setattr("ingest.write_keys.time.monotonic", lambda: 1e12)

    send("/v1/track", CALL | {"writeKey": old})
    send("/v1/track", CALL | {"writeKey": "k" * 32})

    assert InboundBatch.objects.count() == 2


def test_without_the_database_the_client_is_asked_to_come_again(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> psycopg.Connection:
        raise psycopg.OperationalError("away")

    send("/v1/track", CALL | {"writeKey": source.write_key})
    inbox.stop()
    monkeypatch.setattr(inbox_module, "connect", away)

    answer = send("/v1/track", CALL | {"writeKey": source.write_key})

    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert InboundBatch.objects.count() == 1


def test_other_paths_are_pages(source: Source) -> None:
    assert send("/v1/nothing", CALL).status == 404


@pytest.mark.parametrize(
    ("path", "call"), [("/v1/t", "track"), ("/v1/i", "identify"), ("/v1/p", "page"), ("/v1/b", "batch")]
)
def test_short_paths_of_analytics_js_are_the_same_calls(source: Source, path: str, call: str) -> None:
    answer = send(path, CALL | {"writeKey": source.write_key})

    assert (answer.status, InboundBatch.objects.get().call) == (200, call)


def test_a_body_cut_short_is_refused(source: Source) -> None:
    body = json.dumps(CALL | {"writeKey": source.write_key})

    answer = send("/v1/track", body, CONTENT_LENGTH=str(len(body) + 5))

    assert (answer.status, answer.json()["code"]) == (400, "incomplete")
    assert InboundBatch.objects.count() == 0
