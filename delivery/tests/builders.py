"""Destinations and connections for the tests of this app."""

from __future__ import annotations

import itertools
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection as database

from delivery.models import Connection
from destinations.models import Destination, Mapping
from spaces.models import Space

_numbers = itertools.count(1)
COMPUTATION_ID = "aud_test"


def seal(secrets: bytes = b"{}") -> bytes:
    return Fernet(settings.ENGAGE_ENCRYPTION_KEYS[0]).encrypt(secrets)


def make_destination(
    *,
    space: Space,
    url: str = "http://127.0.0.1:9/in",
    connector: str = "webhook",
    trigger: str = 'type = "track" or type = "identify"',
    is_enabled: bool = True,
    requests_per_second: int | None = None,
    **settings_: Any,
) -> Destination:
    destination = Destination.objects.create(
        space=space,
        connector=connector,
        name=f"Hook {next(_numbers)}",
        settings={"url": url, **settings_},
        is_enabled=is_enabled,
        requests_per_second=requests_per_second,
    )
    if connector == "webhook":
        Mapping.objects.create(
            destination=destination,
            action="send",
            name="Everything",
            trigger=trigger,
            fields={"url": url, "method": "POST", "data": {"@path": "$."}},
            is_enabled=True,
        )
    return destination


def make_connection(*, space: Space, destination: Destination | None = None, **fields: Any) -> Connection:
    fields.setdefault("send_identify", False)
    fields.setdefault("computation_id", COMPUTATION_ID)
    fields.setdefault("computation_key", "big_spenders")
    fields.setdefault("computation_name", "Big spenders")
    return Connection.objects.create(space=space, destination=destination or make_destination(space=space), **fields)


def rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()
