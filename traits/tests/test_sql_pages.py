"""Pages of warehouses and SQL traits."""

from __future__ import annotations

import pytest
from django.urls import reverse

from delivery.services.source_connections import connect_source
from delivery.tests.builders import make_destination
from spaces.models import Role
from tests import factories
from traits.models import SqlRun, SqlTrait, Trait, WarehouseSource
from traits.services.traits import refresh_trait
from traits.tests.warehouses import QUERY, fill_file, in_file, make_duckdb, make_sql_trait, run_queries, server

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path, settings):
    settings.ENGAGE_WAREHOUSE_FOLDERS = [str(tmp_path)]
    found = tmp_path / "warehouse.duckdb"
    fill_file(found, [("u1", "gold", 120.5), ("u2", "free", None)])
    return found


@pytest.fixture
def source(space, path):
    return make_duckdb(space=space, path=path)


@pytest.fixture(autouse=True)
def _signed_in(client, owner):
    client.force_login(owner)


def url(route, space, **where):
    return reverse(f"traits:{route}", kwargs={"space": space.slug, **where})


def form_of(source, **changes):
    return {
        "source": source.public_id, "collection": "users", "query": QUERY, "name": "Facts", "description": "",
        "schedule": "12", "times": "", "op": "create",
    } | changes  # fmt: skip


def test_a_warehouse_is_added_and_tested_at_once(client, space):
    empty = client.get(url("warehouses", space)).content.decode()
    choice = client.get(url("warehouse_new", space)).content.decode()
    answer = client.post(
        f"{url('warehouse_new', space)}?connector=postgresql", {"name": "Main", **server()}, follow=True
    )
    page = answer.content.decode()
    listed = client.get(url("warehouses", space)).content.decode()

    source = WarehouseSource.objects.get()
    assert "No warehouses yet" in empty
    assert "DuckDB" in choice
    assert "Main was added, and it answers: PostgreSQL 18" in page
    assert server()["password"] not in page
    assert 'data-test="warehouses.row"' in listed
    assert (source.name, source.problem) == ("Main", "")


def test_a_warehouse_that_does_not_answer_is_kept_with_the_reason(client, space):
    form = {"name": "Main", **server(), "password": "wrong"}

    answer = client.post(f"{url('warehouse_new', space)}?connector=postgresql", form, follow=True)

    page = answer.content.decode()
    assert "Main was added, but there is no connection" in page
    assert page.count("refused the password of") >= 2
    assert WarehouseSource.objects.get().problem.endswith("Enter it again.")


def test_fields_that_are_wrong_are_told_at_the_fields(client, space):
    answer = client.post(f"{url('warehouse_new', space)}?connector=postgresql", {"name": "", "port": "x"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.count("field__errors") == 7
    assert "Give the warehouse a name." in page
    assert not WarehouseSource.objects.exists()


def test_changing_testing_and_deleting(client, space, source, path):
    where = {"warehouse_id": source.public_id}
    saved = client.post(url("warehouse", space, **where), {"name": "Files 2", "path": str(path)}, follow=True)
    path.rename(path.with_suffix(".away"))
    refused = client.post(url("warehouse", space, **where), {"name": "Files 2", "path": str(path)})
    tested = client.post(url("warehouse_test", space, **where), follow=True).content.decode()
    client.post(url("warehouse_delete", space, **where))

    assert "Files 2 was saved, and it answers: DuckDB" in saved.content.decode()
    assert refused.status_code == 422
    assert "There is no file" in refused.content.decode()
    assert "There is no file" in tested
    assert not WarehouseSource.objects.exists()


def test_a_warehouse_that_is_read_cannot_be_deleted(client, space, source):
    make_sql_trait(source=source)

    answer = client.post(url("warehouse_delete", space, warehouse_id=source.public_id), follow=True)

    assert "SQL traits read this warehouse: Warehouse facts. Delete them first." in answer.content.decode()
    assert WarehouseSource.objects.exists()


def test_members_see_warehouses_and_change_nothing(client, space, source):
    member = factories.make_member(workspace=space.workspace, role=Role.USER)
    client.force_login(member.user)
    where = {"warehouse_id": source.public_id}

    answers = [
        client.get(url("warehouse", space, **where)),
        client.get(url("warehouse_new", space)),
        client.post(url("warehouse", space, **where), {"name": "X"}),
        client.post(url("warehouse_delete", space, **where)),
    ]

    assert [answer.status_code for answer in answers] == [200, 403, 403, 403]


def test_a_preview_shows_rows_types_and_whom_they_name(client, space, source):
    known = factories.make_profile(space=space, ids={"user_id": "u1"})

    answer = client.post(url("sql_new", space), form_of(source, op="preview"))
    part = client.post(url("sql_new", space), form_of(source, op="preview"), headers={"HX-Request": "true"})

    page, fragment = answer.content.decode(), part.content.decode()
    assert answer.status_code == 200
    assert "decimal(20,2)" in page
    assert "<strong" in fragment
    assert "2 rows name a person you have; a profile is created for each of the other" in fragment
    assert known.segment_id in fragment
    assert "<html" not in fragment
    assert QUERY in page
    assert not Trait.objects.exists()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT * FROM nothing", "Table with name nothing does not exist"),
        ("SELECT plan FROM customers", "The result has no column user_id, email or anonymous_id."),
        ("SELECT user_id, [plan] AS tags FROM customers", "tags is of the type varchar[]"),
        ("", "Write the query"),
    ],
)
def test_a_query_that_cannot_be_used_says_why(client, space, source, query, sentence):
    preview = client.post(url("sql_new", space), form_of(source, op="preview", query=query))
    created = client.post(url("sql_new", space), form_of(source, query=query))

    assert sentence in preview.content.decode()
    assert created.status_code == 422
    assert sentence in created.content.decode()
    assert not Trait.objects.exists()


def test_creating_with_schedule_and_destination_then_running(client, space, source):
    destination = make_destination(space=space)
    form = form_of(source, schedule="times", times="6:00 18:30", destination=[destination.public_id])
    answer = client.post(url("sql_new", space), form)
    trait = Trait.objects.get()
    where = {"trait_id": trait.public_id}
    waiting = client.get(url("sql_runs", space, **where)).content.decode()
    run_queries()
    done = client.get(url("sql_runs_live", space, **where), headers={"HX-Request": "true"}).content.decode()
    overview = client.get(url("overview", space, **where)).content.decode()
    values = client.get(url("values", space, **where), {"column": "ltv"}).content.decode()
    settings = client.get(url("settings", space, **where))
    live = client.get(url("live", space, **where), headers={"HX-Request": "true"})

    assert answer.url == url("sql_runs", space, **where)
    assert SqlTrait.objects.get().schedule == {"every": "day", "at": ["06:00", "18:30"]}
    assert "Waiting for a free worker" in waiting
    assert 'data-state="finished"' in done
    assert "Every day at 06:00 and 18:30 UTC" in overview
    assert "plan, ltv" in overview
    assert 'data-label="plan" class="trait-value" data-test="values.value">gold<' in values
    assert "120.5" in values
    assert [settings.status_code, live.status_code] == [200, 200]


def test_a_destination_that_a_source_feeds_is_offered_with_the_reason_alone(client, space, source):
    fed = make_destination(space=space)
    connect_source(source=factories.make_source(space=space, name="Website"), destination=fed, actor=None)

    page = client.get(url("sql_new", space)).content.decode()

    assert f"{fed.name} gets the events of Website directly" in page
    assert f'value="{fed.public_id}"' not in page


def test_times_that_are_none_are_told_at_their_field(client, space, source):
    answer = client.post(url("sql_new", space), form_of(source, schedule="times", times="soon"))

    assert answer.status_code == 422
    assert "soon is no time of the day." in answer.content.decode()


def test_another_query_is_saved_and_run(client, space, source):
    trait = make_sql_trait(source=source)
    run_queries()
    where = {"trait_id": trait.public_id}
    page = client.get(url("builder", space, **where)).content.decode()
    form = {"query": "SELECT user_id, plan FROM customers", "revision": "1"}
    preview = client.post(url("builder", space, **where), form | {"op": "preview"})
    wrong = client.post(url("builder", space, **where), form | {"op": "save", "query": "SELECT 1"})
    saved = client.post(url("builder", space, **where), form | {"op": "save"})
    run_queries()
    stale = client.post(url("builder", space, **where), {"op": "save", "query": QUERY, "revision": "1"})

    trait.refresh_from_db()
    assert QUERY in page
    assert "2 rows name" in preview.content.decode()
    assert wrong.status_code == 422
    assert saved.url == url("sql_runs", space, **where)
    assert stale.status_code == 409
    assert trait.definition["query"] == form["query"]


def test_run_now_and_schedule(client, space, source, path):
    trait = make_sql_trait(source=source)
    run_queries()
    where = {"trait_id": trait.public_id}
    client.post(url("refresh", space, **where))
    in_file(path, "DROP TABLE customers")
    run_queries()
    failed = client.get(url("sql_runs", space, **where)).content.decode()
    client.post(url("sql_schedule", space, **where), {"schedule": "never"})
    wrong = client.post(url("sql_schedule", space, **where), {"schedule": "times", "times": ""})

    assert SqlRun.objects.latest("id").trigger == SqlRun.Trigger.PERSON
    assert "Table with name customers does not exist" in failed
    assert SqlTrait.objects.get().next_run_at is None
    assert wrong.status_code == 422
    assert "Name one to 24 times of the day" in wrong.content.decode()


def test_a_run_can_be_cancelled(client, space, source):
    trait = make_sql_trait(source=source)

    client.post(url("cancel", space, trait_id=trait.public_id))

    assert SqlRun.objects.get().state == SqlRun.State.CANCELLED


def test_a_clone_starts_with_the_query(client, space, source):
    trait = make_sql_trait(source=source)

    answer = client.get(url("clone", space, trait_id=trait.public_id), follow=True)

    page = answer.content.decode()
    assert "Warehouse facts (copy)" in page
    assert QUERY in page


def test_without_a_warehouse_the_page_says_what_to_do(client, space):
    page = client.get(url("sql_new", space)).content.decode()

    assert "No warehouse yet" in page
    assert url("warehouse_new", space) in page


def test_what_people_without_the_right_see_is_masked(client, space, source):
    """W094."""
    member = factories.make_member(workspace=space.workspace, role=Role.USER, has_pii_access=False)
    trait = make_sql_trait(source=source)
    run_queries()
    refresh_trait(trait=trait, refreshed_by=None)
    SqlRun.objects.filter(state="waiting").update(state="failed", error="such as ann@example.com")
    client.force_login(member.user)
    where = {"trait_id": trait.public_id}

    pages = [
        client.get(url("values", space, **where)),
        client.get(url("overview", space, **where)),
        client.get(url("sql_runs", space, **where)),
        client.post(url("builder", space, **where), {"op": "preview", "query": QUERY}),
    ]

    text = "".join(page.content.decode() for page in pages)
    assert [page.status_code for page in pages] == [200] * 4
    assert "gold" not in text
    assert "ann@example.com" not in text
    assert "••••" in text


def test_profiles_mask_the_columns_of_sql_traits(client, api_for, space, source):
    """W094: on the page of a profile and in the APIs as well; a custom trait beside them is shown."""
    member = factories.make_member(workspace=space.workspace, role=Role.READ_ONLY, has_pii_access=False)
    profile = factories.make_profile(space=space, ids={"user_id": "u1"}, traits={"color": "teal"})
    make_sql_trait(source=source)
    run_queries()
    client.force_login(member.user)
    where = {"space": space.slug, "segment_id": profile.segment_id}

    page = client.get(reverse("profiles:detail", kwargs=where), {"tab": "traits"}).content.decode()
    body = api_for(member.user, space).get(f"/api/v1/spaces/{space.slug}/profiles/{profile.segment_id}/").json()

    assert body["traits"] == {"color": "teal", "plan": "••••", "ltv": "••••"}
    assert "teal" in page
    assert "gold" not in page
