from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from common.errors import InvalidError
from delivery.tests.builders import make_destination
from destinations.models import EventTest
from journeys.models import Journey, JourneyVersion
from journeys.services.drafts import create_journey
from journeys.services.testing import TestResult, test_person
from journeys.services.testing_requests import read_request
from journeys.tests.definitions import ORDERED, journey, on, step
from spaces.models import Space, User
from tests.factories import NOW, make_event, make_profile

DAY = timedelta(days=1)
SIGNED_UP = {"offset": 0, "event": "Signed Up"}


@pytest.fixture
def version(space: Space, owner: User) -> JourneyVersion:
    """Wait an hour, then those with two orders are sent to a webhook."""
    connections = [{"destination": make_destination(space=space).public_id, "send_identify": True, "send_track": True}]
    definition = journey(
        step("wait", "delay", "entry", duration={"hours": 1}),
        step("bought", "true_false", "wait", name="Bought?", condition=ORDERED, true_name="Yes", false_name="No"),
        step("thanks", "send_to_destinations", on("bought", "true"), name="Thanks", connections=connections),
    )
    return create_journey(space=space, name="First purchase", definition=definition, created_by=owner)


def run(version: JourneyVersion, **body: Any) -> TestResult:
    tested_by = body.pop("tested_by", None)
    return test_person(
        space=version.journey.space,
        journey=version.journey,
        definition=version.definition,
        request=read_request(body),
        now=NOW,
        tested_by=tested_by,
    )


def orders(*hours: float) -> list[dict[str, Any]]:
    return [{"offset": int(hour * 3600), "event": "Order Completed"} for hour in hours]


def everything() -> dict[str, list[Any]]:
    """Every row of every table."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t ORDER BY 1')
            found[table] = cursor.fetchall()
    return found


def test_a_generated_person_walks_through_the_whole_journey(version: JourneyVersion) -> None:
    result = run(version, traits={}, events=[SIGNED_UP, *orders(0.25, 0.5)]).as_json()

    assert (result["entered"], result["completed"]) == (True, True)
    [passed] = result["runs"]
    stays = {stay["step"]: stay for stay in passed["steps"]}
    assert stays["wait"]["left_at"] == stays["bought"]["arrived_at"] == "2026-03-15T13:00:00Z"
    assert stays["bought"]["branch"] == "true"
    sent = [entry for entry in result["trace"] if entry["kind"] == "sent"]
    assert [(entry["step"], entry["offset"]) for entry in sent] == [("thanks", 3600)]


def test_each_decision_has_its_evidence(version: JourneyVersion) -> None:
    result = run(version, events=[SIGNED_UP, *orders(0.5)]).as_json()

    [decided] = [entry for entry in result["trace"] if entry["kind"] == "branch"]
    assert decided["branch"] == "false"
    assert decided["evidence"]["facts"]["count"] == 1
    assert decided["evidence"]["facts"]["events"][0]["id"] == "test-2"


def test_calls_are_built_as_deliveries_are(version: JourneyVersion) -> None:
    result = run(version, events=[SIGNED_UP, *orders(0.25, 0.5)], identifiers={"email": "ann@example.org"})

    [calls] = result.calls.values()
    assert [(call.call.kind, call.call.outcome) for call in calls] == [("identify", "built"), ("track", "built")]
    payload = calls[1].call.payload
    assert payload is not None
    key = version.journey.steps.get(step_id="thanks").key
    assert (payload["event"], payload["properties"]) == ("Audience Entered", {"audience_key": key, key: True})
    assert payload["context"]["traits"] == {"email": "ann@example.org"}
    assert payload["timestamp"] == "2026-03-15T13:00:00.000Z"
    [request] = calls[1].call.requests
    assert (request["method"], request["url"]) == ("POST", "http://127.0.0.1:9/in")
    assert json.loads(request["body"])["event"] == "Audience Entered"


def test_a_test_changes_nothing(version: JourneyVersion, space: Space) -> None:
    profile = make_profile(space=space, traits={"plan": "pro"})
    make_event(profile=profile, name="Signed Up", ts=NOW - DAY)
    before = everything()

    run(version, profile=profile.segment_id, events=[SIGNED_UP, *orders(0.25, 0.5)])

    assert everything() == before


def test_a_stored_profile_brings_its_past(version: JourneyVersion, space: Space) -> None:
    profile = make_profile(space=space, ids={"user_id": "U-1", "email": "ann@example.org"})
    make_event(profile=profile, name="Signed Up", ts=NOW - DAY)
    definition = {**version.definition, "entry": {**version.definition["entry"], "use_historical": True}}
    version.definition = definition

    found = [run(version, profile=text).as_json() for text in ("u-1", "ann@example.org", profile.segment_id)]

    assert [result["profile"] for result in found] == [profile.segment_id] * 3
    assert all(result["entered"] for result in found)


def test_events_before_the_start_do_not_count_without_history(version: JourneyVersion, space: Space) -> None:
    profile = make_profile(space=space)
    make_event(profile=profile, name="Signed Up", ts=NOW - DAY)

    result = run(version, profile=profile.segment_id).as_json()

    assert (result["entered"], result["runs"]) == (False, [])
    assert result["trace"][0]["kind"] == "not_entered"


def test_half_a_year_takes_less_than_two_seconds(space: Space, owner: User) -> None:
    delays = [
        step(f"d{number}", "delay", f"d{number - 1}" if number else "entry", duration={"days": 2})
        for number in range(90)
    ]
    definition = journey(*delays, step("end", "send_to_destinations", "d89", name="End", connections=[]))
    version = create_journey(space=space, name="Long", definition=definition, created_by=owner)

    started = time.process_time()
    result = run(version, events=[SIGNED_UP, *({"offset": {"days": n}, "event": "Opened"} for n in range(180))])
    spent = time.process_time() - started

    assert result.runs[0].completed_at == NOW + 180 * DAY
    assert spent < 2


def test_traits_are_written_on_the_way(space: Space, owner: User) -> None:
    pro = {"version": 1, "collection": "users", "where": {"trait": "plan", "equals": "pro"}}
    definition = journey(step("pro", "condition", "entry", name="Is pro", condition=pro))
    version = create_journey(space=space, name="Upgrade", definition=definition, created_by=owner)

    result = run(version, events=[SIGNED_UP, {"offset": {"days": 3}, "traits": {"plan": "pro"}}])

    assert result.runs[0].positions["pro"].joined_at == NOW + 3 * DAY


def test_really_send_goes_through_the_event_tester(version: JourneyVersion, owner: User) -> None:
    result = run(version, events=[SIGNED_UP, *orders(0.25, 0.5)], send=True, tested_by=owner)

    [calls] = result.calls.values()
    kept = EventTest.objects.order_by("id")
    assert [test.event["type"] for test in kept] == ["identify", "track"]
    assert all(test.event["messageId"].startswith("segment-test-message-") for test in kept)
    assert [call.answer["outcome"] for call in calls if call.answer] == ["failed", "failed"]


def test_without_asking_nothing_is_sent(version: JourneyVersion, owner: User) -> None:
    result = run(version, events=[SIGNED_UP, *orders(0.25, 0.5)], tested_by=owner)

    assert [call.answer for calls in result.calls.values() for call in calls] == [None, None]
    assert not EventTest.objects.exists()


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ([], [""]),
        ({"profile": 3}, ["/profile"]),
        ({"profile": "x", "traits": {"a": 1}}, ["/traits"]),
        ({"events": {}}, ["/events"]),
        ({"events": [{"offset": -1, "event": "A"}]}, ["/events/0/offset"]),
        ({"events": [{"offset": {"days": 1, "hours": 2}, "event": "A"}]}, ["/events/0/offset"]),
        ({"events": [{"offset": {"days": 99_999}, "event": "A"}]}, ["/events/0/offset"]),
        ({"events": [{"offset": 0}]}, ["/events/0/event"]),
        ({"events": [{"offset": 0, "type": "identify"}]}, ["/events/0/traits"]),
        ({"events": [{"offset": True, "event": "A", "x": 1}]}, ["/events/0/x", "/events/0/offset"]),
        ({"events": [{"offset": 0, "event": "A", "properties": []}]}, ["/events/0/properties"]),
        ({"events": [{"offset": 0, "event": "A\x00"}]}, ["/events/0/event", "/events/0/event"]),
        ({"traits": {"a": float("nan")}}, ["/traits"]),
        ({"identifiers": {"email": 1}}, ["/identifiers/email"]),
        ({"days": 0, "from": "yesterday", "send": "yes"}, ["/from", "/days", "/send"]),
    ],
)
def test_bad_requests_are_answered_with_all_problems(body: Any, paths: list[str]) -> None:
    with pytest.raises(InvalidError) as caught:
        read_request(body)

    assert sorted(error.path for error in caught.value.errors) == sorted(paths)


def test_an_unknown_profile_is_refused(version: JourneyVersion) -> None:
    with pytest.raises(InvalidError) as caught:
        run(version, profile="nobody@example.org")

    assert [error.path for error in caught.value.errors] == ["/profile"]


def test_a_journey_without_entry_condition_cannot_be_tested(version: JourneyVersion) -> None:
    version.definition["entry"]["condition"] = None

    with pytest.raises(InvalidError) as caught:
        run(version)

    assert caught.value.errors[0].code == "condition_required"


def url(version: JourneyVersion, page: str = "test/") -> str:
    found: Journey = version.journey
    return f"/s/{found.space.slug}/journeys/{found.public_id}/{page}"


def form(**changes: str) -> dict[str, str]:
    rows = {
        "event.0.offset": "0", "event.0.unit": "hours", "event.0.kind": "track", "event.0.name": "Signed Up",
        "event.1.offset": "10", "event.1.unit": "minutes", "event.1.kind": "track", "event.1.name": "Order Completed",
        "event.2.offset": "20", "event.2.unit": "minutes", "event.2.kind": "track", "event.2.name": "Order Completed",
    }  # fmt: skip
    return {"who": "generated", "user_id": "ann", "email": "ann@example.org", "days": "30"} | rows | changes


def test_the_page_begins_with_events_that_make_the_person_enter(
    version: JourneyVersion, owner: User, client_for: Callable[[User], Client]
) -> None:
    page = client_for(owner).get(url(version)).content.decode()

    assert 'name="event.0.name"' in page
    assert 'value="Signed Up"' in page


def test_the_page_shows_path_decisions_and_payloads(
    version: JourneyVersion, owner: User, client_for: Callable[[User], Client]
) -> None:
    answer = client_for(owner).post(url(version), form())
    page = answer.content.decode()

    assert answer.status_code == 200
    assert "Completed 1 h after the start." in page
    assert page.count('data-test="test.call"') == 2
    assert "is-lit" in page
    assert "Arrived +0, left +1 h" in page
    assert "Wait 1 hour. <span" in page
    assert "Left “" not in page
    assert "No destination is connected" not in page


def test_a_step_without_destination_says_that_nothing_would_go_out(
    space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    definition = journey(step("thanks", "send_to_destinations", "entry", name="Thanks", connections=[]))
    version = create_journey(space=space, name="Silent", definition=definition, created_by=owner)

    page = client_for(owner).post(url(version), form()).content.decode()

    assert "No destination is connected to this step: nothing would go out." in page
    assert "0 calls, none sent" in page


def test_the_form_works_without_script(
    version: JourneyVersion, owner: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(owner)

    added = client.post(url(version), form(add="1")).content.decode()
    removed = client.post(url(version), form(remove="0")).content.decode()
    refused = client.post(url(version), form(**{"event.1.offset": "soon", "event.2.details": "{"}))

    assert 'name="event.3.offset"' in added
    assert 'value="Signed Up"' not in removed
    assert refused.status_code == 422
    assert "Give a whole number, 0 or more." in refused.content.decode()


def test_without_the_right_to_personal_data_payloads_are_masked(
    version: JourneyVersion, owner: User, client_for: Callable[[User], Client]
) -> None:
    owner.memberships.update(has_pii_access=False)

    page = client_for(owner).post(url(version), form(email="secret.person@example.org")).content.decode()

    shown = page.partition('id="test-result"')[2]
    assert "test.call" in shown
    assert "secret.person" not in shown
