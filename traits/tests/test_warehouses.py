"""Warehouses: what is stored of them, what connecting finds out, and what queries may not do."""

from __future__ import annotations

import pytest

from common.errors import ConflictError, InvalidError
from spaces.models import AuditEntry
from tests import factories
from traits.models import WarehouseSource
from traits.services.definitions import TraitDefinitionError
from traits.services.sql_preview import preview_query
from traits.services.sql_traits import create_sql_trait
from traits.services.traits import delete_trait, set_enabled
from traits.services.warehouses import (
    create_warehouse,
    delete_warehouse,
    update_warehouse,
)
from traits.services.warehouses import (
    test_warehouse as connect_to,
)
from traits.tests.warehouses import (
    definition_of,
    fill_file,
    in_file,
    make_duckdb,
    make_postgresql,
    make_sql_trait,
    on_server,
    server,
)
from traits.warehouses.catalog import opened_settings
from traits.warehouses.interface import WarehouseError

pytestmark = pytest.mark.django_db
TYPES = """
    SELECT 'u1' AS user_id, 12345678901234567890.12::numeric AS exact, 1.5::float8 AS share, 7::int AS whole,
    true AS flag, DATE '2026-05-04' AS day, TIMESTAMPTZ '2026-05-04 12:00:00+02' AS moment,
    TIMESTAMP '2026-05-04 12:00:00' AS naive, 'NaN'::float8 AS nothing, NULL::text AS gone
"""


@pytest.fixture
def path(tmp_path, settings):
    settings.ENGAGE_WAREHOUSE_FOLDERS = [str(tmp_path)]
    found = tmp_path / "warehouse.duckdb"
    fill_file(found, [("u1", "gold", 1), ("u9", "free", 2)])
    return found


@pytest.fixture(scope="module")
def table(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        on_server(
            "DROP SCHEMA IF EXISTS warehouse CASCADE",
            "CREATE SCHEMA warehouse",
            "CREATE TABLE warehouse.customers AS SELECT 'u' || n AS user_id, 'gold' AS plan, n AS ltv "
            "FROM generate_series(1, 3) AS g(n)",
        )
    yield
    with django_db_blocker.unblock():
        on_server("DROP SCHEMA warehouse CASCADE")


def refused(space, source, query, **options):
    with pytest.raises(TraitDefinitionError) as error:
        preview_query(space=space, definition=definition_of(source, query, **options))
    return error.value.errors[0]


def test_a_password_is_stored_encrypted_and_never_shown(space, owner):
    source = make_postgresql(space=space, password="hunter2")

    stored = WarehouseSource.objects.get()
    entry = AuditEntry.objects.get(action="warehouse.created")
    assert b"hunter2" not in bytes(stored.secrets)
    assert "password" not in stored.settings
    assert "hunter2" not in str(entry.after)
    assert opened_settings(source)["password"] == "hunter2"


def test_every_field_that_is_wrong_is_named(space):
    settings = {"host": "db.example.com/x", "port": "seventy", "sslmode": "maybe", "password": "", "colour": "red"}

    with pytest.raises(InvalidError) as error:
        create_warehouse(space=space, name=" ", connector="postgresql", settings=settings, created_by=None)

    assert [one.path for one in error.value.errors] == [
        "/name", "/colour", "/port", "/database", "/user", "/password", "/sslmode",
    ]  # fmt: skip
    assert not WarehouseSource.objects.exists()


def test_an_empty_password_keeps_the_stored_one_but_not_for_another_host(space):
    source = make_postgresql(space=space, password="hunter2")

    update_warehouse(source=source, changed_by=None, settings=server() | {"password": "", "database": "other"})
    with pytest.raises(InvalidError) as error:
        update_warehouse(source=source, changed_by=None, settings=server() | {"password": "", "host": "evil.example"})

    source.refresh_from_db()
    assert [one.path for one in error.value.errors] == ["/password"]
    assert (source.settings["database"], source.settings["host"]) == ("other", server()["host"])
    assert opened_settings(source)["password"] == "hunter2"


def test_a_warehouse_that_is_read_is_not_deleted(space, path, owner):
    source = make_duckdb(space=space, path=path)
    trait = make_sql_trait(source=source)
    with pytest.raises(ConflictError) as error:
        delete_warehouse(source=source, deleted_by=owner)
    set_enabled(trait=trait, is_enabled=False, changed_by=owner)
    delete_trait(trait=trait, deleted_by=owner)

    delete_warehouse(source=source, deleted_by=owner)

    assert "Warehouse facts" in error.value.detail
    assert not WarehouseSource.objects.exists()


def test_postgresql_answers_and_is_remembered(space):
    source = make_postgresql(space=space)

    answer = connect_to(source=source)

    source.refresh_from_db()
    assert answer.startswith("PostgreSQL 18")
    assert source.checked_at is not None
    assert source.problem == ""


@pytest.mark.parametrize(
    ("changes", "sentence", "path"),
    [
        ({"password": "wrong"}, "refused the password of", "/password"),
        ({"database": "nowhere"}, "has no database nowhere.", "/database"),
        ({"port": "1"}, "refused the connection. Is the port right", "/host"),
        ({"host": "no.such.invalid"}, "The name no.such.invalid was not found.", "/host"),
        ({"host": "10.1.2.3"}, "10.1.2.3 resolves to 10.1.2.3, which is not a public address.", "/host"),
        ({"sslmode": "require"}, "No encrypted connection", "/sslmode"),
    ],
)
def test_postgresql_that_cannot_be_reached_says_why(space, changes, sentence, path):
    source = make_postgresql(space=space, **changes)

    with pytest.raises(WarehouseError) as error:
        connect_to(source=source)

    source.refresh_from_db()
    assert sentence in error.value.detail
    assert error.value.path == path
    assert source.problem == error.value.detail


def test_a_preview_says_whom_the_rows_name(space, table):
    known = factories.make_profile(space=space, ids={"user_id": "u2"})
    source = make_postgresql(space=space)

    found = preview_query(space=space, definition=definition_of(source, "SELECT * FROM warehouse.customers;"))

    assert [(column.name, column.kind, column.type_name) for column in found.all_columns] == [
        ("user_id", "text", "text"), ("plan", "text", "text"), ("ltv", "number", "integer"),
    ]  # fmt: skip
    assert [(row.identifier, row.values, row.segment_id) for row in found.rows] == [
        ("u1", ["gold", 1], ""), ("u2", ["gold", 2], known.segment_id), ("u3", ["gold", 3], ""),
    ]  # fmt: skip
    assert (found.checked_rows, found.matched, found.unmatched, found.has_more) == (3, 1, 2, False)
    assert found.problems == []


def test_values_of_postgresql_keep_what_they_are(space):
    source = make_postgresql(space=space)
    found = preview_query(space=space, definition=definition_of(source, TYPES))

    assert found.rows[0].values[1:] == [
        1.5, 7, True, "2026-05-04", "2026-05-04T10:00:00.000Z", "2026-05-04T12:00:00.000Z", None, None,
    ]  # fmt: skip
    assert [column.kind for column in found.all_columns] == [
        "text", "number", "number", "number", "boolean", "text", "text", "text", "number", "text",
    ]  # fmt: skip


def test_values_of_duckdb_are_the_same(space, path):
    source = make_duckdb(space=space, path=path)
    found = preview_query(space=space, definition=definition_of(source, TYPES.replace("numeric", "decimal(38,2)")))

    assert found.rows[0].values[1:] == [
        1.5, 7, True, "2026-05-04", "2026-05-04T10:00:00.000Z", "2026-05-04T12:00:00.000Z", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT * FROM warehouse.nothing", 'relation "warehouse.nothing" does not exist (line 1).'),
        ("SELECT user_id,\n  colour FROM warehouse.customers", 'column "colour" does not exist (line 2).'),
        ("SELECT user_id, pg_sleep(20) FROM warehouse.customers", "took longer than 1 seconds and was stopped."),
        ("SELECT user_id, 1/(ltv-2) AS n FROM warehouse.customers", "PostgreSQL says: division by zero."),
        ("SELECT nextval('profile_id_seq') AS user_id, 1 AS n", "The query wants to write."),
        (
            "WITH d AS (DELETE FROM warehouse.customers RETURNING *) SELECT * FROM d",
            "data-modifying statements in WITH",
        ),
        ("DELETE FROM warehouse.customers", "The query begins with DELETE. Only a SELECT is run"),
        ("SELECT 1; DROP TABLE warehouse.customers", "what follows the semicolon is another one"),
        ("SELECT user_id, $$;$$ || plan AS a FROM warehouse.customers WHERE (", "PostgreSQL says: syntax error"),
    ],
)
def test_postgresql_refuses_what_does_not_only_read(space, table, monkeypatch, query, sentence):
    monkeypatch.setattr("traits.services.sql_preview.PREVIEW_SECONDS", 1)
    source = make_postgresql(space=space)

    problem = refused(space, source, query)

    assert problem.path == "/query"
    assert sentence in problem.detail


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT * FROM nothing", "DuckDB says: Catalog Error: Table with name nothing does not exist! (line 1)."),
        ("SELECT * FROM read_csv('/etc/passwd')", "wants to read or write outside of the database file"),
        ("SELECT * FROM '/etc/passwd'", "DuckDB says: Catalog Error: Table with name /etc/passwd does not exist"),
        ("COPY customers TO '/tmp/x'", "The query begins with COPY."),
        (
            "SELECT user_id, (SELECT count(*) FROM range(100000000000)) AS n FROM customers",
            "took longer than 5 seconds",
        ),
        ("SELECT range(3000000000) AS user_id, 1 AS n", "needs more memory than 64 MB"),
    ],
)
def test_duckdb_refuses_what_does_not_only_read(space, path, settings, monkeypatch, query, sentence):
    monkeypatch.setattr("traits.services.sql_preview.PREVIEW_SECONDS", 5)
    settings.ENGAGE_WAREHOUSE_MEMORY_MB = 64
    source = make_duckdb(space=space, path=path)

    problem = refused(space, source, query)

    assert sentence in problem.detail


def test_duckdb_opens_nothing_outside_of_the_allowed_folders(space, path, tmp_path, settings):
    outside = tmp_path.parent / "outside.duckdb"
    fill_file(outside, [])
    (tmp_path / "link.duckdb").symlink_to(outside)
    details = []
    for given in (str(outside), "../outside.duckdb", "link.duckdb", "none.duckdb"):
        with pytest.raises(InvalidError) as error:
            make_duckdb(space=space, path=given)
        details.append(error.value.detail)
    settings.ENGAGE_WAREHOUSE_FOLDERS = []
    with pytest.raises(InvalidError) as nothing:
        make_duckdb(space=space, path=path)

    assert ["not inside an allowed folder" in detail for detail in details] == [True, True, True, False]
    assert details[3] == "There is no file none.duckdb on this server."
    assert "ENGAGE_WAREHOUSE_FOLDERS" in nothing.value.detail


def test_a_file_that_is_no_database_is_named(space, path):
    source = make_duckdb(space=space, path=path)
    path.write_bytes(b"hello" * 2_000)

    with pytest.raises(WarehouseError) as error:
        connect_to(source=source)

    assert error.value.detail == f"{path} is no DuckDB database."


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("SELECT plan FROM customers", ["no_identifier"]),
        ("SELECT user_id FROM customers", ["no_trait"]),
        ("SELECT user_id, user_id AS email, plan FROM customers", ["several_identifiers"]),
        ("SELECT user_id, [plan] AS tags FROM customers", ["column_type"]),
        ('SELECT user_id, plan AS "the plan", 1 AS id FROM customers', ["column_name", "column_reserved"]),
        (f"SELECT user_id, {', '.join(f'1 AS n{n}' for n in range(25))} FROM customers", ["too_many_columns"]),
        ("SELECT NULL AS user_id, plan FROM customers", ["identifier_missing"]),
        ("SELECT 'u1' AS user_id, plan FROM customers", ["identifier_twice"]),
    ],
)
def test_a_preview_names_every_column_that_is_wrong(space, path, query, codes):
    """W056: a duplicate identifier and a 26th column are refused in the preview, and nothing can be created."""
    source = make_duckdb(space=space, path=path)

    found = preview_query(space=space, definition=definition_of(source, query))
    with pytest.raises(TraitDefinitionError):
        make_sql_trait(source=source, query=query)

    assert [problem.code for problem in found.problems] == codes
    assert found.shape is None


def test_columns_that_something_else_has_are_refused(space, path):
    source = make_duckdb(space=space, path=path)
    make_sql_trait(source=source, name="First")

    with pytest.raises(Exception, match="already used in this space") as error:
        make_sql_trait(source=source, name="Second", query="SELECT user_id, ltv, 1 AS n FROM customers")

    assert [one.path for one in error.value.errors] == ["/columns/ltv"]


def test_a_space_has_at_most_25_sql_traits(space, path, monkeypatch):
    monkeypatch.setattr("traits.services.sql_traits.MOST_TRAITS", 1)
    source = make_duckdb(space=space, path=path)
    make_sql_trait(source=source)

    with pytest.raises(InvalidError, match="which is the most"):
        make_sql_trait(source=source, name="Second", query="SELECT user_id, 1 AS n FROM customers")


def test_a_warehouse_of_another_space_is_not_found(space, path):
    other = factories.make_space(workspace=space.workspace)
    source = make_duckdb(space=other, path=path)

    with pytest.raises(TraitDefinitionError) as error:
        create_sql_trait(space=space, name="X", definition=definition_of(source), created_by=None)

    assert error.value.errors[0].code == "not_found"


def test_a_schedule_that_is_none_is_refused(space, path):
    source = make_duckdb(space=space, path=path)
    wrong = [{"every": "minute"}, {"every": "hours", "hours": 5}, {"every": "day", "at": ["6"]}, {"every": "day"}]

    paths = []
    for schedule in wrong:
        with pytest.raises(InvalidError) as error:
            make_sql_trait(source=source, schedule=schedule)
        paths.append(error.value.errors[0].path)

    assert paths == ["/schedule/every", "/schedule/hours", "/schedule/at", "/schedule/at"]
    in_file(path, "DROP TABLE customers")
