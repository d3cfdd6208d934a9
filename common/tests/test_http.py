from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_httpserver import HTTPServer
from werkzeug import Request as HttpRequest
from werkzeug import Response as HttpResponse

from common.http import CurlPool, Response, TransportError, send
from common.http.addresses import is_allowed, parse_networks


@dataclass(frozen=True, kw_only=True)
class Call:
    url: str
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = b"{}"
    timeout: float = 5.0


@pytest.fixture
def pool() -> Iterator[CurlPool]:
    with CurlPool(concurrency=10, allowed_networks=["127.0.0.0/8"]) as opened:
        yield opened


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_request_arrives_as_it_was_built(pool: CurlPool, httpserver: HTTPServer) -> None:
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append((request.method, request.path, dict(request.headers), request.get_data()))
        return HttpResponse("made", status=201, headers={"X-Request-Id": "r1"})

    httpserver.expect_request("/in").respond_with_handler(answer)

    response = pool.send(
        Call(url=httpserver.url_for("/in"), headers={"Content-Type": "text/x", "X-Nil": ""}, body=b"\x00a")
    )

    assert (response.status, response.body, response.headers["x-request-id"]) == (201, b"made", "r1")
    method, path, headers, body = seen[0]
    assert (method, path, body) == ("POST", "/in", b"\x00a")
    assert headers["Content-Type"] == "text/x"
    assert headers["X-Nil"] == ""
    assert "Expect" not in headers


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("GET", None),
        ("HEAD", None),
        ("POST", None),
        ("POST", b"x"),
        ("PUT", b"x"),
        ("PATCH", b"x"),
        ("DELETE", None),
        ("DELETE", b"x"),
    ],
)
def test_methods_share_one_handle(pool: CurlPool, httpserver: HTTPServer, method: str, body: bytes | None) -> None:
    seen: list[tuple[str, bytes]] = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append((request.method, request.get_data()))
        return HttpResponse("ok")

    httpserver.expect_request("/in").respond_with_handler(answer)
    url = httpserver.url_for("/in")

    pool.send(Call(url=url, method="PUT", body=b"first"))
    pool.send(Call(url=url, method=method, body=body))
    pool.send(Call(url=url, method="POST", body=b"last"))

    assert seen == [("PUT", b"first"), (method, body or b""), ("POST", b"last")]


def test_many_requests_share_few_connections(pool: CurlPool, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/in").respond_with_data("ok")
    results: list[Response | TransportError] = []

    for _ in range(50):
        pool.add(Call(url=httpserver.url_for("/in")), results.append)
    while pool.in_flight:
        pool.perform(0.2)

    assert [result.status for result in results if isinstance(result, Response)] == [200] * 50


def test_redirects_are_not_followed(pool: CurlPool, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/old").respond_with_data("", status=307, headers={"Location": "http://10.0.0.1/"})

    response = pool.send(Call(url=httpserver.url_for("/old")))

    assert response.status == 307


def test_long_body_is_cut(pool: CurlPool, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/big").respond_with_data(b"x" * 3_000_000)

    response = pool.send(Call(url=httpserver.url_for("/big")))

    assert (response.status, len(response.body), response.is_cut) == (200, 1_000_000, True)


def test_refused_connection_is_named(pool: CurlPool) -> None:
    with pytest.raises(TransportError) as caught:
        pool.send(Call(url=f"http://127.0.0.1:{free_port()}/"))

    assert (caught.value.code, caught.value.is_retryable) == ("ECONNREFUSED", True)


def test_unknown_name_is_named(pool: CurlPool) -> None:
    with pytest.raises(TransportError) as caught:
        pool.send(Call(url="http://no-such-host.invalid/"))

    assert caught.value.code == "ENOTFOUND"
    assert "no-such-host.invalid" in caught.value.detail


def test_silent_server_times_out(pool: CurlPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(TransportError) as caught:
        pool.send(Call(url=f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=0.3))

    assert caught.value.code == "ETIMEDOUT"


def test_closed_connection_is_a_reset(pool: CurlPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close_at_once() -> None:
            peer, _ = server.accept()
            peer.recv(1000)
            peer.close()

        thread = threading.Thread(target=close_at_once)
        thread.start()
        with pytest.raises(TransportError) as caught:
            pool.send(Call(url=f"http://127.0.0.1:{server.getsockname()[1]}/"))
        thread.join()

    assert caught.value.code == "ECONNRESET"


def test_plain_server_behind_https_is_a_tls_error(pool: CurlPool, httpserver: HTTPServer) -> None:
    with pytest.raises(TransportError) as caught:
        pool.send(Call(url=httpserver.url_for("/").replace("http:", "https:"), timeout=2))

    assert caught.value.code in {"TLS_ERROR", "ETIMEDOUT"}


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0.0.0.0", "169.254.169.254", "10.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "2130706433"],
)
def test_private_addresses_are_refused(host: str) -> None:
    with CurlPool(allowed_networks=[]) as pool, pytest.raises(TransportError) as caught:
        pool.send(Call(url=f"http://{host}:9/", timeout=2))

    assert (caught.value.code, caught.value.is_retryable) == ("EREFUSED", False)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://", "not a url"]
)
def test_other_schemes_and_broken_urls_are_refused(pool: CurlPool, url: str) -> None:
    with pytest.raises(TransportError) as caught:
        pool.send(Call(url=url))

    assert caught.value.is_retryable is False


def test_header_injection_is_refused(pool: CurlPool, httpserver: HTTPServer) -> None:
    with pytest.raises(TransportError) as caught:
        pool.send(Call(url=httpserver.url_for("/"), headers={"X-A": "1\r\nX-B: 2"}))

    assert caught.value.code == "INVALID_REQUEST"


def test_hanging_request_does_not_hold_back_others(pool: CurlPool, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/fast").respond_with_data("ok")
    results: list[str] = []

    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = Call(url=f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.5)
        pool.add(hanging, lambda _result: results.append("hanging"))
        pool.add(Call(url=httpserver.url_for("/fast")), lambda _result: results.append("fast"))
        deadline = time.monotonic() + 10
        while pool.in_flight and time.monotonic() < deadline:
            pool.perform(0.1)

    assert results == ["fast", "hanging"]


def test_a_staging_installation_sends_everything_to_one_place(settings: Any, httpserver: HTTPServer) -> None:
    settings.ENGAGE_SEND_TO = f"{httpserver.host}:{httpserver.port}"
    settings.ENGAGE_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    httpserver.expect_request("/v1/x", query_string="a=1").respond_with_data("got it")

    response = send(Call(url="https://api.vendor.example/v1/x?a=1"))

    assert response.body == b"got it"
    assert httpserver.log[0][0].headers["Host"] == "api.vendor.example"


def test_send_opens_a_pool_of_its_own(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/in").respond_with_data("ok")

    assert send(Call(url=httpserver.url_for("/in"))).body == b"ok"


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", True),
        ("10.1.2.4", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("example.com", False),
    ],
)
def test_addresses(address: str, allowed: bool) -> None:
    assert is_allowed(address, parse_networks(("10.1.2.3",))) is allowed


def test_broken_network_setting_names_the_entry() -> None:
    with pytest.raises(ImproperlyConfigured, match="10\\.0\\.0\\.300"):
        parse_networks(("10.0.0.300",))
