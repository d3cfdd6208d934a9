"""A deletion takes a person's rows out of the warehouses, or says where they are still."""

from __future__ import annotations

import pytest

from destinations.models import DeletionForward
from ingest.deletion import job, requests
from profiles.models import Regulation
from traits.services.warehouses import update_warehouse
from warehouse_output.tests.conftest import file_place, people, server_place
from warehouse_output.tests.writing import run_all, switch_on, users

pytestmark = pytest.mark.django_db
# The fixtures of the app below.
__all__ = ["file_place", "people", "server_place"]


def carried_out(regulation):
    for _ in range(5):
        Regulation.objects.filter(pk=regulation.pk).update(lease_until=None)
        regulation.forwards.update(state=DeletionForward.State.DONE)
        if claimed := job.claim():
            job.carry_out(claimed)
    regulation.refresh_from_db()
    return regulation


def test_a_deletion_counts_the_rows_that_went(file_place, space, owner, people):
    switch_on(file_place.source)
    run_all()

    asked = requests.ask(space=space, actor=owner, kind=Regulation.Kind.DELETE, profile=people[0])
    regulation = carried_out(asked)

    assert (regulation.state, regulation.counts["warehouse_rows"], regulation.left) == ("done", 3, [])
    assert users(file_place.ask, "identifies") == [("bob@example.com",), ("u2",)]


def test_a_deletion_names_the_warehouse_that_refuses(file_place, space, owner, people, settings):
    switch_on(file_place.source)
    run_all()
    settings.ENGAGE_WAREHOUSE_FOLDERS = []

    asked = requests.ask(space=space, actor=owner, kind=Regulation.Kind.DELETE, profile=people[0])
    regulation = carried_out(asked)

    assert regulation.state == "done"
    [left] = regulation.left
    assert left["what"] == "rows in the warehouse"
    assert left["name"].startswith("Files. This installation opens no DuckDB files")


def test_a_deletion_waits_for_a_warehouse_that_may_come_back(server_place, space, owner, people):
    switch_on(server_place.source)
    run_all()
    update_warehouse(source=server_place.source, changed_by=None, settings={"port": "9", "password": "x"})

    asked = requests.ask(space=space, actor=owner, kind=Regulation.Kind.DELETE, profile=people[0])
    regulation = carried_out(asked)

    assert (regulation.state, regulation.step) == ("running", "warehouses_again")
