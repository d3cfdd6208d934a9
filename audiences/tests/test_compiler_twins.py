"""`evaluate` and the compiled SQL give the same verdict for random definitions and histories (design.md §1, rule 5)."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from decimal import Decimal
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
from audiences.tests.strategies_conditions import NOW, definitions, profiles
from engine.conditions import Options, evaluate, parse
from profiles.models import EventType

CASES = int(os.environ.get("ENGAGE_HYPOTHESIS_CASES", "150"))
REFERENCES = {"vip": 901, "new": 902}
SPACE = 1


def as_json(value) -> str:
    """JSON text with every digit of a Decimal."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_json(item) for item in value) + "]"
    return json.dumps(value)


def store(cursor, states) -> None:
    """Writes the states as profiles 1, 2, … of the space, replacing all that was there."""
    for table in ("profile", "event", "external_id", "membership"):
        cursor.execute(f"DELETE FROM {table}")
    for number, state in enumerate(states, start=1):
        cursor.execute(
            "INSERT INTO profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at,"
            " updated_at) VALUES (%s, %s, 0, %s, %s::jsonb, '{}', 0, now(), now())",
            [SPACE, number, f"use_{number}", as_json(state.traits)],
        )
        for event in state.events:
            cursor.execute(
                "INSERT INTO event (space_id, profile_id, type, name, ts, received_at, source_id, message_id,"
                " properties) VALUES (%s, %s, %s, %s, %s, %s, 1, 'm', %s::jsonb)",
                [SPACE, number, EventType[event.type.upper()], event.name, event.timestamp, event.received_at,
                 as_json(event.properties)],
            )  # fmt: skip
        for kind in state.identifiers:
            cursor.execute(
                "INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at)"
                " VALUES (%s, 0, %s, %s, %s, %s, now())",
                [SPACE, kind, f"{kind}{number}", f"{kind}{number}", number],
            )
        for key in state.memberships:
            cursor.execute(
                "INSERT INTO membership (space_id, audience_id, profile_id, is_member, changed_at)"
                " VALUES (%s, %s, %s, true, now())",
                [SPACE, REFERENCES[key], number],
            )


options = st.builds(
    Options,
    include_anonymous=st.booleans(),
    historical_from=st.sampled_from([None, None, NOW - timedelta(hours=1)]),
    occurred_from=st.sampled_from([None, None, NOW - timedelta(days=1)]),
)


def run(query):
    with connection.cursor() as cursor:
        cursor.execute(query.sql, query.params)
        return cursor.fetchall()


@pytest.mark.django_db
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(definitions, options), min_size=1, max_size=5),
    st.lists(profiles, min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(days=1, microseconds=-1), timedelta(days=-2)]),
)
def test_sql_and_memory_agree(chosen, states, is_everyone, ahead):
    conditions = [(parse(definition), option) for definition, option in chosen]
    now = NOW + ahead
    with connection.cursor() as cursor:
        store(cursor, states)
    inputs = [
        CompiledInput(
            audience_id=number, condition=condition, include_anonymous=option.include_anonymous,
            historical_from=option.historical_from, occurred_from=option.occurred_from,
        )
        for number, (condition, option) in enumerate(conditions)
    ]  # fmt: skip
    scope = Everyone() if is_everyone else TheseProfiles(ids=list(range(1, len(states) + 1)))

    rows = run(compile_audiences(SPACE, inputs, scope, now, references=REFERENCES))

    found = {(profile, audience): (is_member, recheck_at) for profile, audience, is_member, recheck_at in rows}
    assert len(rows) == len(found) == len(states) * len(inputs)
    for (number, audience), (is_member, recheck_at) in found.items():
        condition, option = conditions[audience]
        verdict = evaluate(condition, states[number - 1], now, option)
        assert is_member is verdict.is_member
        assert recheck_at is None or recheck_at > now
        # The engine's bound is the tighter one; the statement's may be earlier, never later.
        if verdict.recheck_at is not None:
            assert recheck_at is not None
            assert recheck_at <= verdict.recheck_at
    condition, option = conditions[0]
    expected = [number for number in range(1, len(states) + 1) if found[number, 0][0]]
    preview = preview_query(SPACE, condition, now, options=option, scope=scope, references=REFERENCES)
    assert run(preview) == [(len(expected), expected)]


@pytest.mark.django_db
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(definitions, options), min_size=1, max_size=5),
    st.lists(profiles, min_size=1, max_size=5),
    st.lists(st.sampled_from([None, (True, None), (False, None), (True, NOW), (False, NOW)]), min_size=25, max_size=25),
    st.sampled_from([(1, 0), (24, 4_000)]),
)
def test_changes_are_what_differs_from_the_stored(chosen, states, stored, limits):
    inputs = [
        CompiledInput(
            audience_id=number, condition=parse(definition), include_anonymous=option.include_anonymous,
            historical_from=option.historical_from, occurred_from=option.occurred_from,
        )
        for number, (definition, option) in enumerate(chosen)
    ]  # fmt: skip
    places = [(profile, audience) for profile in range(1, len(states) + 1) for audience in range(len(inputs))]
    before = {place: row for place, row in zip(places, stored, strict=False) if row is not None}
    with connection.cursor() as cursor:
        store(cursor, states)
        for (profile, audience), (is_member, recheck_at) in before.items():
            cursor.execute(
                "INSERT INTO membership (space_id, audience_id, profile_id, is_member, recheck_at, changed_at)"
                " VALUES (%s, %s, %s, %s, %s, now())",
                [SPACE, audience, profile, is_member, recheck_at],
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
    assert [len(rows) for rows in changes] == [len(expected)] * 3
    assert [set(rows) for rows in changes] == [expected] * 3


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
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
