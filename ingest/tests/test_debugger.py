from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.test.utils import override_settings

from ingest import received
from ingest.models import InboundLog
from ingest.received import Incoming, Received, find_received, newer_than, newest_id, received_page
from ingest.tests.inbound_rows import counts, identify, ingest, receive, receive_text, track
from ingest.tests.inbound_rows import process as process_all
from spaces.models import Source, Space, User
from tests.factories import make_source, make_space

Browser = Callable[[User], Client]


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space, name="Website")


def everything(space: Space, **fields: object) -> list[Received]:
    """All messages that pass, page by page."""
    wanted = Incoming(space=space, **fields)  # type: ignore[arg-type]
    found: list[Received] = []
    after = ""
    for _ in range(50):
        page = received_page(wanted, after=after, size=3)
        found += page.rows
        if page.after is None:
            return found
        after = page.after
    raise AssertionError("the pages do not end")


def test_every_message_is_shown_with_what_became_of_it(space: Space, source: Source) -> None:
    """W001, W003, W023: stored, duplicate and rejected messages are visible, newest first; they add up."""
    ingest(source, identify("m1", userId="u1", traits={"plan": "pro"}), track("m2", userId="u1"))
    ingest(source, track("m2", userId="u1"), {"type": "track", "userId": "u1"}, {"type": "page", "messageId": "m4"})
    ingest(source, {"type": "alias", "messageId": "m5", "previousId": "a", "userId": "u1"})

    found = everything(space)

    assert [(one.message_id, one.kind, one.status, one.code) for one in found] == [
        ("m5", "alias", "stored", ""),
        ("m4", "page", "rejected", "no_user_anon_id"),
        (None, "track", "rejected", "event_not_defined"),
        ("m2", "track", "duplicate", "duplicate"),
        ("m2", "track", "stored", ""),
        ("m1", "identify", "stored", ""),
    ]
    by_status = [sum(one.status == status for one in found) for status in received.STATUSES]
    assert counts(source) == (6, *by_status)


def test_a_message_without_an_id_shows_the_one_it_was_given(space: Space, source: Source) -> None:
    ingest(source, {"type": "track", "event": "Ping", "userId": "u1"})

    [one] = everything(space)

    assert one.message_id is not None
    assert len(one.message_id) == 36


def test_a_request_that_is_no_json_is_shown_as_it_came(space: Space, source: Source) -> None:
    receive_text(source, "not json at all")
    process_all()

    [one] = everything(space)

    assert (one.status, one.code, one.text, one.event) == ("rejected", "bad_request", "not json at all", {})


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({"kind": "identify"}, ["m1"]),
        ({"name": "Order Completed"}, ["m2"]),
        ({"user": "ann@example.com"}, ["m1"]),
        ({"user": "u2"}, ["m3", "m2"]),
        ({"text": "SKU-7"}, ["m2"]),
        ({"text": "ünïcode"}, ["m3"]),
        ({"status": "duplicate"}, ["m1"]),
        ({"text": "nowhere"}, []),
    ],
)
def test_filters_look_through_everything_that_is_kept(
    space: Space, source: Source, fields: dict[str, str], ids: list[str]
) -> None:
    """W023: search over the raw payload, filters by type, name, user and status."""
    ingest(source, identify("m1", userId="u1", traits={"email": "ann@example.com"}))
    ingest(
        source,
        track("m2", userId="u2", properties={"sku": "sku-7"}),
        track("m3", "Viewed", userId="u2", properties={"note": "Ünïcode"}),
    )
    if "status" in fields:
        ingest(source, identify("m1", userId="u1"))

    assert [one.message_id for one in everything(space, **fields)] == ids


def test_another_space_sees_nothing(space: Space, source: Source) -> None:
    other_space = make_space(workspace=space.workspace)
    ingest(source, track("m1", userId="u1"))

    [one] = everything(space)

    assert everything(other_space) == []
    assert find_received(other_space, one.id) is None


def test_newer_messages_are_counted_from_the_newest_request(space: Space, source: Source) -> None:
    ingest(source, track("m1", userId="u1"))
    seen = newest_id(space)
    ingest(source, track("m2", userId="u1"), track("m3", userId="u1"))

    fresh, count, newest = newer_than(Incoming(space=space), seen)

    assert ([one.message_id for one in fresh], count) == (["m3", "m2"], 2)
    assert newest == newest_id(space) > seen
    assert newer_than(Incoming(space=space), newest) == ([], 0, newest)


def test_a_long_search_stops_and_goes_on(space: Space, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(received, "FIRST_BLOCK", 2)
    monkeypatch.setattr(received, "BLOCK", 2)
    ingest(source, track("m1", "Rare", userId="u1"))
    for number in range(5):
        ingest(source, track(f"x{number}", userId="u1"))

    first = received_page(Incoming(space=space, name="Rare"))

    assert (first.rows, first.is_cut) == ([], True)
    assert [one.message_id for one in everything(space, name="Rare")] == ["m1"]


@override_settings(ENGAGE_DEBUGGER_RETENTION_DAYS=0)
def test_nothing_is_kept_when_nothing_is_to_be_kept(space: Space, source: Source) -> None:
    ingest(source, track("m1", userId="u1"))

    assert InboundLog.objects.count() == 0


def test_a_refused_request_says_why(space: Space, source: Source) -> None:
    receive(source, track("m1", userId="u1"), refused="source_disabled")
    process_all()

    [one] = everything(space)

    assert (one.status, one.code) == ("rejected", "source_disabled")


def test_pages_show_pretty_raw_violations_and_the_way(
    space: Space, source: Source, owner: User, client_for: Browser
) -> None:
    """W023: Pretty re-creates the API call, Raw is the full JSON."""
    ingest(source, track("m1", userId="u1", properties={"total": 3}), {"type": "track", "userId": "u1"})
    rejected, stored = everything(space)
    browser = client_for(owner)
    where = f"/s/{space.slug}/settings/debugger/incoming/"

    page = browser.get(where, {"message": stored.id})
    raw = browser.get(f"{where}{stored.id}/?tab=raw", headers={"HX-Request": "true"})
    violations = browser.get(f"{where}{rejected.id}/?tab=violations")
    way = browser.get(f"{where}{stored.id}/?tab=where")

    assert "analytics.track({" in page.context["code"]
    assert page.content.decode().count('data-test="debugger.row"') == 2
    assert "<html" not in raw.content.decode()
    assert "originalTimestamp" not in str(raw.context["event"])
    assert [one["code"] for one in violations.context["violations"]] == ["event_not_defined"]
    assert way.context["profile"] is not None
    assert browser.get(f"{where}999999.0/").status_code == 404
    assert browser.get(f"{where}nonsense/").status_code == 404


def test_live_answers_say_how_many_are_new(space: Space, source: Source, owner: User, client_for: Browser) -> None:
    ingest(source, track("m1", userId="u1"))
    seen = newest_id(space)
    ingest(source, track("m2", userId="u1"))

    answer = client_for(owner).get(f"/s/{space.slug}/settings/debugger/incoming/new/", {"since": seen})

    assert (answer["X-Count"], answer["X-Newest"]) == ("1", str(newest_id(space)))
    assert answer.content.decode().count('data-test="debugger.row"') == 1


def test_without_the_right_personal_data_is_masked(
    space: Space, source: Source, owner: User, client_for: Browser
) -> None:
    ingest(source, identify("m1", userId="u1", traits={"email": "ann@example.com"}))
    owner.memberships.update(has_pii_access=False)

    page = client_for(owner).get(f"/s/{space.slug}/settings/debugger/incoming/", {"message": everything(space)[0].id})

    assert "ann@example.com" not in page.content.decode()
