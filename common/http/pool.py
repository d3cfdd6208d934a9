"""One libcurl multi handle: many requests at once, connections kept alive, every address checked.

A pool belongs to one thread. `add` starts a request, `perform` moves all of them on and calls back for each that is
over. Redirects are not followed: a destination that moved answers with its status, and nothing is sent elsewhere.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any, Protocol
from urllib.parse import urlsplit

import certifi
import msgspec
import pycurl
from django.conf import settings

from common.http.addresses import Network, is_allowed, parse_networks
from common.http.errors import TransportError, from_curl

BODY_LIMIT = 1_000_000
HEADER_LIMIT = 64_000
CONNECT_TIMEOUT_SECONDS = 10
USER_AGENT = "EngageAdmin/1"
NO_BODY_METHODS = {"GET", "HEAD"}


class Request(Protocol):
    """What a request must offer; `destinations.kit` builds them. `timeout` is in seconds."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes | None: ...
    @property
    def timeout(self) -> float: ...


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. Header names are lower case; of the body at most BODY_LIMIT bytes are kept (`is_cut`)."""

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    duration_ms: int = 0
    is_cut: bool = False


Callback = Callable[[Response | TransportError], None]


class _HandedOver(socket.socket):
    """libcurl keeps a duplicate of the descriptor; ours is closed as soon as nobody holds it."""

    def __del__(self) -> None:
        self.close()


class _Slot:
    """An easy handle with what its current request collects. Reused, so that its options are set once."""

    __slots__ = (
        "callback",
        "chunks",
        "curl",
        "header_lines",
        "headers",
        "is_cut",
        "refused",
        "request",
        "send_to",
        "shape",
        "size",
        "timeout",
        "url",
    )

    def __init__(self, networks: tuple[Network, ...], send_to: str = "") -> None:
        self.curl = pycurl.Curl()
        self.send_to = send_to
        self.shape: tuple[str, bool] | None = None
        self.url = ""
        self.headers: Mapping[str, str] | None = None
        self.timeout = 0.0
        self.request: Request | None = None
        self.callback: Callback | None = None
        self.chunks: list[bytes] = []
        self.header_lines: list[bytes] = []
        self.refused: list[str] = []
        self.size = 0
        self.is_cut = False
        curl = self.curl
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CAINFO, certifi.where())
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.PROXY, "")  # a proxy of the environment would be checked in place of the destination
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_SECONDS)
        curl.setopt(pycurl.USERAGENT, USER_AGENT)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        curl.setopt(pycurl.HEADERFUNCTION, self.header_lines.append)  # libcurl ends an answer with 300 KB of them
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._guard(networks))

    def _take_body(self, data: bytes) -> int:
        room = BODY_LIMIT - self.size
        if len(data) > room:
            self.chunks.append(data[:room])
            self.size = BODY_LIMIT
            self.is_cut = True
            return 0  # ends the transfer: what follows is not worth its bandwidth
        self.chunks.append(data)
        self.size += len(data)
        return len(data)

    def _guard(self, networks: tuple[Network, ...]) -> Callable[[int, Any], Any]:
        def open_socket(_purpose: int, address: Any) -> Any:
            family, kind, protocol, peer = address
            if family not in {socket.AF_INET, socket.AF_INET6}:
                self.refused.append("a local socket")
                return pycurl.SOCKET_BAD
            host = peer[0].decode() if isinstance(peer[0], bytes) else peer[0]
            if not is_allowed(host, networks):
                self.refused.append(host)
                return pycurl.SOCKET_BAD
            return _HandedOver(family, kind, protocol)

        return open_socket

    def prepare(self, request: Request, callback: Callback) -> None:
        """Load a request; ValueError or pycurl.error when it cannot be expressed in HTTP."""
        curl = self.curl
        method, body = request.method.upper(), request.body
        shape = (method, body is not None)
        if shape != self.shape:
            self._set_shape(method, has_body=body is not None)
            self.shape = shape
        if request.url != self.url:
            self.url = ""
            curl.setopt(pycurl.URL, self._address(request.url).encode("utf-8"))
            self.url = request.url
        headers = request.headers if not self.send_to else {**request.headers, "Host": urlsplit(request.url).netloc}
        if headers != self.headers:
            self.headers = None
            curl.setopt(pycurl.HTTPHEADER, _header_lines(tuple(headers.items())))
            self.headers = dict(headers)
        if request.timeout != self.timeout:
            curl.setopt(pycurl.TIMEOUT_MS, max(1, int(request.timeout * 1000)))
            self.timeout = request.timeout
        if body is not None:
            curl.setopt(pycurl.POSTFIELDS, body)
        self.request, self.callback = request, callback
        self.chunks.clear()
        self.header_lines.clear()
        self.refused.clear()
        self.size = 0
        self.is_cut = False

    def _address(self, url: str) -> str:
        """Where a request goes: to its URL, unless the installation sends everything elsewhere (ENGAGE_SEND_TO)."""
        if not self.send_to:
            return url
        parts = urlsplit(url)
        return f"http://{self.send_to}{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"

    def _set_shape(self, method: str, *, has_body: bool) -> None:
        curl = self.curl
        curl.unsetopt(pycurl.CUSTOMREQUEST)
        curl.setopt(pycurl.NOBODY, 0)
        curl.setopt(pycurl.HTTPGET, 1)
        if has_body:
            curl.setopt(pycurl.POST, 1)
        elif method == "POST":
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDS, b"")
        if method == "HEAD" and not has_body:
            curl.setopt(pycurl.NOBODY, 1)
        elif (method != "GET" or has_body) and method != "POST":
            curl.setopt(pycurl.CUSTOMREQUEST, method)

    def response(self) -> Response:
        return Response(
            status=self.curl.getinfo(pycurl.RESPONSE_CODE),
            headers=_headers(tuple(self.header_lines)),
            body=self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks),
            duration_ms=round(self.curl.getinfo(pycurl.TOTAL_TIME) * 1000),
            is_cut=self.is_cut,
        )


@lru_cache(maxsize=256)
def _headers(lines: tuple[bytes, ...]) -> Mapping[str, str]:
    """The headers of an answer, of its first HEADER_LIMIT bytes; the answers of one server are much alike."""
    headers: dict[str, str] = {}
    for line, end in zip(lines, accumulate(map(len, lines)), strict=True):
        if end > HEADER_LIMIT:
            break
        name, colon, value = line.partition(b":")
        if colon:
            headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
        elif line.startswith(b"HTTP/"):
            headers.clear()  # an interim answer (1xx) came before this one
    return headers


@lru_cache(maxsize=256)
def _header_lines(headers: tuple[tuple[str, str], ...]) -> list[bytes]:
    lines = [b"Expect:"]
    for name, value in headers:
        if any(character in name or character in value for character in "\r\n\0"):
            raise ValueError(f"The header {name!r} holds a line break.")
        # "name;" is how libcurl is told to send an empty header.
        lines.append(f"{name}: {value}".encode() if value else f"{name};".encode())
    return lines


class CurlPool:
    """At most `concurrency` requests at once; what is added beyond that waits its turn inside the pool."""

    def __init__(self, *, concurrency: int = 100, allowed_networks: list[str] | None = None) -> None:
        allowed = settings.ENGAGE_ALLOWED_NETWORKS if allowed_networks is None else allowed_networks
        self._networks = parse_networks(tuple(allowed))
        self._send_to = settings.ENGAGE_SEND_TO
        self._concurrency = concurrency
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, concurrency)
        self._multi.setopt(pycurl.M_PIPELINING, 0)
        self._idle: list[_Slot] = []
        self._busy: dict[pycurl.Curl, _Slot] = {}
        self._waiting: deque[tuple[Request, Callback]] = deque()

    @property
    def in_flight(self) -> int:
        return len(self._busy) + len(self._waiting)

    def add(self, request: Request, callback: Callback) -> None:
        """Start a request. The callback comes from a later `perform`, with a Response or a TransportError."""
        self._waiting.append((request, callback))
        if len(self._busy) < self._concurrency:
            self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._busy) < self._concurrency:
            request, callback = self._waiting.popleft()
            slot = self._idle.pop() if self._idle else _Slot(self._networks, self._send_to)
            try:
                slot.prepare(request, callback)
            except (ValueError, pycurl.error) as error:
                self._idle.append(slot)
                callback(TransportError("INVALID_REQUEST", f"The request cannot be sent: {error}", is_retryable=False))
                continue
            self._busy[slot.curl] = slot
            self._multi.add_handle(slot.curl)

    def perform(self, timeout: float = 0.0, *, bell: int | None = None) -> int:
        """Move every request on, waiting up to `timeout` seconds for the network; returns how many were finished.

        The wait also ends when the file descriptor `bell` can be read.
        """
        if not self._busy:
            return 0
        self._multi.perform()
        finished = self._finish()
        if finished == 0 and timeout > 0 and self._busy:
            self._wait(timeout, bell)
            self._multi.perform()
            finished = self._finish()
        return finished

    def _wait(self, timeout: float, bell: int | None) -> None:
        if bell is None:
            self._multi.select(timeout)
            return
        reads, writes, errors = self._multi.fdset()
        select.select([*reads, bell], writes, errors, timeout)

    def _finish(self) -> int:
        finished = 0
        while True:
            left, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                slot = self._release(curl)
                self._call_back(slot, slot.response())
            for curl, code, message in failed:
                slot = self._release(curl)
                if slot.is_cut and code == pycurl.E_WRITE_ERROR:
                    self._call_back(slot, slot.response())
                else:
                    self._call_back(slot, self._error(slot, code, message))
            finished += len(succeeded) + len(failed)
            if left == 0:
                break
        if self._waiting:
            self._start_waiting()
        return finished

    def _release(self, curl: pycurl.Curl) -> _Slot:
        self._multi.remove_handle(curl)
        return self._busy.pop(curl)

    def _call_back(self, slot: _Slot, result: Response | TransportError) -> None:
        callback = slot.callback
        slot.request = slot.callback = None
        self._idle.append(slot)
        if callback is not None:
            callback(result)

    def _error(self, slot: _Slot, code: int, message: str) -> TransportError:
        request = slot.request
        host = (urlsplit(request.url).hostname if request else None) or "the destination"
        return from_curl(
            code,
            message,
            os_error=slot.curl.getinfo(pycurl.OS_ERRNO),
            host=host,
            refused=slot.refused,
            timeout=request.timeout if request else 0,
        )

    def send(self, request: Request) -> Response:
        """Send one request and wait for its answer; raises TransportError."""
        box: list[Response | TransportError] = []
        self.add(request, box.append)
        while not box:
            self.perform(0.2)
        if isinstance(box[0], TransportError):
            raise box[0]
        return box[0]

    def close(self) -> None:
        """Drop what is in flight without a callback and close all connections."""
        for curl in list(self._busy):
            self._release(curl).curl.close()
        self._waiting.clear()
        for slot in self._idle:
            slot.curl.close()
        self._idle.clear()
        self._multi.close()

    def __enter__(self) -> CurlPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def send(request: Request) -> Response:
    """One request over a pool of its own, for the tester; raises TransportError."""
    with CurlPool(concurrency=1) as pool:
        return pool.send(request)
