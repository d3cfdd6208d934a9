"""SQL traits: rows of a warehouse become values of profiles, and calls where they changed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audiences.models import ComputeStatus, Membership
from audiences.services.audiences import create_audience
from audiences.services.compute import compute_block
from common.models import SlicedRun
from delivery.tests.builders import make_destination, rows
from profiles.models import ExternalId, ObservedField, Profile
from tests import factories
from traits.models import SqlRun, SqlStagedRow, SqlTrait
from traits.services import sql_running
from traits.services.connections import ConnectionSpec, connect
from traits.services.first_syncs import open_runs, sync_slice
from traits.services.sql_running import FAILED, work
from traits.services.sql_runs import claim_run, start_due
from traits.services.sql_traits import set_schedule, update_query
from traits.services.traits import cancel_run, delete_trait, refresh_trait, set_enabled
from traits.tests.building import shown, touch, values
from traits.tests.warehouses import fill_file, in_file, make_duckdb, make_sql_trait, run_queries

pytestmark = pytest.mark.django_db
ROWS = [("u1", "gold", 120.5), ("u2", "free", None), ("u3", "gold", 7)]


@pytest.fixture
def path(tmp_path, settings):
    settings.ENGAGE_WAREHOUSE_FOLDERS = [str(tmp_path)]
    found = tmp_path / "warehouse.duckdb"
    fill_file(found, ROWS)
    return found


@pytest.fixture
def source(space, path):
    return make_duckdb(space=space, path=path)


@pytest.fixture
def people(space):
    return [factories.make_profile(space=space, ids={"user_id": f"u{number}"}) for number in (1, 2)]


def calls():
    return [json.loads(row[0]) for row in rows("SELECT payload FROM delivery ORDER BY id")]


def again(trait, path, new_rows):
    fill_file(path, new_rows)
    refresh_trait(trait=trait, refreshed_by=None)
    return run_queries()[0]


def test_columns_become_traits_and_unknown_identifiers_profiles(source, people):
    trait = make_sql_trait(source=source)

    run = run_queries()[0]

    trait.refresh_from_db()
    new = Profile.objects.get(id=ExternalId.objects.get(value="u3").profile_id)
    assert [shown(one) for one in people] == [{"plan": "gold", "ltv": 120.5}, {"plan": "free"}]
    assert new.traits == {"plan": "gold", "ltv": 7.0}
    assert (run.state, run.rows_read, run.rows_matched, run.rows_created) == (SlicedRun.State.DONE, 3, 2, 1)
    assert (run.values_changed, run.values_removed, run.error) == (3, 0, "")
    assert (trait.status, trait.size, trait.key) == (ComputeStatus.LIVE, 3, "warehouse_facts")
    assert not SqlStagedRow.objects.exists()


def test_unchanged_rows_send_nothing_and_absent_ones_null(source, people, path):
    """F084, F085, F088, W056: one Identify with all columns, only when the row changed."""
    trait = make_sql_trait(source=source)
    connect(trait=trait, spec=ConnectionSpec(destination=make_destination(space=trait.space)), connected_by=None)
    run_queries()
    first = len(calls())
    same = again(trait, path, ROWS)
    middle = len(calls())
    last = again(trait, path, [("u1", "gold", 130), ("u2", "free", None)])

    sent = calls()
    assert (first, middle) == (3, 3)
    assert (sent[0]["type"], sent[0]["userId"], sent[0]["traits"]) == ("identify", "u1", {"plan": "gold", "ltv": 120.5})
    assert sent[1]["traits"] == {"plan": "free", "ltv": None}
    assert sent[0]["context"]["personas"]["computation_key"] == "warehouse_facts"
    assert [(call["userId"], call["traits"]) for call in sent[3:]] == [
        ("u1", {"plan": "gold", "ltv": 130}),
        ("u3", {"plan": None, "ltv": None}),
    ]
    assert (same.values_changed, same.values_removed) == (0, 0)
    assert (last.values_changed, last.values_removed) == (1, 1)
    assert shown(Profile.objects.get(id=ExternalId.objects.get(value="u3").profile_id)) == {}


def test_track_names_the_trait_and_carries_the_columns(source, people):
    """F086, F087."""
    trait = make_sql_trait(source=source)
    spec = ConnectionSpec(
        destination=make_destination(space=trait.space),
        send_identify=False,
        send_track=True,
        event_name="Facts Changed",
    )
    connect(trait=trait, spec=spec, connected_by=None)

    run_queries()

    call = calls()[0]
    assert (call["type"], call["event"]) == ("track", "Facts Changed")
    assert call["properties"] == {"trait_key": "warehouse_facts", "plan": "gold", "ltv": 120.5}


def test_a_first_sync_sends_every_row_once(source, people):
    trait = make_sql_trait(source=source)
    run_queries()
    connect(trait=trait, spec=ConnectionSpec(destination=make_destination(space=trait.space)), connected_by=None)

    while open_ := open_runs():
        for one in open_:
            sync_slice(one)

    assert [call["traits"] for call in calls()] == [
        {"plan": "gold", "ltv": 120.5}, {"plan": "free", "ltv": None}, {"plan": "gold", "ltv": 7},
    ]  # fmt: skip


def test_audiences_read_the_columns(space, source, people):
    where = {"trait": "plan", "equals": "gold"}
    audience = create_audience(
        space=space, name="Gold", definition={"version": 1, "collection": "users", "where": where}, created_by=None
    )
    make_sql_trait(source=source)

    run_queries()

    members = Membership.objects.filter(audience_id=audience.pk, is_member=True)
    assert people[0].id in [row.profile_id for row in members]
    assert people[1].id not in [row.profile_id for row in members]


def test_an_account_trait_is_of_accounts(space, source, path):
    """F067: values of accounts by group id."""
    account = factories.make_account(space=space, ids={"group_id": "g1"}, users=[])
    in_file(path, "CREATE TABLE firms AS SELECT 'g1' AS group_id, 12 AS seats UNION ALL SELECT 'g2', 3")
    trait = make_sql_trait(source=source, query="SELECT * FROM firms", collection="accounts", name="Seats")

    run = run_queries()[0]

    assert shown(account) == {"seats": 12}
    assert (run.rows_matched, run.rows_created, trait.collection) == (1, 1, 1)
    assert Profile.objects.filter(segment_id__startswith="acc_").count() == 2


def test_a_blocked_identifier_makes_no_profile(source, people, path):
    fill_file(path, [("u1", "gold", 1), ("anonymous", "free", 1)])
    make_sql_trait(source=source)

    run = run_queries()[0]

    assert (run.rows_matched, run.rows_created, run.rows_unmatched) == (1, 0, 1)
    assert not ExternalId.objects.filter(value="anonymous").exists()


def test_two_rows_of_one_profile_do_not_change_back_and_forth(space, source, path):
    profile = factories.make_profile(space=space, ids={"email": "a@example.com"})
    later = profile.created_at + timedelta(days=1)
    factories.make_identifier(profile=profile, id_type="email", value="b@example.com", created_at=later)
    in_file(path, "CREATE TABLE mails AS SELECT 'A@example.com' AS email, 1 AS n UNION ALL SELECT 'b@example.com', 2")
    trait = make_sql_trait(source=source, query="SELECT * FROM mails")
    run_queries()
    refresh_trait(trait=trait, refreshed_by=None)

    run = run_queries()[0]

    assert (run.values_changed, run.rows_matched) == (0, 2)
    assert values(trait) == {profile.id: {"n": 2}}


def test_a_record_that_is_too_large_is_discarded_and_the_profile_keeps_what_it_has(source, people, path):
    trait = make_sql_trait(source=source)
    run_queries()

    run = again(trait, path, [("u1", "x" * 17_000, 1), ("u2", "free", None), ("u3", "gold", 7)])

    assert (run.rows_discarded, run.values_changed, run.values_removed) == (1, 0, 0)
    assert shown(people[0]) == {"plan": "gold", "ltv": 120.5}


@pytest.mark.parametrize(
    ("new_rows", "sentence"),
    [
        ([("u1", "gold", 1), (None, "free", 1)], "Row 2 has no user_id: it is NULL."),
        ([("u1", "gold", 1), (" ", "free", 1)], "Row 2 has no user_id: it is empty."),
        ([("u1", "gold", 1), ("U1", "free", 1)], "Several rows have the same user_id, such as U1."),
        ([("u1", "gold", 1)] + [(f"n{n}", "free", 1) for n in range(5)], "returns more than 5 rows"),
    ],
)
def test_rows_that_cannot_be_used_change_nothing(source, people, path, settings, new_rows, sentence):
    trait = make_sql_trait(source=source)
    run_queries()
    settings.ENGAGE_WAREHOUSE_ROWS = 5

    run = again(trait, path, new_rows)

    trait.refresh_from_db()
    assert (run.state, run.stage) == (SlicedRun.State.FAILED, SqlRun.Stage.READING)
    assert sentence in run.error
    assert (trait.status, trait.status_detail) == (ComputeStatus.FAILED, FAILED)
    assert len(values(trait)) == 3
    assert shown(people[0]) == {"plan": "gold", "ltv": 120.5}
    assert not SqlStagedRow.objects.exists()


def test_a_table_that_lost_a_column_says_so(source, people, path):
    trait = make_sql_trait(source=source, query="SELECT * FROM customers")
    run_queries()
    in_file(path, "ALTER TABLE customers RENAME plan TO tier")
    refresh_trait(trait=trait, refreshed_by=None)

    run = run_queries()[0]

    assert "these differ: plan, tier" in run.error
    assert len(values(trait)) == 3


def test_a_file_that_is_away_is_tried_again_and_fails_in_the_end(source, people, path):
    trait = make_sql_trait(source=source)
    path.rename(path.with_suffix(".away"))
    states = []
    now = timezone.now()
    for attempt in range(6):
        with time_machine.travel(now + timedelta(minutes=10 * attempt), tick=False):
            states += [(run.state, run.attempts) for run in run_queries()]

    run = SqlRun.objects.get()
    source.refresh_from_db()
    trait.refresh_from_db()
    assert states == [("running", 1), ("running", 2), ("running", 3), ("running", 4), ("failed", 5)]
    assert "There is no file" in run.error
    assert source.problem == run.error
    assert trait.status == ComputeStatus.FAILED


def test_a_killed_run_reads_again_after_its_lease(source, people):
    trait = make_sql_trait(source=source)
    killed = claim_run()
    sql_running._save(killed, rows_read=1)
    SqlStagedRow.objects.create(run_id=killed.pk, number=1, original="u9", looked_up="u9", value={"plan": "old"})
    too_early = claim_run()
    with time_machine.travel(timezone.now() + timedelta(seconds=400), tick=False):
        done = run_queries()

    assert too_early is None
    assert [(run.pk, run.state, run.attempts, run.rows_read) for run in done] == [(killed.pk, "done", 2, 3)]
    assert len(values(trait)) == 3
    with pytest.raises(sql_running.NotOursError):
        sql_running._save(killed, rows_read=2)


def test_a_run_killed_while_writing_goes_on_where_it_was(source, people, monkeypatch):
    monkeypatch.setattr(sql_running, "WRITE_PROFILES", 1)
    trait = make_sql_trait(source=source)
    connect(trait=trait, spec=ConnectionSpec(destination=make_destination(space=trait.space)), connected_by=None)
    run = claim_run()
    write = sql_running._write

    def killed(*args):
        write(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(sql_running, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        work(run)
    monkeypatch.setattr(sql_running, "_write", write)
    before = len(values(trait))
    with time_machine.travel(timezone.now() + timedelta(seconds=400), tick=False):
        done = run_queries()[0]

    assert before == 1
    assert (done.state, done.profiles_done, done.values_changed) == ("done", 3, 3)
    assert [call["userId"] for call in calls()] == ["u1", "u2", "u3"]


def test_a_cancelled_run_is_left_and_its_rows_forgotten(source, people):
    trait = make_sql_trait(source=source)
    run = claim_run()

    cancel_run(trait=trait, cancelled_by=None)
    work(run)

    run.refresh_from_db()
    assert run.state == SlicedRun.State.CANCELLED
    assert values(trait) == {}
    assert not SqlStagedRow.objects.exists()


def test_due_queries_are_run_and_planned_again(source, people):
    with time_machine.travel("2026-05-04T05:59:00Z", tick=False):
        trait = make_sql_trait(source=source, schedule={"every": "day", "at": ["06:00", "18:30"]})
        run_queries()
        early = start_due(now=timezone.now())
    with time_machine.travel("2026-05-04T06:00:00Z", tick=False):
        due = start_due(now=timezone.now())
        run = run_queries()[0]
        row = SqlTrait.objects.get()

    assert (early, due, run.trigger, run.state) == (0, 1, SqlRun.Trigger.SCHEDULE, "done")
    assert row.next_run_at.isoformat() == "2026-05-04T18:30:00+00:00"
    assert trait.sql_runs.count() == 2


def test_a_schedule_passes_over_what_is_off_or_running(source, people):
    trait = make_sql_trait(source=source, schedule={"every": "hours", "hours": 1})
    later = timezone.now() + timedelta(hours=2)
    with time_machine.travel(later, tick=False):
        start_due(now=later)
        waiting = trait.sql_runs.count()
        run_queries()
        set_enabled(trait=trait, is_enabled=False, changed_by=None)
    with time_machine.travel(later + timedelta(hours=2), tick=False):
        start_due(now=timezone.now())

    set_schedule(trait=trait, schedule={"every": "never"}, changed_by=None)
    assert waiting == 1
    assert trait.sql_runs.count() == 1
    assert SqlTrait.objects.get().next_run_at is None


def test_another_query_takes_the_place_of_the_first(source, people, path):
    trait = make_sql_trait(source=source)
    connection = connect(
        trait=trait, spec=ConnectionSpec(destination=make_destination(space=trait.space)), connected_by=None
    )
    run_queries()

    update_query(trait=trait, query="SELECT user_id, plan, 1 AS score FROM customers", changed_by=None)
    run_queries()

    connection.refresh_from_db()
    assert connection.computation_columns == ["plan", "score"]
    assert calls()[-1]["traits"] == {"plan": "gold", "score": 1}
    # The last value of a column that is gone stays, as that of a deleted trait does (W055).
    assert shown(people[0]) == {"plan": "gold", "ltv": 120.5, "score": 1}


def test_a_deleted_trait_runs_no_more(source, people):
    trait = make_sql_trait(source=source, schedule={"every": "hours", "hours": 1})
    run_queries()
    set_enabled(trait=trait, is_enabled=False, changed_by=None)
    delete_trait(trait=trait, deleted_by=None)

    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        start_due(now=timezone.now())

    assert SqlRun.objects.count() == 1
    assert shown(people[0]) == {"plan": "gold", "ltv": 120.5}


def test_no_more_queries_run_at_once_than_the_operator_allows(source, settings):
    settings.ENGAGE_WAREHOUSE_RUNS = 1
    make_sql_trait(source=source)
    make_sql_trait(source=source, name="Other", query="SELECT user_id, plan AS tier FROM customers")

    first, second = claim_run(), claim_run()

    assert first is not None
    assert second is None


def test_a_new_identifier_gets_the_row_the_profile_has(space, source, people):
    """destinations-and-sync.md §2: an unchanged row is sent with an identifier gained later."""
    trait = make_sql_trait(source=source)
    connect(trait=trait, spec=ConnectionSpec(destination=make_destination(space=trait.space)), connected_by=None)
    run_queries()
    before = len(calls())
    later = timezone.now() + timedelta(minutes=1)
    factories.make_identifier(profile=people[0], id_type="email", value="a@example.com", created_at=later)
    with time_machine.travel(later, tick=False):
        touch(space, people[0], events=None, traits=None)
        compute_block(space=space)

    sent = [call["traits"] for call in calls()[before:]]
    assert sent == [{"plan": "gold", "ltv": 120.5, "email": "a@example.com"}]


def test_columns_are_offered_with_their_values(space, source, people):
    make_sql_trait(source=source)
    run_queries()

    found = {row.path: (row.value_type, row.samples) for row in ObservedField.objects.filter(scope="trait")}
    assert found["plan"] == ("string", ["gold", "free"])
    assert found["ltv"][0] == "number"
    assert sorted(found["ltv"][1]) == [7, 120.5]


def test_a_column_that_a_call_overwrote_is_shown_again(space, source, people):
    trait = make_sql_trait(source=source)
    run_queries()
    Profile.objects.filter(space_id=space.pk, id=people[0].id).update(
        traits={"plan": "hacked", "ltv": 120.5, "name": "A"}
    )
    refresh_trait(trait=trait, refreshed_by=None)

    run = run_queries()[0]

    assert run.values_changed == 0
    assert shown(people[0]) == {"plan": "gold", "ltv": 120.5, "name": "A"}
