"""Switching warehouse output on and off, its schedule, and what goes wrong with a warehouse (W092)."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from common.errors import ConflictError, InvalidError
from delivery.tests.builders import make_connection
from spaces.models import AuditEntry
from tests import factories
from traits.services.warehouses import delete_warehouse, update_warehouse
from traits.tests.warehouses import make_postgresql, on_server, server
from warehouse_output.models import OutputRun, WarehouseOutput
from warehouse_output.services.outputs import begin_again, known_tables, output_of, save_output, sync_now
from warehouse_output.services.runs import claim_run, start_due
from warehouse_output.services.writing import MOST_FAILURES, work
from warehouse_output.tests.writing import emit, run_all, switch_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(space):
    return make_postgresql(space=space)


@pytest.fixture
def call(space):
    connection = make_connection(space=space, send_identify=True)
    emit(connection, factories.make_profile(space=space, ids=[("user_id", "u1")]))
    return connection


def tried() -> OutputRun:
    OutputRun.objects.update(lease_until=None)
    run = claim_run()
    assert run is not None
    work(run)
    run.refresh_from_db()
    return run


def test_switching_on_gives_a_schema_a_first_run_and_an_audit_entry(space, source, owner):
    save_output(source=source, changed_by=owner, is_enabled=True, schedule={"every": "hours", "hours": 6})

    output = output_of(source)
    run = OutputRun.objects.get()
    entry = AuditEntry.objects.get(action="warehouse_output.changed")
    assert (output.schema, output.position, output.is_enabled) == ("engage_acme_dev", 0, True)
    assert output.next_run_at is not None
    assert (run.trigger, run.state) == ("change", "waiting")
    assert (entry.object_name, entry.after["schedule"]) == ("Server", {"every": "hours", "hours": 6})


def test_bad_settings_name_their_fields_and_change_nothing(space, source):
    with pytest.raises(InvalidError) as error:
        save_output(
            source=source, changed_by=None, is_enabled=True, schedule={"every": "hours", "hours": 5},
            excluded=["users", "No Table", "x" * 64],
        )  # fmt: skip

    assert [one.path for one in error.value.errors] == ["/schedule/hours", "/excluded/1", "/excluded/2"]
    assert "'No Table' is no table name" in error.value.errors[1].detail
    assert not WarehouseOutput.objects.exists()


def test_switching_off_stops_the_run_and_the_schedule(space, source):
    switch_on(source)

    save_output(source=source, changed_by=None, is_enabled=False)

    assert OutputRun.objects.get().state == "cancelled"
    assert output_of(source).next_run_at is None
    with pytest.raises(ConflictError, match="Switch that on first"):
        sync_now(source=source, asked_by=None)


def test_a_run_under_way_is_not_doubled(space, source, owner):
    switch_on(source)

    for ask in (sync_now, begin_again):
        with pytest.raises(ConflictError, match="under way"):
            ask(source=source, asked_by=owner)
    WarehouseOutput.objects.update(next_run_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert start_due(now=datetime(2026, 3, 1, 0, 30, tzinfo=UTC)) == 1

    assert OutputRun.objects.count() == 1
    assert output_of(source).next_run_at == datetime(2026, 3, 1, 1, 0, tzinfo=UTC)


def test_spaces_whose_schemas_could_be_one_get_different_ones(space, source):
    switch_on(source)
    other = factories.make_space(name="Acme Dev 2", workspace=space.workspace)
    twin = make_postgresql(space=other)

    switch_on(twin)

    assert other.slug == "acme-dev-2"
    assert output_of(twin).schema == f"engage_acme_dev_2_{other.public_id[-6:].lower()}"


def test_tables_are_known_before_their_first_row(space, source):
    make_connection(space=space, enter_event="Joined VIP", exit_event="Left VIP")

    assert known_tables(space, None) == ["identifies", "users", "groups", "joined_vip", "left_vip"]


def test_an_unreachable_warehouse_is_tried_again_then_told_and_nothing_is_lost(server_place, call):
    good = server_place.source.settings["port"]
    password = "x"
    update_warehouse(source=server_place.source, changed_by=None, settings={"port": "9", "password": password})
    switch_on(server_place.source)
    first = tried()
    assert (first.state, first.failures) == ("running", 1)
    assert "refused the connection" in first.error
    assert first.lease_until is not None

    for _ in range(MOST_FAILURES - 1):
        last = tried()
    assert (last.state, last.failures) == ("failed", MOST_FAILURES)
    assert output_of(server_place.source).position == 0

    update_warehouse(source=server_place.source, changed_by=None, settings=server() | {"port": str(good)})
    sync_now(source=server_place.source, asked_by=None)
    [run] = run_all()
    assert run.calls == 2


def test_a_table_that_is_not_ours_is_said(server_place, call):
    on_server("CREATE SCHEMA engage_acme_dev", "CREATE TABLE engage_acme_dev.identifies (id text, note jsonb)")
    switch_on(server_place.source)

    run = tried()

    assert run.state == "failed"
    assert run.error == (
        "A table of that name is there already and was not made by Engage: it has no primary key on id. Rename it, and "
        "sync again."
    )
    assert server_place.ask("SELECT count(*) FROM engage_acme_dev.identifies") == [(0,)]


def test_a_user_who_may_not_create_is_said(server_place, space, call):
    on_server("DROP ROLE IF EXISTS looks_only", "CREATE ROLE looks_only LOGIN PASSWORD 'looks_only'")
    source = make_postgresql(space=space, name="Looks", user="looks_only", password="looks_only")
    switch_on(source)

    run = tried()
    on_server("DROP ROLE looks_only")

    assert run.state == "failed"
    assert "permission denied for database" in run.error
    assert "Grant the user CREATE on the database" in run.error


def test_a_locked_file_is_said_and_written_once_it_is_free(file_place, call):
    switch_on(file_place.source)
    path = file_place.source.settings["path"]

    with duckdb.connect(path) as other:
        other.execute("SELECT 1")
        run = tried()
        assert (run.state, run.failures) == ("running", 1)
        assert run.error == f"{path} is locked by another program. The rows are written once that has closed it."
    [again] = run_all()

    assert (again.pk, again.calls, again.error) == (run.pk, 2, "")


def test_a_deleted_warehouse_takes_its_output_along(space, source):
    switch_on(source)

    delete_warehouse(source=source, deleted_by=None)

    assert (WarehouseOutput.objects.count(), OutputRun.objects.count()) == (0, 0)
