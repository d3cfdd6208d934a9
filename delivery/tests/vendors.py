"""A vendor for tests of connectors: a local server that gets every call of the worker, whatever its host."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from destinations.kit.http import Request, Response
from destinations.kit.testing import Recording, Rule, answer, body_of


@dataclass
class Vendor:
    """`address` is for ENGAGE_SEND_TO. `failing` answers all calls to URLs that begin with `failing_url`."""

    address: str = ""
    responses: Sequence[Rule] = ()
    failing: Response | None = None
    failing_url: str = ""
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def calls(self) -> list[tuple[str, Any]]:
        """What came since the last look, as `("POST https://…", body)`."""
        with self.lock:
            came, self.requests = self.requests, []
        return [(f"{request.method} {request.url}", body_of(request)) for request in came]

    def answer(self, request: Request) -> Response:
        with self.lock:
            self.requests.append(request)
        if self.failing is not None and request.url.startswith(self.failing_url):
            return self.failing
        return Recording(list(self.responses), default=answer(200, {})).send(request)


@contextmanager
def running_vendor() -> Iterator[Vendor]:
    vendor = Vendor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # Vendors speak https; ENGAGE_SEND_TO keeps their name in Host.
            response = vendor.answer(
                Request(
                    method=self.command,
                    url=f"https://{self.headers['Host']}{self.path}",
                    headers=dict(self.headers),
                    body=body or None,
                )
            )
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - named so by the base class

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    vendor.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
