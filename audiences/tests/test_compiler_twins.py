"""`evaluate` and the compiled SQL give the same verdict for random definitions and histories (design.md §1, rule 5).

A case is one definition on one history at one instant. ENGAGE_HYPOTHESIS_CASES asks for more than the usual 10,000.
"""

from __future__ import annotations

import os
from datetime import timedelta
from unittest import mock

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.compiler import (
    CompiledInput,
    Everyone,
    IdRange,
    TheseProfiles,
    builder,
    compile_audiences,
    preview_query,
    trees,
)
from audiences.tests.strategies_conditions import NOW, account_definitions, accounts, definitions, profiles
from audiences.tests.worlds import FIRST_ACCOUNT, REFERENCES, SPACE, joined, store
from engine.conditions import Options, evaluate, parse

CASES = int(os.environ.get("ENGAGE_HYPOTHESIS_CASES", "10000"))
DEFINITIONS, STATES = 8, 10
# Three tests share the cases: users in memory and SQL, accounts, and what differs from the stored.
EXAMPLES = -(-CASES // (3 * DEFINITIONS * STATES))
random = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
options = st.builds(
    Options,
    include_anonymous=st.booleans(),
    historical_from=st.sampled_from([None, None, NOW - timedelta(hours=1)]),
    occurred_from=st.sampled_from([None, None, NOW - timedelta(days=1)]),
)
instants = st.one_of(
    st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(days=1, microseconds=-1), timedelta(days=-2)]),
    st.integers(-4_000, 12_000).map(lambda minutes: timedelta(minutes=minutes)),
)
some_states = st.lists(profiles, min_size=STATES, max_size=STATES)
ACCOUNTS = 10
links = st.sets(st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(0, STATES - 1)), max_size=20).map(sorted)


def several(strategy):
    return st.lists(st.tuples(strategy, options), min_size=DEFINITIONS, max_size=DEFINITIONS)


def run(query):
    with connection.cursor() as cursor:
        cursor.execute(query.sql, query.params)
        return cursor.fetchall()


def inputs_of(chosen):
    return [
        CompiledInput(
            audience_id=number, condition=parse(definition), include_anonymous=option.include_anonymous,
            historical_from=option.historical_from, occurred_from=option.occurred_from,
        )
        for number, (definition, option) in enumerate(chosen)
    ]  # fmt: skip


def assert_same(rows, inputs, states, first, now):
    """The rows are the verdicts of `evaluate` on the states, whose ids count from `first`."""
    found = {(profile, audience): (is_member, recheck_at) for profile, audience, is_member, recheck_at in rows}
    assert len(rows) == len(found) == len(states) * len(inputs)
    for (number, audience), (is_member, recheck_at) in found.items():
        verdict = evaluate(inputs[audience].condition, states[number - first], now, inputs[audience].options)
        assert is_member is verdict.is_member
        assert recheck_at is None or recheck_at > now
        # The engine's bound is the tighter one; the statement's may be earlier, never later.
        if verdict.recheck_at is not None:
            assert recheck_at is not None
            assert recheck_at <= verdict.recheck_at


@pytest.mark.django_db
@random
@given(several(definitions), some_states, instants)
def test_sql_and_memory_agree(chosen, states, ahead):
    now = NOW + ahead
    inputs = inputs_of(chosen)
    with connection.cursor() as cursor:
        store(cursor, states)
    scopes = [Everyone(), TheseProfiles(ids=list(range(1, STATES + 1)))]

    full, incremental = (run(compile_audiences(SPACE, inputs, scope, now, references=REFERENCES)) for scope in scopes)
    preview = preview_query(
        SPACE, inputs[0].condition, now, options=inputs[0].options, scope=Everyone(), references=REFERENCES
    )
    previewed = run(preview)

    assert_same(full, inputs, states, 1, now)
    assert_same(incremental, inputs, states, 1, now)
    expected = sorted(profile for profile, audience, is_member, _ in full if audience == 0 and is_member)
    assert previewed == [(len(expected), expected)]


@pytest.mark.django_db
@random
@given(
    several(account_definitions), some_states, st.lists(accounts, min_size=ACCOUNTS, max_size=ACCOUNTS), links, instants
)
def test_sql_and_memory_agree_on_accounts(chosen, states, firms, linked, ahead):
    now = NOW + ahead
    inputs = inputs_of(chosen)
    users, whole = joined(states, firms, linked)
    with connection.cursor() as cursor:
        store(cursor, users, firms, linked)
    ids = list(range(FIRST_ACCOUNT, FIRST_ACCOUNT + ACCOUNTS))
    scopes = [Everyone(), TheseProfiles(ids=ids), IdRange(first=ids[0], last=ids[-1])]

    found = [run(compile_audiences(SPACE, inputs, scope, now, references=REFERENCES)) for scope in scopes]

    for rows in found:
        assert_same(rows, inputs, whole, FIRST_ACCOUNT, now)


@pytest.mark.django_db
@random
@given(
    several(definitions),
    some_states,
    st.lists(
        st.sampled_from([None, (True, None), (False, None), (True, NOW), (False, NOW)]),
        min_size=STATES * DEFINITIONS,
        max_size=STATES * DEFINITIONS,
    ),
    st.sampled_from([(1, 0), (24, 4_000)]),
)
def test_changes_are_what_differs_from_the_stored(chosen, states, stored, limits):
    inputs = inputs_of(chosen)
    places = [(profile, audience) for profile in range(1, STATES + 1) for audience in range(DEFINITIONS)]
    before = {place: row for place, row in zip(places, stored, strict=True) if row is not None}
    with connection.cursor() as cursor:
        store(cursor, states)
        cursor.executemany(
            "INSERT INTO membership (space_id, audience_id, profile_id, is_member, recheck_at, changed_at)"
            " VALUES (%s, %s, %s, %s, %s, now())",
            [(SPACE, audience, profile, *row) for (profile, audience), row in before.items()],
        )
    everything = run(compile_audiences(SPACE, inputs, Everyone(), NOW, references=REFERENCES))
    scopes = [Everyone(), TheseProfiles(ids=[*range(1, len(states) + 1)]), IdRange(first=1, last=len(states))]

    with (
        mock.patch.object(builder, "MOST_IN_ONE_PASS", limits[0]),
        mock.patch.object(trees, "LONGEST_INLINE", limits[1]),
    ):
        changes = [
            run(compile_audiences(SPACE, inputs, scope, NOW, references=REFERENCES, changed_only=True))
            for scope in scopes
        ]

    expected = set()
    for profile, audience, is_member, recheck_at in everything:
        was_member, was_recheck_at = before.get((profile, audience), (False, None))
        if (is_member, recheck_at) != (was_member, was_recheck_at):
            is_stored = (profile, audience) in before
            expected.add((profile, audience, is_member, recheck_at, was_member, was_recheck_at, is_stored))
    assert_same(everything, inputs, states, 1, NOW)
    assert [len(rows) for rows in changes] == [len(expected)] * 3
    assert [set(rows) for rows in changes] == [expected] * 3


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(definitions, profiles)
def test_the_verdict_stays_until_the_recheck(definition, state):
    condition = parse(definition)
    verdict = evaluate(condition, state, NOW)
    end = verdict.recheck_at or NOW + timedelta(days=800)

    instants = sorted(
        {event.timestamp + timedelta(minutes=minutes) for event in state.events for minutes in range(0, 20_000, 30)}
    )
    between = [*[instant for instant in instants if NOW < instant < end][:40], end - timedelta(microseconds=1)]

    assert {evaluate(condition, state, instant).is_member for instant in between} == {verdict.is_member}
