"""The vendors of a test of rate caps, in a process of its own: `python -m delivery.tests.cap_sink SLUG…`.

Answers as the worker cases of these connectors say; prints its port, and when its input ends `[[seconds, host], …]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from destinations.kit.http import Request
from destinations.kit.testing import Recording, WorkerCase, answer


def hosts_of(case: WorkerCase) -> set[str]:
    """The hosts that a connector calls, by what its case expects."""
    calls = [call for call, _body in [*case.added, *case.changed, *case.removed]]
    urls = [call.split(" ", 1)[1] for call in calls] + [rule.url for rule in case.responses if rule.url]
    return {urlsplit(url).netloc for url in urls}


def case_of(slug: str) -> WorkerCase:
    cases: list[WorkerCase] = importlib.import_module(f"destinations.connectors.{slug}.tests.worker_cases").CASES
    return cases[0]


class Vendors(asyncio.Protocol):
    came: list[tuple[float, str]]
    answers: dict[str, Recording]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            first, *lines = self.buffer[:end].decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            named = {name.lower(): value for name, value in headers.items()}
            length = int(named.get("content-length", 0))
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            self.came.append((time.monotonic(), named["host"]))
            method, path, _version = first.split(" ")
            self._answer(Request(method=method, url=f"https://{named['host']}{path}", headers=headers, body=body))

    def _answer(self, request: Request) -> None:
        recording = self.answers.get(urlsplit(request.url).netloc)
        response = recording.send(request) if recording is not None else answer(200, {})
        head = [f"HTTP/1.1 {response.status} OK", f"Content-Length: {len(response.body)}"]
        head += [f"{name}: {value}" for name, value in response.headers.items()]
        self.transport.write("\r\n".join(head).encode() + b"\r\n\r\n" + response.body)


def tell(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def main(slugs: Iterable[str]) -> None:
    Vendors.came, Vendors.answers = [], {}
    for slug in slugs:
        case = case_of(slug)
        recording = Recording(list(case.responses), default=answer(200, {}))
        Vendors.answers |= dict.fromkeys(hosts_of(case), recording)
    # Times are those of arrival only as long as this process gets its turn at once.
    with contextlib.suppress(OSError):
        os.nice(-15)
    gc.disable()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Vendors, "127.0.0.1", 0, backlog=500)
    tell(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    tell(Vendors.came)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
