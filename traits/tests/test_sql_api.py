"""The REST API of warehouses and SQL traits: everything that the pages can do."""

from __future__ import annotations

import pytest

from delivery.models import Connection
from delivery.services.trait_sources import trait_options
from delivery.tests.builders import make_destination
from spaces.models import Role
from tests import factories
from traits.models import SqlRun, Trait, WarehouseSource
from traits.selectors.sql import HIDDEN
from traits.services.sql_traits import create_sql_trait
from traits.tests.building import make_trait
from traits.tests.warehouses import (
    QUERY,
    definition_of,
    fill_file,
    in_file,
    make_duckdb,
    make_sql_trait,
    run_queries,
    server,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(api_for, owner, space):
    return api_for(owner, space)


@pytest.fixture
def path(tmp_path, settings):
    settings.ENGAGE_WAREHOUSE_FOLDERS = [str(tmp_path)]
    found = tmp_path / "warehouse.duckdb"
    fill_file(found, [("u1", "gold", 120.5), ("u2", "free", None)])
    return found


@pytest.fixture
def source(space, path):
    return make_duckdb(space=space, path=path)


def url(space, rest):
    return f"/api/v1/spaces/{space.slug}/{rest}"


def test_a_warehouse_is_added_tested_changed_and_deleted(api, space):
    connectors = api.get(url(space, "warehouses/connectors/")).json()["results"]
    body = {"name": "Server", "connector": "postgresql", "settings": server()}
    made = api.post(url(space, "warehouses/"), body, format="json")
    one = url(space, f"warehouses/{made.json()['id']}/")
    answer = api.post(f"{one}test/").json()
    renamed = api.patch(one, {"name": "Main"}, format="json").json()
    wrong = api.patch(one, {"settings": server() | {"password": "wrong"}}, format="json")
    refused = api.post(f"{one}test/")
    listed = api.get(url(space, "warehouses/")).json()["results"]
    deleted = api.delete(one)

    assert [one["slug"] for one in connectors] == ["postgresql", "duckdb"]
    assert made.status_code == 201
    assert "password" not in made.json()["settings"]
    assert answer["answer"].startswith("PostgreSQL 18")
    assert renamed["name"] == "Main"
    assert wrong.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (400, "warehouse")
    assert listed[0]["problem"] == refused.json()["detail"]
    assert (deleted.status_code, WarehouseSource.objects.count()) == (204, 0)


def test_settings_that_are_wrong_are_named_where_they_are(api, space):
    body = {"name": "Server", "connector": "postgresql", "settings": server() | {"port": "x", "host": ""}}

    answer = api.post(url(space, "warehouses/"), body, format="json")

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == ["/settings/host", "/settings/port"]


def test_only_admins_change_warehouses(api_for, space, source):
    member = factories.make_member(workspace=space.workspace, role=Role.USER)
    api = api_for(member.user, space)

    answers = [
        api.get(url(space, "warehouses/")),
        api.post(url(space, "warehouses/"), {}, format="json"),
        api.delete(url(space, f"warehouses/{source.public_id}/")),
        api.post(url(space, f"warehouses/{source.public_id}/test/")),
    ]

    assert [answer.status_code for answer in answers] == [200, 403, 403, 403]


def test_a_sql_trait_from_preview_to_run(api, space, source, path):
    """F022: its columns are offered for enrichment, under SQL traits."""
    known = factories.make_profile(space=space, ids={"user_id": "u1"})
    destination = make_destination(space=space)
    query = {"source": source.public_id, "query": QUERY}
    preview = api.post(url(space, "sql-traits/preview/"), query, format="json").json()
    body = query | {
        "name": "Facts", "schedule": {"every": "day", "at": ["06:00"]},
        "destinations": [{"destination": destination.public_id}],
    }  # fmt: skip
    made = api.post(url(space, "sql-traits/"), body, format="json")
    one = url(space, f"sql-traits/{made.json()['id']}/")
    run_queries()
    read = api.get(one).json()
    values = api.get(url(space, f"traits/{read['id']}/values/")).json()["results"]
    options = trait_options(space, text="", shows_pii=True)

    assert [column["name"] for column in preview["columns"]] == ["user_id", "plan", "ltv"]
    assert [row["profile"] for row in preview["rows"]] == [known.segment_id, None]
    assert (preview["matched"], preview["unmatched"], preview["problems"]) == (1, 1, [])
    assert made.status_code == 201
    assert (read["kind"], read["status"], read["size"], read["schedule_sentence"]) == (
        "sql", "Live", 2, "Every day at 06:00 UTC",
    )  # fmt: skip
    assert read["sentence"] == "The columns “plan”, “ltv” of a query in a warehouse, by the user_id of the user."
    assert [row["value"] for row in values] == [{"plan": "gold", "ltv": 120.5}, {"plan": "free", "ltv": None}]
    assert Connection.objects.get().computation_columns == ["plan", "ltv"]
    assert [(option["kind"], option["value"]) for option in options] == [("sql", "ltv"), ("sql", "plan")]
    assert api.get(url(space, "sql-traits/")).json()["results"] == [read]


def test_running_editing_and_scheduling(api, space, source):
    trait = make_sql_trait(source=source)
    one = url(space, f"sql-traits/{trait.public_id}/")
    busy = api.post(f"{one}runs/")
    run_queries()
    asked = api.post(f"{one}runs/")
    locked = api.patch(one, {"query": QUERY + " LIMIT 1"}, format="json")
    run_queries()
    edited = api.patch(
        one, {"query": "SELECT user_id, plan FROM customers", "schedule": {"every": "never"}}, format="json"
    ).json()
    stale = api.patch(one, {"query": QUERY, "revision": 1}, format="json")
    run_queries()
    listed = api.get(f"{one}runs/").json()["results"]

    assert (busy.status_code, asked.status_code, asked.json()["trigger"]) == (409, 202, "person")
    assert locked.status_code == 409
    assert (edited["revision"], edited["next_run_at"]) == (2, None)
    assert [column["name"] for column in edited["definition"]["columns"]] == ["plan"]
    assert stale.status_code == 409
    assert [(run["state"], run["rows_read"], run["values_changed"]) for run in listed] == [
        ("finished", 2, 2), ("finished", 2, 0), ("finished", 2, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"query": "DELETE FROM customers"}, "/query"),
        ({"query": "SELECT * FROM nothing"}, "/query"),
        ({"query": "SELECT plan FROM customers"}, "/columns"),
        ({"source": "unknown"}, "/source"),
        ({"schedule": {"every": "minute"}}, "/schedule/every"),
        ({"name": " "}, "/name"),
        ({"collection": "accounts"}, "/columns"),
    ],
)
def test_what_cannot_be_created_is_refused_with_its_place(api, space, source, changes, place):
    body = {"name": "Facts", "source": source.public_id, "query": QUERY} | changes

    answer = api.post(url(space, "sql-traits/"), body, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == place
    assert not Trait.objects.exists()


def test_the_address_of_all_traits_does_not_take_queries(api, space, source):
    trait = make_sql_trait(source=source)
    made = api.post(url(space, "traits/"), {"name": "X", "definition": definition_of(source)}, format="json")
    changed = api.patch(url(space, f"traits/{trait.public_id}/"), {"definition": definition_of(source)}, format="json")
    preview = api.post(url(space, "traits/preview/"), {"definition": definition_of(source)}, format="json")

    assert [answer.status_code for answer in (made, changed, preview)] == [400, 400, 400]
    assert Trait.objects.count() == 1


def test_other_traits_are_no_sql_traits(api, space, owner):
    trait = make_trait(space=space)

    answers = [api.get(url(space, f"sql-traits/{trait.public_id}/{rest}")) for rest in ("", "runs/")]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_values_and_errors_are_masked_without_the_right_to_personal_data(api_for, space, source, path):
    """W094: everything of a SQL trait is masked, also what the warehouse said."""
    member = factories.make_member(workspace=space.workspace, role=Role.READ_ONLY, has_pii_access=False)
    trait = create_sql_trait(space=space, name="Facts", definition=definition_of(source), created_by=None)
    run_queries()
    in_file(path, "DROP TABLE customers")
    SqlRun.objects.update(error="such as ann@example.com")
    api = api_for(member.user, space)

    values = api.get(url(space, f"traits/{trait.public_id}/values/")).json()["results"]
    runs = api.get(url(space, f"sql-traits/{trait.public_id}/runs/")).json()["results"]

    assert [row["value"] for row in values] == [{"plan": "••••", "ltv": "••••"}] * 2
    assert runs[0]["error"] == HIDDEN
