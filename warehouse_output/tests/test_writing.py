"""Engage's calls as rows of a real PostgreSQL and of a DuckDB file (destinations-and-sync.md §12; W092)."""

from __future__ import annotations

import pytest

from delivery.models import Delivery, DeliveryLog
from delivery.tests.builders import make_connection, make_destination
from tests import factories
from warehouse_output.models import OutputRun, WarehouseOutput
from warehouse_output.services import reading, writing
from warehouse_output.services.outputs import begin_again, save_output
from warehouse_output.tests.writing import columns, emit, run_all, run_once, said, switch_on, tables

pytestmark = pytest.mark.django_db
S = "engage_acme_dev"


@pytest.fixture
def ann(space):
    return factories.make_profile(space=space, ids=[("user_id", "u1"), ("email", "ann@example.com")])


@pytest.fixture
def connection(space):
    return make_connection(space=space, send_identify=True)


def trait_connection(space, **fields):
    return make_connection(
        space=space, computation_id="tra_test", computation_class="trait", computation_key="total_revenue",
        computation_name="Total revenue", enter_event="Trait Computed", send_identify=True, **fields,
    )  # fmt: skip


def test_every_call_is_a_row_of_its_table(place, space, ann, connection):
    visitor = factories.make_profile(space=space, ids=[("anonymous_id", "a9")])
    connection.include_anonymous = True
    connection.save()
    trait = trait_connection(space, destination=connection.destination)
    emit(connection, ann)
    emit(connection, visitor)
    emit(connection, ann, False)
    emit(trait, ann, True, json="12.5")
    switch_on(place.source)

    [run] = run_all()

    assert (run.state, run.error) == ("done", "")
    assert tables(place.ask) == ["audience_entered", "audience_exited", "identifies", "trait_computed", "users"]
    identifies = place.ask(f"SELECT user_id, anonymous_id, big_spenders, total_revenue FROM {S}.identifies")
    assert said(identifies) == said(
        [("u1", None, True, None), (None, "a9", True, None), ("u1", None, False, None), ("u1", None, None, 12.5)]
    )
    entered = place.ask(f"SELECT user_id, anonymous_id, event, event_text, audience_key, big_spenders, "
                        f"context_personas_computation_id FROM {S}.audience_entered")  # fmt: skip
    common = ("audience_entered", "Audience Entered", "big_spenders", True, "aud_test")
    assert said(entered) == said([("u1", None, *common), (None, "a9", *common)])
    exited = place.ask(f"SELECT user_id, event_text, audience_key, big_spenders FROM {S}.audience_exited")
    assert exited == [("u1", "Audience Exited", "big_spenders", False)]
    computed = place.ask(f"SELECT user_id, trait_key, total_revenue FROM {S}.trait_computed")
    assert computed == [("u1", "total_revenue", 12.5)]
    users = place.ask(f"SELECT id, user_id, big_spenders, total_revenue FROM {S}.users")
    assert users == [("u1", "u1", False, 12.5)]
    assert run.calls == 8
    assert run.rows == {f"{S}.audience_entered": 2, f"{S}.audience_exited": 1, f"{S}.identifies": 4,
                        f"{S}.trait_computed": 1, f"{S}.users": 1}  # fmt: skip
    times = place.ask(f"SELECT DISTINCT CAST(received_at AS VARCHAR(19)) FROM {S}.identifies")
    assert times == [("2026-03-01 12:00:00",)]


def test_columns_have_the_types_of_their_values(place, space, ann, connection):
    emit(connection, ann)
    switch_on(place.source)

    run_all()

    found = columns(place.ask, "identifies")
    assert list(found)[:8] == ["id", "received_at", "uuid_ts", "sent_at", "original_timestamp", "timestamp", "user_id",
                               "anonymous_id"]  # fmt: skip
    assert found["big_spenders"].lower() == "boolean"
    assert found["user_id"].lower() in {"text", "varchar"}
    assert found["received_at"].lower().startswith("timestamp")


def test_a_second_run_writes_nothing(place, space, ann, connection):
    emit(connection, ann)
    switch_on(place.source)
    run_all()
    before = place.ask(f"SELECT * FROM {S}.identifies")

    run = run_once(space)

    assert (run.state, run.calls, run.rows) == ("done", 0, {})
    assert place.ask(f"SELECT * FROM {S}.identifies") == before


def test_a_worker_killed_between_blocks_leaves_no_gap_and_no_double(place, space, connection, monkeypatch):
    people = [factories.make_profile(space=space, ids=[("user_id", f"u{number}")]) for number in range(5)]
    for person in people:
        emit(connection, person)
    monkeypatch.setattr(reading, "BLOCK", 3)
    monkeypatch.setattr(reading.calls_between, "__kwdefaults__", {"limit": 3})
    switch_on(place.source)
    real, died = writing._written, []

    def die_after_the_warehouse_committed(writer, plans):
        counts = real(writer, plans)
        died.append(counts)
        if len(died) == 2:
            raise SystemExit
        return counts

    with monkeypatch.context() as patch:
        patch.setattr(writing, "_written", die_after_the_warehouse_committed)
        with pytest.raises(SystemExit):
            run_all()
    kept = len(place.ask(f"SELECT id FROM {S}.identifies"))
    position = WarehouseOutput.objects.get().position
    [run] = run_all()

    assert (kept, run.state, run.calls) == (3, "done", 10)
    assert position < WarehouseOutput.objects.get().position
    rows = place.ask(f"SELECT user_id, count(*), count(DISTINCT id) FROM {S}.identifies GROUP BY 1")
    assert said(rows) == [(f"u{number}", 1, 1) for number in range(5)]
    assert place.ask(f"SELECT count(*), count(DISTINCT id) FROM {S}.audience_entered") == [(5, 5)]
    assert place.ask(f"SELECT count(*) FROM {S}.users") == [(5,)]


def test_a_new_trait_adds_a_column_and_a_conflict_makes_it_text(place, space, ann, connection):
    emit(connection, ann)
    switch_on(place.source)
    run_all()
    trait = trait_connection(space, destination=connection.destination)
    for json in ("12", "12.5", '"gold"'):
        emit(trait, ann, True, json=json)
        run_once(space)

    first, *others = place.ask(f"SELECT total_revenue FROM {S}.trait_computed ORDER BY total_revenue")
    assert first in {("12",), ("12.0",)}
    assert others == [("12.5",), ("gold",)]
    assert place.ask(f"SELECT big_spenders, total_revenue FROM {S}.users") == [(True, "gold")]
    assert list(columns(place.ask, "identifies"))[-1] == "total_revenue"


def test_tables_that_are_left_out_get_nothing(place, space, ann, connection):
    emit(connection, ann)
    switch_on(place.source, excluded=["users", "audience_entered"])
    run_all()

    assert tables(place.ask) == ["identifies"]

    save_output(source=place.source, changed_by=None, excluded=[])
    assert run_once(space).rows == {}
    begin_again(source=place.source, asked_by=None)
    [run] = run_all()

    assert run.rows == {f"{S}.audience_entered": 1, f"{S}.users": 1}
    assert place.ask(f"SELECT count(*) FROM {S}.identifies") == [(1,)]


def test_each_engage_source_has_its_own_schema(server_place, space, ann, connection):
    other = make_connection(space=space, destination=make_destination(space=space), send_identify=True)
    emit(connection, ann)
    switch_on(server_place.source)

    [run] = run_all()

    assert other.destination.connector == connection.destination.connector
    assert sorted(run.rows) == [
        f"{schema}.{table}" for schema in (S, f"{S}_2") for table in ("audience_entered", "identifies", "users")
    ]


def test_calls_that_wait_were_made_or_are_for_a_list_are_all_written(file_place, space, ann, connection):
    emit(connection, ann)
    emit(connection, ann, False)
    first = Delivery.objects.order_by("id").first()
    fields = {name: getattr(first, name) for name in ("space_id", "id", "destination_id", "connection_id",
              "profile_id", "message_id", "kind", "payload", "created_at")}  # fmt: skip
    DeliveryLog.objects.create(**fields, finished_at=first.created_at, attempts=1, outcome="delivered")
    Delivery.objects.filter(space_id=space.pk, profile_id=ann.id, id=first.id).delete()
    nobody = factories.make_profile(space=space, ids=[])
    emit(connection, nobody)
    switch_on(file_place.source)

    [run] = run_all()

    assert run.calls == 4
    assert file_place.ask(f"SELECT count(*) FROM {S}.identifies") == [(2,)]


def test_calls_of_another_space_are_not_written(file_place, space, ann, connection):
    elsewhere = factories.make_space()
    stranger = factories.make_profile(space=elsewhere, ids=[("user_id", "x1")])
    emit(make_connection(space=elsewhere, send_identify=True), stranger)
    emit(connection, ann)
    switch_on(file_place.source)

    run_all()

    assert file_place.ask(f"SELECT user_id FROM {S}.identifies") == [("u1",)]
    assert OutputRun.objects.get().calls == 2
