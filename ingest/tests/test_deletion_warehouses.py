"""A deletion takes a person's rows out of the warehouses, or says where they are still."""

from __future__ import annotations

import pytest

from delivery.tests.builders import make_connection
from destinations.models import DeletionForward
from ingest.deletion import job, requests
from profiles.models import Regulation
from tests import factories
from traits.services.warehouses import update_warehouse
from warehouse_output.tests.conftest import file_place, server_place
from warehouse_output.tests.writing import emit, run_all, switch_on

pytestmark = pytest.mark.django_db
S = "engage_acme_dev"
# The fixtures of the app below.
__all__ = ["file_place", "server_place"]


@pytest.fixture
def people(space):
    ann = factories.make_profile(space=space, ids=[("user_id", "u1"), ("email", "Ann@example.com")])
    mail = factories.make_profile(space=space, ids=[("email", "bob@example.com")])
    other = factories.make_profile(space=space, ids=[("user_id", "u2"), ("anonymous_id", "u1")])
    connection = make_connection(space=space, send_identify=True)
    for one in (ann, mail, other):
        emit(connection, one)
    return ann, mail, other


def users(ask, table):
    return sorted(ask(f"SELECT coalesce(user_id, email) FROM {S}.{table}"))


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
