from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from spaces.models import Space
from traits.models import WarehouseSource
from traits.tests.warehouses import make_duckdb, make_postgresql, on_server
from warehouse_output.tests.writing import Ask, ask_file, ask_server


@dataclass(frozen=True)
class Place:
    """A warehouse, and a client of its own that reads it."""

    source: WarehouseSource
    ask: Ask


@pytest.fixture
def server_place(space: Space) -> Iterator[Place]:
    gone = "DROP SCHEMA IF EXISTS engage_acme_dev CASCADE; DROP SCHEMA IF EXISTS engage_acme_dev_2 CASCADE"
    on_server(*gone.split("; "))
    yield Place(make_postgresql(space=space), ask_server)
    on_server(*gone.split("; "))


@pytest.fixture
def file_place(space: Space, tmp_path, settings) -> Place:
    settings.ENGAGE_WAREHOUSE_FOLDERS = [str(tmp_path)]
    path = tmp_path / "calls.duckdb"
    source = make_duckdb(space=space, path=path, if_missing="make")
    return Place(source, ask_file(path))


@pytest.fixture(params=["postgresql", "duckdb"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue("server_place" if request.param == "postgresql" else "file_place")
    return found
