"""The bare limit of `ingest_accept`: read the body, commit it as one row, answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

_local = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    connection.execute(
        "INSERT INTO inbound_batch (space_id, source_id, received_at, call, encoding, body, refused) "
        "VALUES (1, 1, now(), 'batch', 0, %b, '')",
        [body],
    )
    start_response("200 OK", [("Content-Length", "0")])
    return []
