"""A real HTTP server for delivery tests: remembers what came when, answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    at: float
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class Sink:
    """`answer(received)` gives (status, headers, body) for each request; `requests` is what came, in order."""

    url: str = ""
    answer: Callable[[Received], tuple[int, dict[str, str], bytes]] = lambda _received: (200, {}, b"ok")
    requests: list[Received] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def message_ids(self) -> list[str]:
        return [received.body["messageId"] for received in self.requests]

    def busiest_second(self) -> int:
        """The most requests in any window of one second."""
        times = sorted(received.at for received in self.requests)
        most = start = 0
        for end, at in enumerate(times):
            while times[start] <= at - 1.0:
                start += 1
            most = max(most, end - start + 1)
        return most


@contextmanager
def serving() -> Iterator[Sink]:
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            at = time.monotonic()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received = Received(at=at, path=self.path, body=json.loads(body or b"null"), headers=dict(self.headers))
            with sink.lock:
                sink.requests.append(received)
            status, headers, answer = sink.answer(received)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket.listen(200)  # many connections come at once; the usual five would drop some
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    sink.url = f"http://127.0.0.1:{server.server_address[1]}/in"
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
