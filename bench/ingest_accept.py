"""Batch requests accepted per second by one web process, against a bare application that commits each body.

The client is a process of its own: threads that send a ready request over a kept connection and wait for the answer.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.common import interleaved, line
from bench.ingest import make_source
from bench.ingest_inputs import Shop

THREADS = 4
CLIENTS = 8
SECONDS = 4.0
ROUNDS = 5

_CLIENT = """
import socket, sys, threading, time
port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
request = sys.stdin.buffer.read()
counts, bad = [0] * clients, []
def run(place):
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        link.sendall(request)
        head = b""
        while b"\\r\\n\\r\\n" not in head:
            part = link.recv(65536)
            if not part: bad.append("closed"); return
            head += part
        top, _, rest = head.partition(b"\\r\\n\\r\\n")
        size = int(top.lower().split(b"content-length:")[1].split(b"\\r\\n")[0])
        while len(rest) < size: rest += link.recv(65536)
        if b" 200 " not in top[:20]: bad.append(top[:100])
        counts[place] += 1
threads = [threading.Thread(target=run, args=(n,)) for n in range(clients)]
started = time.perf_counter()
for t in threads: t.start()
for t in threads: t.join()
if bad: sys.exit(repr(bad[:3]))
print(sum(counts) / (time.perf_counter() - started))
"""


@contextmanager
def serving(target: str, url: str, threads: int) -> Iterator[int]:
    """granian with one worker on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", str(threads), "--log-level", "error", "--no-ws", target]
    process = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def request_of(path: str, body: bytes, key: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {base64.b64encode(f'{key}:'.encode()).decode()}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def rate(port: int, request: bytes) -> float:
    """Requests answered with 200 per second."""
    command = [sys.executable, "-c", _CLIENT, str(port), str(CLIENTS), str(SECONDS)]
    answer = subprocess.run(command, input=request, capture_output=True, check=False)
    if answer.returncode:
        raise SystemExit(f"ingest_accept: {answer.stderr.decode()}")
    return float(answer.stdout)


def measure_accept(url: str) -> None:
    from spaces.models import Source

    source = Source.objects.filter(name="bench").first() or make_source()
    request = request_of("/v1/batch", Shop().batch(), source.write_key)
    with (
        serving("bench.bare_inbox:application", url, THREADS) as bare,
        serving("engage_admin.wsgi:application", url, THREADS) as product,
    ):
        rate(bare, request), rate(product, request)
        value, limit, ratio = interleaved(ROUNDS, lambda: rate(bare, request), lambda: rate(product, request))
    line("ingest_accept", value, "requests/s of 100 events", limit=limit, ratio=ratio)
