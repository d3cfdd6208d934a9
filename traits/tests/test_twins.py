"""`engine.traits.evaluate` and the compiled SQL give the same value for random traits and histories."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.compiler import Everyone, IdRange, TheseProfiles
from audiences.tests.strategies_conditions import NOW, profiles
from audiences.tests.worlds import as_json, store
from engine.conditions import EventRecord, Options, ProfileState
from engine.conditions.operators import exact
from engine.traits import evaluate, parse
from traits.compiler import TraitInput, compile_traits, value_query
from traits.tests.strategies_traits import traits

CASES = int(os.environ.get("ENGAGE_HYPOTHESIS_CASES", "150"))
SPACE = 1
since = st.sampled_from([None, None, NOW - timedelta(hours=1)])
moments = st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(days=1, microseconds=-1), timedelta(days=-2)])


def comparable(value):
    """JSON data in which 1 and 1.0 are one value, and 1, true and "1" three."""
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    return None if value is None else exact(value)


def read(text):
    return None if text is None else comparable(json.loads(text, parse_float=Decimal))


def inputs_of(chosen):
    return [
        TraitInput(trait_id=number, key=f"k{number}", trait=parse(definition), historical_from=from_at)
        for number, (definition, from_at) in enumerate(chosen)
    ]


def run(query):
    with connection.cursor() as cursor:
        cursor.execute(query.sql, query.params)
        return cursor.fetchall()


def values_in_sql(inputs, scope, now):
    query = compile_traits(SPACE, inputs, scope, now)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT profile_id, trait_id, value::text, recheck_at FROM ({query.sql}) r", query.params)
        rows = cursor.fetchall()
    found = {(profile, trait): (read(text), recheck_at) for profile, trait, text, recheck_at in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.django_db
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(traits(), since), min_size=1, max_size=6),
    st.lists(profiles, min_size=1, max_size=5),
    st.sampled_from(["everyone", "these", "range"]),
    moments,
)
def test_sql_and_memory_agree(chosen, states, scope, ahead):
    """W050, W051: all kinds, with windows, conditions and what follows, at random instants."""
    now, inputs = NOW + ahead, inputs_of(chosen)
    with connection.cursor() as cursor:
        store(cursor, states)
    ids = list(range(1, len(states) + 1))
    scopes = {"everyone": Everyone(), "these": TheseProfiles(ids=ids), "range": IdRange(first=1, last=len(ids))}

    found = values_in_sql(inputs, scopes[scope], now)

    assert len(found) == len(states) * len(inputs)
    for (number, trait), (value, recheck_at) in found.items():
        options = Options(historical_from=inputs[trait].historical_from)
        expected = evaluate(inputs[trait].trait, states[number - 1], now, options)
        assert value == comparable(expected.value), (chosen[trait], states[number - 1].events)
        assert recheck_at is None or recheck_at > now
        # The engine's bound is the tighter one; the statement's may be earlier, never later.
        if expected.recheck_at is not None:
            assert recheck_at is not None
            assert recheck_at <= expected.recheck_at
    first = value_query(SPACE, inputs[0].trait, now, options=inputs[0].options, scope=scopes[scope])
    with connection.cursor() as cursor:
        cursor.execute(f"{first.sql} SELECT profile_id, value::text FROM valued", first.params)
        previewed = {number: read(text) for number, text in cursor.fetchall()}
    assert previewed == {number: found[number, 0][0] for number in ids if found[number, 0][0] is not None}


@pytest.mark.parametrize(
    ("definition", "changes_at"),
    [
        ({"kind": "aggregation", "aggregate": "sum", "property": "n"}, None),
        ({"kind": "event_counter"}, NOW + timedelta(minutes=1)),
    ],
)
@pytest.mark.django_db
def test_an_event_before_the_window_matters_to_counters_alone(definition, changes_at):
    """It ends the time without history, in which a counter has no value; a sum has none until something counts."""
    since = (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    given_trait = {
        "version": 1,
        "collection": "users",
        "event": {"event": "A", "window": {"since": since}},
        **definition,
    }
    at = NOW + timedelta(minutes=1)
    early = EventRecord(id="a", type="track", name="A", timestamp=at, received_at=at, properties={"n": 1})
    state = ProfileState(events=[early])
    with connection.cursor() as cursor:
        store(cursor, [state])

    assert evaluate(parse(given_trait), state, NOW).recheck_at == changes_at
    assert values_in_sql(inputs_of([(given_trait, None)]), Everyone(), NOW) == {(1, 0): (None, changes_at)}


@pytest.mark.django_db
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(traits("accounts"), since), min_size=1, max_size=4),
    st.lists(profiles, min_size=1, max_size=4),
    profiles,
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=6),
    st.sampled_from(["everyone", "these", "range"]),
)
def test_sql_and_memory_agree_on_accounts(chosen, states, account, links, scope):
    """Events of all users of an account count; a user may belong to several accounts."""
    inputs = inputs_of(chosen)
    linked = {(1_001 + account_number, user + 1) for user, account_number in links if user < len(states)}
    with connection.cursor() as cursor:
        store(cursor, states)
        cursor.execute("DELETE FROM account_link")
        for account_id in (1_001, 1_002):
            cursor.execute(
                "INSERT INTO profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at,"
                " updated_at) VALUES (%s, %s, 1, %s, %s::jsonb, '{}', 0, now(), now())",
                [SPACE, account_id, f"acc_{account_id}", as_json(account.traits)],
            )
        for account_id, profile_id in linked:
            cursor.execute("INSERT INTO account_link VALUES (%s, %s, %s, now())", [SPACE, account_id, profile_id])
    scopes = {
        "everyone": Everyone(),
        "these": TheseProfiles(ids=[1_001, 1_002]),
        "range": IdRange(first=1_001, last=1_002),
    }

    found = values_in_sql(inputs, scopes[scope], NOW)

    assert len(found) == 2 * len(inputs)
    for (number, trait), (value, recheck_at) in found.items():
        users = [states[profile_id - 1] for account_id, profile_id in sorted(linked) if account_id == number]
        state = ProfileState(traits=account.traits, users=users)
        expected = evaluate(inputs[trait].trait, state, NOW, Options(historical_from=inputs[trait].historical_from))
        assert value == comparable(expected.value), chosen[trait]
        if expected.recheck_at is not None:
            assert recheck_at is not None
            assert recheck_at <= expected.recheck_at


@pytest.mark.django_db
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(traits(), since), min_size=1, max_size=4),
    st.lists(profiles, min_size=1, max_size=4),
    st.lists(st.sampled_from([None, "1", '"a"', "null", "[]"]), min_size=16, max_size=16),
)
def test_changes_are_what_differs_from_the_stored(chosen, states, stored):
    """F088: an equal value is no change."""
    inputs = inputs_of(chosen)
    places = [(profile, trait) for profile in range(1, len(states) + 1) for trait in range(len(inputs))]
    before = {place: text for place, text in zip(places, stored, strict=False) if text is not None}
    with connection.cursor() as cursor:
        store(cursor, states)
        cursor.execute("DELETE FROM trait_value")
        for (profile, trait), text in before.items():
            cursor.execute(
                "INSERT INTO trait_value (space_id, trait_id, profile_id, value, changed_at)"
                " VALUES (%s, %s, %s, nullif(%s::jsonb, 'null'), now())",
                [SPACE, trait, profile, text],
            )
    everything = values_in_sql(inputs, Everyone(), NOW)

    query = compile_traits(SPACE, inputs, TheseProfiles(ids=list(range(1, len(states) + 1))), NOW, changed_only=True)
    rows = run(query)

    changed = {(row[0], row[1]) for row in rows if row[4]}
    assert changed == {place for place in places if everything[place][0] != read(before.get(place, "null"))}
    had = {(row[0], row[1]): row[6] for row in rows}
    assert all(has is (before.get(place, "null") != "null") for place, has in had.items())


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(traits(), profiles)
def test_the_value_stays_until_the_recheck(definition, state):
    trait = parse(definition)
    valuation = evaluate(trait, state, NOW)
    end = valuation.recheck_at or NOW + timedelta(days=800)

    instants = sorted(
        {event.timestamp + timedelta(minutes=minutes) for event in state.events for minutes in range(0, 20_000, 30)}
    )
    between = [*[instant for instant in instants if NOW < instant < end][:40], end - timedelta(microseconds=1)]

    now = comparable(valuation.value)
    assert all(comparable(evaluate(trait, state, instant).value) == now for instant in between)
