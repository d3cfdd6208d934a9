"""What the measurements share: a database of their own, interleaved rounds, and one JSON line a result."""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

PROJECT = Path(__file__).resolve().parent.parent


def line(
    name: str, value: float, unit: str, *, limit: float | None = None, ratio: float | None = None, **more: Any
) -> None:
    """Print one result: `limit` is the bare speed measured in the same run, `ratio` = product / limit."""
    result = {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "limit": None if limit is None else round(limit, 2),
        "ratio": None if ratio is None else round(ratio, 3),
    }
    print(json.dumps(result | more), flush=True)


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def interleaved(rounds: int, bare: Callable[[], float], product: Callable[[], float]) -> tuple[float, float, float]:
    """Run bare, product, bare, … and return the median rates and the median of the ratios of neighbouring rounds."""
    bares: list[float] = []
    products: list[float] = []
    for number in range(rounds):
        bares.append(bare())
        products.append(product())
        note(f"  round {number + 1}: bare {bares[-1]:,.0f}/s, product {products[-1]:,.0f}/s")
    ratios = [own / other for own, other in zip(products, bares, strict=True)]
    return statistics.median(products), statistics.median(bares), statistics.median(ratios)


@contextmanager
def scratch_database(name: str) -> Iterator[str]:
    """A fresh, migrated database on the server of DATABASE_URL, which this process uses; dropped afterwards."""
    url = os.environ["DATABASE_URL"]
    parts = urlsplit(url)
    scratch = urlunsplit(parts._replace(path=f"/{name}"))
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')
    os.environ["DATABASE_URL"] = scratch
    os.environ["ENGAGE_LOG_LEVEL"] = "ERROR"
    os.environ["DJANGO_SETTINGS_MODULE"] = "engage_admin.settings"
    try:
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        yield scratch
        connections.close_all()
    finally:
        os.environ["DATABASE_URL"] = url
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
