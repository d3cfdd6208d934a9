"""From the inbound log to stored events, profiles and counters."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audiences.models import ChangedProfiles
from delivery.models import Delivery
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import make_connection, make_destination
from ingest.models import InboundBatch, MessageKey, RejectedMessage
from ingest.tests.inbound_rows import (
    RECEIVED_AT,
    codes,
    counts,
    events_of,
    identifiers,
    identify,
    ingest,
    process,
    profile_of,
    receive,
    receive_text,
    track,
)
from profiles.models import ACCOUNTS, AccountLink, Event, ObservedEvent, ObservedField, Profile
from spaces.models import Source, Space, User
from tests.factories import make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space)


def test_a_batch_becomes_events_profiles_and_counts(source: Source, space: Space) -> None:
    receive(
        source,
        identify("m1", userId="u1", traits={"plan": "pro", "email": "Ann@Example.com"}),
        track("m2", userId="u1", properties={"revenue": 12.5, "items": [{"sku": "a"}]}),
        {"type": "page", "messageId": "m3", "userId": "u1", "name": "Home", "properties": {"path": "/"}},
        {"type": "screen", "messageId": "m4", "anonymousId": "a9"},
    )

    assert process() == 4

    ann = profile_of(space, "user_id", "u1")
    assert ann.traits == {"plan": "pro", "email": "Ann@Example.com"}
    assert identifiers(ann) == {("user_id", "u1"), ("email", "ann@example.com")}
    stored = {row.message_id: row for row in Event.objects.in_space(space)}
    assert set(stored) == {"m2", "m3", "m4"}
    assert stored["m2"].properties == {"revenue": 12.5, "items": [{"sku": "a"}]}
    assert (stored["m3"].type, stored["m3"].name) == (1, "Home")
    assert stored["m3"].properties == {"path": "/", "page_name": "Home"}
    assert (stored["m4"].type, stored["m4"].name) == (2, "")
    assert counts(source) == (4, 4, 0, 0)
    assert InboundBatch.objects.count() == 0


def test_the_touched_profiles_are_queued_for_evaluation(source: Source, space: Space) -> None:
    ingest(source, identify("m0", userId="u1"))
    ChangedProfiles.objects.all().delete()

    ingest(source, track("m1", userId="u1"), identify("m2", userId="u1", traits={"plan": "pro"}))

    row = ChangedProfiles.objects.get()
    assert row.profile_ids == [profile_of(space, "user_id", "u1").id]
    assert row.events == ["track:Order Completed"]
    assert row.traits == ["plan"]
    assert row.max_received_at == RECEIVED_AT


def test_a_message_id_counts_once_whatever_it_says(source: Source, space: Space) -> None:
    ingest(source, track("same", userId="u1"), track("same", userId="u2"))
    ingest(source, track("same", userId="u3"), track("other", userId="u1"))

    assert sorted(row.message_id for row in Event.objects.in_space(space)) == ["other", "same"]
    assert Profile.objects.in_space(space).count() == 1
    assert counts(source) == (4, 2, 2, 0)
    assert MessageKey.objects.count() == 2


def test_a_message_without_an_id_gets_one(source: Source, space: Space) -> None:
    ingest(source, {"type": "track", "event": "A", "userId": "u"}, {"type": "track", "event": "A", "userId": "u"})

    ids = [row.message_id for row in Event.objects.in_space(space)]
    assert len(set(ids)) == 2
    assert all(len(one) == 36 for one in ids)


def test_time_is_corrected_for_the_clock_of_the_client(source: Source, space: Space) -> None:
    ingest(
        source,
        track("skewed", userId="u", timestamp="2026-05-01T15:00:00Z", sentAt="2026-05-01T15:00:30Z"),
        track("plain", userId="u", timestamp="1997-01-01T00:00:00.000Z"),
        track("none", userId="u"),
        track("odd sentAt", userId="u", originalTimestamp="1997-01-02", sentAt="yesterday"),
    )

    times = {row.message_id: row.ts for row in Event.objects.in_space(space)}
    assert times == {
        "skewed": datetime(2026, 5, 1, 11, 59, 30, tzinfo=UTC),
        "plain": datetime(1997, 1, 1, tzinfo=UTC),
        "none": RECEIVED_AT,
        "odd sentAt": datetime(1997, 1, 2, tzinfo=UTC),
    }


def test_outer_fields_of_a_batch_reach_its_items(source: Source, space: Space) -> None:
    receive(
        source,
        track("m1", userId="u", context={"app": "own"}, timestamp="2026-05-01T11:00:00Z"),
        track("m2", userId="u", integrations={"Personas": True}),
        track("m3", userId="u"),
        context={"app": "outer", "locale": "de"},
        integrations={"Personas": False},
        sentAt="2026-05-01T12:00:10Z",
    )
    receive(
        source,
        track("m4", userId="u", context={"app": "own"}, timestamp="2026-05-01T11:00:00Z"),
        context={"app": "outer", "locale": "de"},
        sentAt="2026-05-01T12:00:10Z",
    )
    process()

    rows = {row.message_id: row for row in Event.objects.in_space(space)}
    assert set(rows) == {"m2", "m4"}
    assert rows["m4"].context == '{"app":"own","locale":"de"}'
    assert rows["m4"].ts == datetime(2026, 5, 1, 10, 59, 50, tzinfo=UTC)
    assert counts(source) == (4, 4, 0, 0)


BAD = [
    ({"type": "track", "event": "A"}, "no_user_anon_id"),
    ({"type": "track", "userId": "u"}, "event_not_defined"),
    ({"type": "track", "userId": "u", "event": ""}, "event_not_defined"),
    ({"type": "track", "userId": "u", "event": 5}, "event_not_string"),
    ({"type": "track", "userId": "u", "event": "A", "properties": [1]}, "properties_not_object"),
    ({"type": "identify", "userId": "u", "traits": "x"}, "traits_not_object"),
    ({"type": "identify", "userId": 7}, "id_not_string"),
    ({"type": "identify", "userId": ""}, "id_not_string"),
    ({"type": "identify", "userId": "x" * 10_000}, "bad_request"),
    ({"type": "group", "userId": "u"}, "id_required"),
    ({"type": "group", "userId": "u", "groupId": 1}, "id_not_string"),
    ({"type": "page", "userId": "u", "name": 1}, "name_not_string"),
    ({"type": "page", "userId": "u", "category": []}, "category_not_string"),
    ({"type": "identify", "userId": "u", "traits": {f"t{i}": i for i in range(300)}}, "bad_request"),
    ({"type": "track", "userId": "u", "event": "A", "properties": {f"t{i}": i for i in range(301)}}, "bad_request"),
    ({"type": "track", "userId": "u", "event": "A", "timestamp": "0000-01-01T00:00:00Z"}, "bad_request"),
    ({"type": "track", "userId": "u", "event": "A", "timestamp": 5}, "bad_request"),
    ({"type": "track", "userId": "u", "event": "A", "messageId": "x" * 101}, "bad_request"),
    ({"type": "track", "userId": "u", "event": "A", "messageId": 5}, "bad_request"),
    ({"type": "track", "userId": "u", "event": "A" * 10_000}, "bad_request"),
    ({"type": "dance", "userId": "u"}, "bad_request"),
    ({"type": "track", "userId": "u", "event": "A", "context": 1}, "bad_request"),
    ({"type": "track", "userId": "null", "event": "A"}, "no_user_anon_id"),
    ("text", "bad_request"),
    (None, "bad_request"),
]


@pytest.mark.parametrize(("bad", "code"), BAD)
def test_a_bad_message_is_kept_with_its_code_and_its_neighbours_are_stored(
    source: Source, space: Space, bad: Any, code: str
) -> None:
    ingest(source, track("before", userId="u1"), bad, track("after", userId="u1"))

    assert codes(source) == [code]
    assert sorted(row.message_id for row in Event.objects.in_space(space)) == ["after", "before"]
    assert counts(source) == (3, 2, 0, 1)
    assert RejectedMessage.objects.get().detail.endswith(".")


ODD = [
    r'{"type":"track","userId":"u","event":"A","properties":{"a":"x\u0000y","\u0000":1}}',
    r'{"type":"track","userId":"u\u0000","event":"A\u0000"}',
    '{"type":"track","userId":"u","event":"A","properties":{"n":123456789012345678901234567890}}',
    '{"type":"track","userId":"u","event":"A","timestamp":"9999-12-31T23:59:59Z","sentAt":"0001-01-01T00:00:00Z"}',
    '{"type":"track","userId":"u","event":"A","properties":{"__proto__":{"a":1},"constructor":2,"$where":"x"}}',
    '{"type":"track","userId":"u","event":"' + "ü" * 500 + '","properties":{"' + "k" * 3000 + '":1}}',
    '{"type":"track","userId":"' + "\U0001f600" * 500 + '","event":"A"}',
    '{"type":"page","userId":"u","name":"' + "\U0001f600" * 3_000 + '"}',
    '{"type":"track","userId":"u","event":"A","properties":{"a":' + "[" * 90 + "]" * 90 + "}}",
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_are_stored_safely(source: Source, space: Space, odd: str) -> None:
    receive_text(source, '{"batch":[' + odd + "]}")

    process()

    assert codes(source) == []
    assert Event.objects.in_space(space).count() == 1
    assert counts(source) == (1, 1, 0, 0)


REFUSED = [
    '{"type":"track","userId":"u","event":"A","properties":{"n":1e400}}',
    '{"type":"track","userId":"u","event":"A","properties":{"n":' + "9" * 5_000 + "}}",
    '{"type":"track","userId":"u","event":"A","properties":{"a":' + "[" * 400 + "]" * 400 + "}}",
    '{"type":"track","userId":"u","event":"A","properties":{"a":"' + "x" * 33_000 + '"}}',
]


@pytest.mark.parametrize("refused", REFUSED)
def test_values_that_cannot_be_kept_are_refused_alone(source: Source, space: Space, refused: str) -> None:
    receive_text(source, '{"batch":[' + refused + ',{"type":"track","userId":"u","event":"B"}]}')

    process()

    assert codes(source) == ["bad_request"]
    assert Event.objects.in_space(space).count() == 1
    assert counts(source) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [('{"batch":[]}', "empty_batch"), ('{"batch":"x"}', "bad_request"), ("{}", "bad_request")],
)
def test_a_batch_without_calls_is_shown_in_the_debugger(source: Source, body: str, code: str) -> None:
    receive_text(source, body)

    process()

    assert codes(source) == [code]
    assert counts(source) == (1, 0, 0, 1)


def test_items_beyond_the_limit_are_rejected(source: Source, space: Space) -> None:
    ingest(source, *[{"type": "track", "userId": "u", "event": "A"}] * 2_502)

    assert counts(source) == (2_502, 2_500, 0, 2)
    assert Event.objects.in_space(space).count() == 2_500


def test_calls_of_a_disabled_source_are_rejected(source: Source, space: Space) -> None:
    ingest(source, track("m", userId="u"), refused="source_disabled")

    assert codes(source) == ["source_disabled"]
    assert counts(source) == (1, 0, 0, 1)


def test_traits_follow_the_time_of_the_call_not_of_its_arrival(source: Source, space: Space) -> None:
    ingest(source, identify("new", userId="u", timestamp="2026-04-02T00:00:00Z", traits={"plan": "pro", "old": None}))
    ingest(
        source,
        identify(
            "old", userId="u", timestamp="2026-04-01T00:00:00Z", traits={"plan": "free", "old": 1, "city": "Bonn"}
        ),
    )

    assert profile_of(space, "user_id", "u").traits == {"plan": "pro", "city": "Bonn"}


def test_null_removes_a_trait_and_a_time_without_zone_is_not_stored(source: Source, space: Space) -> None:
    ingest(source, identify("m1", userId="u", timestamp="2026-04-01T00:00:00Z", traits={"a": 1, "b": "", "c": [1]}))
    ingest(
        source,
        identify(
            "m2",
            userId="u",
            timestamp="2026-04-02T00:00:00Z",
            traits={"a": None, "at": "2026-01-01T10:00:00", "day": "2026-01-01", "utc": "2026-01-01T10:00:00Z"},
        ),
    )

    assert profile_of(space, "user_id", "u").traits == {
        "b": "",
        "c": [1],
        "day": "2026-01-01",
        "utc": "2026-01-01T10:00:00Z",
    }


def test_a_clock_that_runs_ahead_does_not_freeze_a_trait(source: Source, space: Space) -> None:
    ingest(source, identify("m1", userId="u", timestamp="2999-01-01T00:00:00Z", traits={"plan": "free"}))
    later = datetime(2026, 5, 2, tzinfo=UTC)
    ingest(source, identify("m2", userId="u", traits={"plan": "pro"}), received_at=later)

    assert profile_of(space, "user_id", "u").traits == {"plan": "pro"}


def test_traits_in_the_context_of_a_track_call_identify_but_are_not_stored(source: Source, space: Space) -> None:
    ingest(source, track("m", userId="u", context={"traits": {"email": "a@b.c", "plan": "pro"}}))

    profile = profile_of(space, "email", "a@b.c")
    assert profile.traits == {}
    assert identifiers(profile) == {("user_id", "u"), ("email", "a@b.c")}


def test_a_group_call_makes_an_account_and_links_it(source: Source, space: Space) -> None:
    group = {"type": "group", "userId": "u", "groupId": "Acme-1", "traits": {"name": "Acme", "email": "it@acme.com"}}
    ingest(source, group)
    ingest(source, group | {"userId": "v"})

    account = profile_of(space, "group_id", "acme-1", ACCOUNTS)
    assert account.traits == {"name": "Acme", "email": "it@acme.com"}
    assert account.segment_id.startswith("acc_")
    linked = set(AccountLink.objects.filter(account_id=account.id).values_list("profile_id", flat=True))
    assert linked == {profile_of(space, "user_id", "u").id, profile_of(space, "user_id", "v").id}
    assert profile_of(space, "user_id", "u").traits == {}


def test_alias_and_kept_out_calls_are_counted_and_change_nothing(source: Source, space: Space) -> None:
    ingest(
        source,
        {"type": "alias", "messageId": "m1", "userId": "new", "previousId": "old"},
        track("m2", userId="u", integrations={"Personas": False}),
        track("personas_abc", userId="u"),
    )

    assert counts(source) == (3, 3, 0, 0)
    assert Profile.objects.in_space(space).count() == 0
    assert Event.objects.in_space(space).count() == 0
    assert ChangedProfiles.objects.count() == 0


def test_what_arrives_is_offered_to_the_builders(source: Source, space: Space) -> None:
    ingest(
        source,
        track(
            "m1", userId="u", properties={"revenue": 5, "cart": {"size": 2}, "tags": ["a"], "gift": True, "no": None}
        ),
        track("m2", userId="u", properties={"revenue": 7}),
        identify("m3", userId="u", traits={"plan": "pro"}),
    )

    event = ObservedEvent.objects.get(space_id=space.pk)
    assert (event.type, event.name, event.seen) == (0, "Order Completed", 2)
    fields = {(row.scope, row.path): (row.value_type, row.samples) for row in ObservedField.objects.all()}
    assert fields == {
        ("property", "revenue"): ("number", [5, 7]),
        ("property", "cart.size"): ("number", [2]),
        ("property", "tags"): ("array", ["a"]),
        ("property", "gift"): ("boolean", [True]),
        ("trait", "plan"): ("string", ["pro"]),
    }


def test_events_of_one_person_end_in_one_profile_across_batches(source: Source, space: Space) -> None:
    ingest(source, track("m1", "A", anonymousId="a1"), track("m2", "B", userId="u1"))
    ingest(source, identify("m3", userId="u1", anonymousId="a1"))

    assert events_of(profile_of(space, "user_id", "u1")) == ["A", "B"]
    assert Profile.objects.in_space(space).count() == 1


def test_calls_that_say_personas_and_calls_that_say_engage_are_understood_alike(source: Source, space: Space) -> None:
    """F057: either name keeps a call out, and what Segment wrote under `context.personas` is stored as it came."""
    about = {"computation_class": "audience", "computation_key": "vip", "space_id": "spa_1"}
    ingest(
        source,
        track("m1", userId="u", integrations={"Personas": False}),
        track("m2", userId="u", integrations={"Engage": False}),
        track("m3", userId="u", integrations={"Personas": True, "Engage": True}),
        identify("m4", userId="u", traits={"vip": True}, context={"personas": about}),
        track("m5", userId="u", context={"personas": about}),
    )

    stored = {row.message_id: row for row in Event.objects.in_space(space)}
    assert counts(source) == (5, 5, 0, 0)
    assert set(stored) == {"m3", "m5"}
    assert json.loads(stored["m5"].context or "")["personas"] == about
    assert profile_of(space, "user_id", "u").traits["vip"] is True


def test_raw_events_reach_no_engage_destination(
    source: Source, space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    """F137: nothing is queued, and the list of destinations says so."""
    connection = make_connection(space=space, destination=make_destination(space=space))

    ingest(source, track("m1", userId="u1"), identify("m2", userId="u1", traits={"plan": "pro"}))
    page = client_for(owner).get(f"/s/{space.slug}/destinations/").content.decode()
    emit_changes(
        space=space,
        computation_id=connection.computation_id,
        changes=[Change(profile_id=profile_of(space, "user_id", "u1").id, value=True)],
        now=timezone.now(),
    )

    sent = [json.loads(one.payload) for one in Delivery.objects.in_space(space)]
    assert counts(source) == (2, 2, 0, 0)
    assert [(one["type"], one["event"]) for one in sent] == [("track", "Audience Entered")]
    assert "Raw events of your sources are not forwarded to them, unless you connect a source" in page
