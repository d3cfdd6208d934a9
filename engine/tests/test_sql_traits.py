"""SQL traits in plain Python: what a query may be, when it runs, what its columns become."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.payloads import Computation, Identity, audience_call
from engine.traits import TraitError, describe, parse
from engine.traits.json_values import json_text
from engine.traits.schedules import read_schedule
from engine.traits.statements import statement_problem, trimmed

DEFINITION = {
    "version": 1,
    "collection": "users",
    "kind": "sql",
    "source": "w1",
    "query": "SELECT user_id, plan FROM c",
}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "  -- of all people; each once\n select user_id from t ;",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "(SELECT 1) UNION SELECT 2",
        "SELECT ';' AS a, $tag$ ; drop $tag$ AS b, \"a;b\" /* ; */ FROM t",
        "SELECT 'it''s; fine' AS a",
    ],
)
def test_one_select_is_one_select(query):
    assert statement_problem(query) == ""


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("-- nothing", "The query is empty. Write a SELECT."),
        ("SELECT 1; SELECT 2", "Write one statement: what follows the semicolon is another one."),
        ("SELECT 'a' ; ;", "Write one statement: what follows the semicolon is another one."),
        ("UPDATE t SET a = 1", "The query begins with UPDATE. Only a SELECT is run, and nothing that writes."),
        ("/* SELECT */ COPY t TO 'x'", "The query begins with COPY. Only a SELECT is run, and nothing that writes."),
    ],
)
def test_what_is_no_select_is_named(query, problem):
    assert statement_problem(query) == problem


def test_the_end_of_a_statement_is_taken_off():
    assert trimmed(" SELECT 1 ;; \n") == "SELECT 1"


@pytest.mark.parametrize(
    ("schedule", "following", "sentence"),
    [
        ({"every": "hours", "hours": 1}, "2026-05-04T13:00", "Every hour"),
        ({"every": "hours", "hours": 8}, "2026-05-04T16:00", "Every 8 hours"),
        ({"every": "hours", "hours": 24}, "2026-05-05T00:00", "Every day"),
        ({"every": "day", "at": ["12:00"]}, "2026-05-05T12:00", "Every day at 12:00 UTC"),
        (
            {"every": "day", "at": ["18:30", "06:00", "12:01"]},
            "2026-05-04T12:01",
            "Every day at 06:00, 12:01 and 18:30 UTC",
        ),
    ],
)
def test_the_next_run_comes_after_now(schedule, following, sentence):
    found, problems = read_schedule(schedule)

    assert problems == []
    assert found.next_after(datetime(2026, 5, 4, 12, tzinfo=UTC)) == datetime.fromisoformat(f"{following}+00:00")
    assert found.sentence() == sentence


def test_a_schedule_may_be_none():
    found, _ = read_schedule({"every": "never"})

    assert found.next_after(datetime(2026, 5, 4, tzinfo=UTC)) is None
    assert found.sentence() == "Only when somebody runs it"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (Decimal("12345678901234567890.12"), "12345678901234567890.12"),
        (Decimal("1E+3"), "1000"),
        (Decimal("NaN"), "null"),
        (float("inf"), "null"),
        (3.0, "3"),
        (0.1, "0.1"),
        ('say "hi"\n', '"say \\"hi\\"\\n"'),
        (datetime(2026, 5, 4, 12, 0, 0, 1234), '"2026-05-04T12:00:00.001Z"'),
    ],
)
def test_values_are_json(value, text):
    assert json_text(value) == text


def test_a_definition_as_it_is_stored_describes_itself():
    columns = [{"name": "plan", "type": "text"}]
    found = parse(DEFINITION | {"id_column": "user_id", "columns": columns})

    assert describe(found) == "The column “plan” of a query in a warehouse, by the user_id of the user."


def test_every_problem_of_a_definition_is_named():
    wrong = {"version": 1, "collection": "users", "kind": "sql", "query": "DROP TABLE c", "columns": 3, "colour": 1}

    with pytest.raises(TraitError) as error:
        parse(wrong)

    assert [problem.path for problem in error.value.problems] == ["/colour", "/source", "/query", "/columns"]


@pytest.mark.parametrize(
    ("value", "members"), [({"a": 1, "b": None}, {"a": 1, "b": None}), (None, {"a": None, "b": None})]
)
def test_each_column_is_a_trait_of_the_call(value, members):
    """F084: one Identify with all columns, one Track with the key of the trait and all columns."""
    computation = Computation(
        id="tra_1", key="facts", name="Facts", space_id="spa_1", computation_class="trait", columns=("a", "b")
    )
    calls = [
        audience_call(
            kind=kind, computation=computation, value=value, identity=Identity(user_id="u"),
            event_name="Trait Computed", integrations={}, message_id="m", now=datetime(2026, 5, 4, tzinfo=UTC),
        )
        for kind in ("identify", "track")
    ]  # fmt: skip

    assert calls[0]["traits"] == members
    assert calls[1]["properties"] == {"trait_key": "facts", **members}
