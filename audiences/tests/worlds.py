"""Random profiles as rows of the database, many at once."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from audiences.compiler import References
from audiences.services.steps import step_source
from profiles.models import ACCOUNTS, USERS, EventType

SPACE = 1
STEP = 951
# Whoever is said to be in an account audience without having an account has this one.
FIRM = 9_999
FIRST_ACCOUNT = 1_000
AUDIENCES = {"vip": 901, "new": 902, "firms": 903}
REFERENCES = References(
    audiences=AUDIENCES,
    account_audiences=frozenset({903}),
    steps={"step": STEP},
    step_members=step_source().members,
)
TABLES = ("profile", "event", "external_id", "membership", "account_link", "journey_run", "journey_position")
INSERTS = (
    (
        "profile",
        "INSERT INTO profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at, "
        "updated_at) SELECT 1, id, collection, 'use_' || id, traits, '{}', 0, now(), now() "
        "FROM json_to_recordset(%s::json) AS i(id bigint, collection smallint, traits jsonb)",
    ),
    (
        "event",
        "INSERT INTO event (space_id, profile_id, type, name, ts, received_at, source_id, message_id, properties) "
        "SELECT 1, id, type, name, ts, received_at, 1, 'm', properties FROM json_to_recordset(%s::json) "
        "AS i(id bigint, type smallint, name text, ts timestamptz, received_at timestamptz, properties jsonb)",
    ),
    (
        "external_id",
        "INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at) "
        "SELECT 1, collection, kind, kind || id, kind || id, id, now() FROM json_to_recordset(%s::json) "
        "AS i(id bigint, collection smallint, kind text)",
    ),
    (
        "membership",
        "INSERT INTO membership (space_id, audience_id, profile_id, is_member, changed_at) "
        "SELECT 1, audience, id, true, now() FROM json_to_recordset(%s::json) AS i(id bigint, audience bigint)",
    ),
    (
        "account_link",
        "INSERT INTO account_link (space_id, account_id, profile_id, created_at) "
        "SELECT 1, account, id, now() FROM json_to_recordset(%s::json) AS i(id bigint, account bigint)",
    ),
    (
        "journey_run",
        "INSERT INTO journey_run (space_id, profile_id, id, journey_id, version_id, key, entered_at, ended_at, "
        "end_reason) SELECT 1, id, run, 1, 1, '', now(), CASE WHEN is_over THEN now() END, '' "
        "FROM json_to_recordset(%s::json) AS i(id bigint, run bigint, is_over boolean)",
    ),
    (
        "journey_position",
        "INSERT INTO journey_position (space_id, profile_id, run_id, step_id, version_id, arrived_at, joined_at, "
        "left_at, branch) SELECT 1, id, run, 951, 1, now(), CASE WHEN is_in THEN now() END, "
        "CASE WHEN is_in THEN now() END, '' "
        "FROM json_to_recordset(%s::json) AS i(id bigint, run bigint, is_in boolean)",
    ),
)


def as_json(value) -> str:
    """JSON text with every digit of a Decimal."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(as_json(item) for item in value) + "]"
    return json.dumps(value)


def store(cursor, states, accounts=(), links=()) -> None:
    """Write the users as profiles 1, 2, … and accounts from FIRST_ACCOUNT on, replacing all that was there.

    `links` are pairs of places in the two lists. A user in "firms" without a link to such an account is given one.
    """
    rows = {table: [] for table in TABLES}
    for number, state in enumerate(states, start=1):
        _add(rows, number, state, USERS)
        linked = [accounts[place] for place, user in links if user == number - 1]
        if "firms" in state.memberships and not any("firms" in account.memberships for account in linked):
            rows["account_link"].append({"id": number, "account": FIRM})
        is_in = "step" in state.memberships
        rows["journey_run"].append({"id": number, "run": number, "is_over": not is_in and number % 2 == 0})
        rows["journey_position"].append({"id": number, "run": number, "is_in": is_in or number % 2 == 0})
    for place, state in enumerate(accounts):
        _add(rows, FIRST_ACCOUNT + place, state, ACCOUNTS)
    rows["membership"].append({"id": FIRM, "audience": AUDIENCES["firms"]})
    rows["account_link"] += [{"id": user + 1, "account": FIRST_ACCOUNT + place} for place, user in links]
    for table in TABLES:
        cursor.execute(f"DELETE FROM {table}")
    for table, statement in INSERTS:
        cursor.execute(statement, [as_json(rows[table])])


def _add(rows, number, state, collection) -> None:
    rows["profile"].append({"id": number, "collection": collection, "traits": state.traits})
    rows["event"] += [
        {
            "id": number, "type": EventType[event.type.upper()].value, "name": event.name,
            "ts": event.timestamp.isoformat(), "received_at": event.received_at.isoformat(),
            "properties": event.properties,
        }
        for event in state.events
    ]  # fmt: skip
    rows["external_id"] += [{"id": number, "collection": collection, "kind": kind} for kind in state.identifiers]
    own = {"firms"} if collection == ACCOUNTS else {"vip", "new"}
    rows["membership"] += [{"id": number, "audience": AUDIENCES[key]} for key in sorted(state.memberships & own)]


def joined(states, accounts, links):
    """The users as they are with their accounts, and the accounts with their users."""
    users = [
        replace(
            state,
            memberships=(state.memberships - {"firms"})
            | {"firms" for place, user in links if user == number and "firms" in accounts[place].memberships},
        )
        for number, state in enumerate(states)
    ]
    whole = [
        replace(account, users=[users[user] for of, user in links if of == place])
        for place, account in enumerate(accounts)
    ]
    return users, whole
