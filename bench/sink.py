"""A receiver that is faster than what is measured: answers every request with 200, prints its port, keeps nothing."""

from __future__ import annotations

import asyncio
import sys

BODY = (sys.argv[1] if len(sys.argv) > 1 else "ok").encode()
TYPE = b"application/json" if BODY.startswith(b"{") else b"text/plain"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (TYPE, len(BODY), BODY)
LENGTH = b"content-length:"


class Receiver(asyncio.Protocol):
    """Knows of HTTP/1.1 what a keep-alive POST with a Content-Length needs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            head = buffer[:end].lower()
            at = head.find(LENGTH)
            length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(buffer) < end + 4 + length:
                break
            buffer = buffer[end + 4 + length :]
            self.transport.write(ANSWER)
        self.buffer = buffer


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
