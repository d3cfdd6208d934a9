"""Calls as rows, columns and types (W092)."""

from __future__ import annotations

import pytest

from engine.warehouse import planning
from engine.warehouse.kinds import Kind, as_kind, kind_of, wider
from engine.warehouse.names import clashes, numbered, safe_name, schema_name, unique_name
from engine.warehouse.planning import Names, grown, plan_rows
from engine.warehouse.rows import rows_of

AT = "2026-03-01T12:00:00.000Z"


def identify(message_id, user_id=None, **traits):
    call = {"type": "identify", "messageId": message_id, "receivedAt": AT, "context": {}, "traits": traits}
    return call | ({"userId": user_id} if user_id else {"anonymousId": f"a-{message_id}"})


def track(message_id, event, **properties):
    return {"type": "track", "messageId": message_id, "event": event, "userId": "u1", "properties": properties}


def plan(*calls, existing=None, names=None, excluded=()):
    rows = [row for call in calls for row in rows_of(call, loaded_at=AT)]
    found = plan_rows(rows, existing=existing or {}, names=Names() if names is None else names, excluded=excluded)
    return {one.table: one for one in found}


def values(table_plan, column):
    return [
        row[batch.columns.index(column)]
        for batch in table_plan.batches
        if column in batch.columns
        for row in batch.rows
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Audience Entered", "audience_entered"),
        ("audience_entered", "audience_entered"),
        ("j_o_first__mail_abc123", "j_o_first__mail_abc123"),
        ("advertisingId", "advertising_id"),
        ("HTTPStatus", "http_status"),
        ("3_products", "_3_products"),
        ("Crème / m²", "creme_m2"),
        ('x"; DROP TABLE users; --', "x_drop_table_users"),
        ("a" * 80, "a" * 63),
        ("имя", "name_63565d7f"),
    ],
)
def test_names_are_safe_everywhere(text, name):
    assert safe_name(text) == name


def test_names_that_are_alike_are_numbered_within_the_limit():
    assert unique_name("Total", {"total"}) == "total_2"
    assert unique_name("a" * 80, {"a" * 63}) == "a" * 61 + "_2"


def test_schemas_are_named_after_space_and_source():
    assert schema_name("acme-dev") == "engage_acme_dev"
    assert numbered("engage_acme_dev", 1) == "engage_acme_dev"
    assert numbered("engage_acme_dev", 3) == "engage_acme_dev_3"
    assert len(numbered(schema_name("x" * 60), 12)) <= 63
    assert clashes("engage_prod_2", ["engage_prod"])
    assert clashes("engage_prod", ["engage_prod_2"])
    assert not clashes("engage_prod", ["engage_production"])


@pytest.mark.parametrize(
    ("values_", "kind"),
    [
        ([True, False], Kind.BOOLEAN),
        ([1, 2], Kind.INTEGER),
        ([1, 2.5], Kind.NUMBER),
        ([True, 1], Kind.TEXT),
        (["a", 1], Kind.TEXT),
        ([2**70], Kind.TEXT),
        ([["a"]], Kind.TEXT),
    ],
)
def test_types_widen_and_become_text_where_they_conflict(values_, kind):
    found = kind_of(values_[0])
    for value in values_[1:]:
        found = wider(found, kind_of(value))

    assert found == kind


def test_values_fit_their_column():
    assert as_kind(True, Kind.TEXT) == "true"
    assert as_kind(["ä", 1], Kind.TEXT) == '["ä",1]'
    assert as_kind(2**70, Kind.TEXT) == str(2**70)
    assert as_kind(3, Kind.NUMBER) == 3.0
    assert as_kind("a\x00b", Kind.TEXT) == "a\ufffdb"
    assert as_kind(None, Kind.TEXT) is None


def test_an_identify_is_a_row_of_identifies_and_of_users():
    found = plan(identify("m1", "u1", big=True, address={"city": "Bern"}))

    assert sorted(found) == ["identifies", "users"]
    assert values(found["identifies"], "id") == ["m1"]
    assert values(found["users"], "id") == ["u1"]
    assert values(found["users"], "address_city") == ["Bern"]
    assert found["identifies"].added == {"big": Kind.BOOLEAN, "address_city": Kind.TEXT}


def test_anonymous_people_are_no_users():
    assert sorted(plan(identify("m1", big=True))) == ["identifies"]


def test_users_are_put_together_and_columns_without_a_value_are_left_alone():
    found = plan(
        identify("m1", "u1", a=1), identify("m2", "u1", b=2), identify("m3", "u1", a=3), identify("m4", "u2", a=4)
    )

    users = found["users"]
    assert users.is_upsert
    assert [(values_of(one)) for one in users.batches] == [[{"id": "u1", "a": 3, "b": 2}], [{"id": "u2", "a": 4}]]


def values_of(batch):
    rows = [dict(zip(batch.columns, row, strict=True)) for row in batch.rows]
    return [{name: row[name] for name in ("id", "a", "b") if name in row} for row in rows]


def test_an_event_has_its_own_table_that_no_other_one_shares():
    names = Names()

    found = plan(track("m1", "Users"), track("m2", "Audience Entered"), track("m3", "audience-entered"), names=names)

    assert sorted(found) == ["audience_entered", "audience_entered_2", "users_2"]
    assert names.tables == {
        "Users": "users_2",
        "Audience Entered": "audience_entered",
        "audience-entered": "audience_entered_2",
    }
    assert values(found["users_2"], "event_text") == ["Users"]
    assert values(found["users_2"], "event") == ["users_2"]


def test_values_never_share_a_column_nor_take_one_of_ours():
    names = Names()

    found = plan(
        track("m1", "E", **{"id": 7, "userId": "x", "Foo Bar": 1, "foo_bar": 2, "foo": {"bar": 3}}), names=names
    )

    assert values(found["e"], "id") == ["m1"]
    assert names.columns["e"] == {
        "/properties/id": "id_2",
        "/properties/userId": "user_id_2",
        "/properties/Foo Bar": "foo_bar",
        "/properties/foo_bar": "foo_bar_2",
        "/properties/foo/bar": "foo_bar_3",
    }


def test_a_column_is_added_widened_and_never_narrowed():
    existing = {"e": {"id": Kind.TEXT, "amount": Kind.INTEGER, "plan": Kind.TEXT, "flag": Kind.BOOLEAN}}

    found = plan(track("m1", "E", amount=1.5, plan=3, flag="maybe", fresh=True), existing=existing)["e"]

    assert found.widened == {"amount": Kind.NUMBER, "flag": Kind.TEXT}
    assert found.added["fresh"] == Kind.BOOLEAN
    assert values(found, "plan") == ["3"]
    assert grown(existing, [found])["e"]["flag"] == Kind.TEXT


def test_a_value_that_is_null_makes_no_column():
    found = plan(track("m1", "E", gone=None))["e"]

    assert found.added == {}
    assert "gone" not in found.batches[0].columns


def test_what_has_no_room_for_a_column_is_kept_as_json(monkeypatch):
    monkeypatch.setattr(planning, "MOST_COLUMNS", 11)

    found = plan(track("m1", "E", a=1, b=2))["e"]

    assert found.added == {"a": Kind.INTEGER, "more_values": Kind.TEXT}
    assert values(found, "more_values") == ['{"b":2}']


def test_excluded_tables_get_nothing():
    assert sorted(plan(identify("m1", "u1"), track("m2", "E"), excluded={"users", "e"})) == ["identifies"]


@pytest.mark.parametrize("call", [{}, {"type": "identify"}, {"type": "page", "messageId": "m"}])
def test_what_is_no_call_is_no_row(call):
    assert rows_of(call, loaded_at=AT) == []
