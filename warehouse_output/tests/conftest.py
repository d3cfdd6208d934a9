from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from delivery.tests.builders import make_connection
from profiles.models import Profile
from spaces.models import Space
from tests import factories
from traits.models import WarehouseSource
from traits.tests.warehouses import make_duckdb, make_postgresql, on_server
from warehouse_output.tests.writing import Ask, ask_file, ask_server, emit


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


@pytest.fixture
def people(space: Space) -> tuple[Profile, Profile, Profile]:
    """Three members of one audience, each with one call: Ann, somebody with an address alone, and a namesake of Ann's
    user id."""
    ann = factories.make_profile(space=space, ids=[("user_id", "u1"), ("email", "Ann@example.com")])
    mail = factories.make_profile(space=space, ids=[("email", "bob@example.com")])
    other = factories.make_profile(space=space, ids=[("user_id", "u2"), ("anonymous_id", "u1")])
    connection = make_connection(space=space, send_identify=True)
    for one in (ann, mail, other):
        emit(connection, one)
    return ann, mail, other
