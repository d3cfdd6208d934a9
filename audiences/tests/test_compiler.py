"""What the random cases of `test_compiler_twins` do not reach: refusals, hostile names, sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from audiences.compiler import (
    CompiledInput,
    CompileError,
    Everyone,
    TheseProfiles,
    compile_audiences,
    in_statements,
    preview_query,
)
from audiences.tests.test_compiler_twins import run
from audiences.tests.worlds import SPACE, store
from engine.conditions import EventRecord, Options, ProfileState, evaluate, parse

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def condition(where, collection="users"):
    return parse({"version": 1, "collection": collection, "where": where})


def event(name, ago=HOUR, **properties):
    return EventRecord(
        id="", type="track", name=name, timestamp=NOW - ago, received_at=NOW - ago, properties=properties
    )


def members(where, states):
    with connection.cursor() as cursor:
        store(cursor, states)
    [(_, sample)] = run(preview_query(SPACE, condition(where), NOW, options=Options()))
    return sample


def test_an_unresolved_audience_is_refused():
    where = {"audience": "vip", "member": True}

    with pytest.raises(CompileError, match='No audience "vip" exists'):
        compile_audiences(SPACE, [CompiledInput(audience_id=1, condition=condition(where))], Everyone(), NOW)


def test_users_and_accounts_do_not_share_a_statement():
    mixed = [
        CompiledInput(audience_id=1, condition=condition({"event": "A"})),
        CompiledInput(audience_id=2, condition=condition({"event": "A"}, "accounts")),
    ]

    with pytest.raises(ValueError, match="users and accounts apart"):
        compile_audiences(SPACE, mixed, Everyone(), NOW)
    assert [len(group) for group in in_statements(mixed)] == [1, 1]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["'; DROP TABLE event; --", "100 %", "%(p0)s", "{space}", 'a"b\\', "名前", "x" * 1000])
def test_hostile_names_are_only_data(name):
    where = {"event": name, "properties": [{"property": name.replace(".", ""), "equals": name}]}

    assert members(where, [ProfileState(events=[event(name, **{name: name})]), ProfileState()]) == [1]


@pytest.mark.django_db
def test_values_that_are_no_dates_never_stop_the_statement():
    texts = ["", "now", "infinity", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-14:00", "epoch", 5, None, {"a": 1}]
    states = [ProfileState(traits={"at": text}) for text in texts]

    assert members({"trait": "at", "after_date": "2026-01-01T00:00:00Z"}, states) == [5]


@pytest.mark.django_db
def test_the_events_of_another_space_do_not_count():
    with connection.cursor() as cursor:
        store(cursor, [ProfileState(events=[event("A")])])
        cursor.execute("UPDATE event SET space_id = 2")

    assert run(preview_query(SPACE, condition({"event": "A"}), NOW, options=Options())) == [(0, [])]


@pytest.mark.django_db
def test_many_audiences_are_one_statement():
    wheres = [
        {
            "any": [
                {
                    "event": f"Event {number % 40}",
                    "count": {"gte": 1 + number % 3},
                    "window": {"within": {"days": number}},
                },
                {"trait": "n", "greater_than": number},
            ]
        }
        for number in range(1, 151)
    ]
    inputs = [
        CompiledInput(audience_id=n, condition=condition(w), include_anonymous=True) for n, w in enumerate(wheres)
    ]
    states = [ProfileState(traits={"n": 100}), ProfileState(events=[event("Event 3", HOUR * n) for n in range(60)])]
    with connection.cursor() as cursor:
        store(cursor, states)

    rows = run(compile_audiences(SPACE, inputs, TheseProfiles(ids=[1, 2]), NOW))

    assert in_statements(inputs) == [inputs]
    assert len(rows) == 300
    for profile, audience, is_member, _ in rows:
        assert is_member is evaluate(inputs[audience].condition, states[profile - 1], NOW).is_member


@pytest.mark.django_db
def test_deep_nesting_does_not_blow_up_the_statement():
    where = {"event": "A", "window": {"within": {"days": 2}}}
    for level in range(15):
        leaf = {"event": f"B{level}", "window": {"within": {"days": 1}}}
        where = {("all", "any")[level % 2]: [where, leaf]}
    states = [ProfileState(events=[event(name) for name in ("A", "B0", "B1", "B3", "B14")])]
    with connection.cursor() as cursor:
        store(cursor, states)

    query = compile_audiences(
        SPACE, [CompiledInput(audience_id=1, condition=condition(where), include_anonymous=True)], Everyone(), NOW
    )

    verdict = evaluate(condition(where), states[0], NOW)
    assert len(query.sql) < 100_000
    assert run(query) == [(1, 1, verdict.is_member, verdict.recheck_at)]


def test_what_is_too_much_for_one_statement_is_divided_in_order():
    big = condition({"any": [{"event": f"E{number}"} for number in range(199)]})
    inputs = [CompiledInput(audience_id=number, condition=big) for number in range(5)]

    groups = in_statements(inputs)

    assert [[item.audience_id for item in group] for group in groups] == [[0, 1], [2, 3], [4]]
