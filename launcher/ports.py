"""Choosing free ports, and noticing busy ones."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65535


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether `port` can be bound on `host` and nothing answers there.

    The connection is tried too: a server that bound with SO_REUSEPORT would let another share its port unnoticed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        reachable = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
        if probe.connect_ex((reachable, port)) == 0:
            return False
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
        except OSError:
            return False
    return True


def choose_free(remembered: int | None = None) -> int:
    """The remembered port when it is still free, otherwise any free one."""
    if remembered is not None and is_free(remembered):
        return remembered
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind((LOOPBACK, 0))
        port: int = server.getsockname()[1]
    return port
