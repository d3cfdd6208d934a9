"""Explain: the evidence makes the stored value, and the change that it foretells comes then and not before."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from audiences.models import ComputeStatus
from audiences.tests.strategies_conditions import NOW, profiles
from engine.conditions import Options
from engine.conditions.profile_state import EventRecord, ProfileState
from engine.traits import evaluate, parse
from engine.traits.explaining import explain, is_same
from profiles.models import Profile
from spaces.models import Role, Space, User
from tests import factories
from traits.models import Trait, TraitValue
from traits.selectors.explaining import explain_value
from traits.services.compute import recheck_block
from traits.services.traits import set_enabled
from traits.tests.building import ORDERS, REVENUE, make_trait, order, run_backfill
from traits.tests.predicting import make_history, make_model, make_prediction, person_at, run_predictions
from traits.tests.strategies_traits import traits
from traits.tests.warehouses import fill_file, make_duckdb, make_sql_trait, run_queries

CASES = int(os.environ.get("ENGAGE_HYPOTHESIS_CASES", "150"))
WEEK = {"event": "Order Completed", "window": {"within": {"days": 7}}}
KINDS: list[tuple[dict[str, Any], Any]] = [
    (ORDERS, 4),
    (REVENUE, 62.5),
    (REVENUE | {"aggregate": "avg"}, 15.625),
    (REVENUE | {"aggregate": "min"}, 2.5),
    (REVENUE | {"aggregate": "max"}, 30),
    ({**ORDERS, "kind": "most_frequent", "property": "category"}, "shoes"),
    ({**ORDERS, "kind": "first", "property": "category"}, "shoes"),
    ({**ORDERS, "kind": "last", "property": "category"}, "bags"),
    ({**ORDERS, "kind": "unique_list", "property": "category"}, ["bags", "hats", "shoes"]),
    ({**ORDERS, "kind": "unique_list_count", "property": "category"}, 3),
]


@pytest.fixture
def buyer(space: Space) -> Profile:
    """Four orders, 9, 5, 3 and 1 days ago."""
    profile = factories.make_profile(space=space, ids={"email": "bea@acme.example", "user_id": "bea"})
    bought = [(9, "shoes", 10), (5, "shoes", 20), (3, "hats", 30), (1, "bags", 2.5)]
    for days, category, revenue in bought:
        order(profile, ts=timezone.now() - timedelta(days=days), properties={"category": category, "revenue": revenue})
    return profile


def stored(trait: Trait, profile: Profile) -> TraitValue:
    found: TraitValue = TraitValue.objects.get(trait_id=trait.pk, profile_id=profile.id)
    return found


def test_events_are_told_apart_whatever_their_ids_are():
    alone = {"event": "A", "then": {"event": "A", "performed": False, "within": {"minutes": 1}}}
    trait = parse({"version": 1, "collection": "users", "kind": "event_counter", "event": alone})
    moments = [NOW - timedelta(seconds=30), NOW - timedelta(hours=1)]
    common: dict[str, Any] = {"id": "", "type": "track", "name": "A", "properties": {}}
    events = [EventRecord(**common, timestamp=moment, received_at=moment) for moment in moments]

    found = explain(trait, ProfileState(events=events), NOW)

    assert found.value == 1
    assert [one.at for one in found.counted] == [NOW - timedelta(hours=1)]
    assert [one.at for one in found.left_out] == [NOW - timedelta(seconds=30)]


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(traits(), profiles, st.sampled_from([None, NOW - timedelta(hours=1)]))
def test_what_counts_and_the_next_change_are_those_of_evaluation(definition, state, since):
    trait, options = parse(definition), Options(historical_from=since)

    found = explain(trait, state, NOW, options)

    valuation = evaluate(trait, state, NOW, options)
    assert is_same(found.value, valuation.value)
    assert len(found.counted) == valuation.facts["count"]
    named = [one for one in state.events if one.type == trait.event.type and trait.event.name in {None, one.name}]
    assert len(found.counted) + len(found.left_out) == len(named)
    assert all(one.why for one in found.left_out)
    if found.changes_at is not None:
        before = evaluate(trait, state, found.changes_at - timedelta(microseconds=1), options)
        after = evaluate(trait, state, found.changes_at, options)
        assert is_same(before.value, found.value)
        assert is_same(after.value, found.becomes)
        assert not is_same(after.value, found.value)


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(traits(), profiles)
def test_without_a_foretold_change_the_value_stays(definition, state):
    trait = parse(definition)
    found = explain(trait, state, NOW)

    end = found.changes_at or NOW + timedelta(days=900)
    hours = [NOW + timedelta(hours=7 * step) for step in range(1, 60)]
    days = [NOW + timedelta(days=13 * step) for step in range(1, 60)]

    between = [instant for instant in (*hours, *days) if instant < end]
    assert all(is_same(evaluate(trait, state, instant).value, found.value) for instant in between)


@pytest.mark.parametrize(("definition", "value"), KINDS)
def test_the_explained_value_is_the_stored_one(space: Space, buyer: Profile, definition: Any, value: Any) -> None:
    """W050: for each kind of value; the events are there with what each brought."""
    trait = make_trait(space=space, definition=definition)

    found = explain_value(trait=trait, profile=buyer, shows_pii=True)

    assert (found.value, found.stored, found.differs) == (value, value, False)
    assert found.events is not None
    assert found.events.counted_total == 4
    assert (found.changes_at, found.caveat) == (None, "")
    assert found.since == stored(trait, buyer).changed_at


def test_events_are_named_with_times_values_and_the_end_of_their_time(space: Space, buyer: Profile) -> None:
    trait = make_trait(space=space, definition={**REVENUE, "event": WEEK})

    found = explain_value(trait=trait, profile=buyer, shows_pii=True).events

    assert found is not None
    assert [event.value for event in found.counted] == [2.5, 30, 20]
    assert all(event.until == event.at + timedelta(days=7) for event in found.counted)
    assert found.found == "The sum of 3 values of “revenue”"
    assert found.window is not None
    assert [(event.why, event.value) for event in found.left_out] == [("Has left the window", 10)]
    assert [(check.sentence, check.passed, check.of) for check in found.checks] == [("Within the last 7 days", 3, 4)]


def test_each_condition_says_how_many_events_pass_it(space: Space, buyer: Profile) -> None:
    factories.make_event(profile=buyer, name="Refunded", ts=timezone.now() - timedelta(days=3) + timedelta(hours=1))
    event = {
        "event": "Order Completed",
        "properties": [{"property": "revenue", "greater_than": 5}],
        "window": {"within": {"days": 7}},
        "then": {"event": "Refunded", "performed": False, "within": {"days": 1}},
    }
    trait = make_trait(space=space, definition={**ORDERS, "event": event})

    found = explain_value(trait=trait, profile=buyer, shows_pii=True)

    assert found.events is not None
    assert [(check.passed, check.of) for check in found.events.checks] == [(3, 4), (2, 3), (1, 2)]
    assert {one.why for one in found.events.left_out} == {
        "Not so: “revenue” is greater than 5",
        "Has left the window",
        "Was followed by it",
    }
    assert found.value == stored(trait, buyer).value == 1


def test_the_events_that_decide_are_marked_and_come_first(space: Space, buyer: Profile) -> None:
    trait = make_trait(space=space, definition=REVENUE | {"aggregate": "max"})

    found = explain_value(trait=trait, profile=buyer, shows_pii=True).events

    assert found is not None
    assert [(event.value, event.is_decisive) for event in found.counted][:2] == [(30, True), (2.5, False)]


def test_the_foretold_change_comes_at_its_instant(space: Space, buyer: Profile) -> None:
    """The stored value is the old one just before, and the foretold one at the instant; no event came."""
    trait = make_trait(space=space, definition={**REVENUE, "event": WEEK})
    found = explain_value(trait=trait, profile=buyer, shows_pii=True)
    assert found.changes_at is not None

    with time_machine.travel(found.changes_at - timedelta(seconds=1), tick=False):
        early = (recheck_block(space=space), stored(trait, buyer).value)
    with time_machine.travel(found.changes_at, tick=False):
        late = (recheck_block(space=space), stored(trait, buyer).value)

    assert early == (0, found.value) == (0, 52.5)
    assert late == (1, found.becomes) == (1, 32.5)


def test_a_profile_without_a_value_is_told_why(space: Space) -> None:
    nobody = factories.make_profile(space=space)
    odd = factories.make_profile(space=space)
    order(odd, revenue="a lot")
    trait = make_trait(space=space)

    none, text = (explain_value(trait=trait, profile=each, shows_pii=True) for each in (nobody, odd))

    assert none.events is not None
    assert (none.value, none.stored, none.events.found) == (None, None, "No event counts, so there is no value")
    assert text.events is not None
    assert text.events.counted[0].note == "“revenue” is no number"
    assert text.value is None


def test_events_of_before_count_where_history_is_left_out_and_it_says_so(space: Space, buyer: Profile) -> None:
    trait = make_trait(space=space, include_historical=False)

    found = explain_value(trait=trait, profile=buyer, shows_pii=True)

    assert found.value is None
    assert found.events is not None
    assert {one.why for one in found.events.left_out} == {"Received before the trait was created"}


def test_accounts_are_explained_by_the_events_of_their_users(space: Space, buyer: Profile) -> None:
    """F067: who did each event is named."""
    other = factories.make_profile(space=space, traits={"name": "Ida Idle"})
    order(other, revenue=7, ts=timezone.now() - timedelta(hours=2))
    account = factories.make_account(space=space, users=[buyer, other])
    trait = make_trait(space=space, definition=REVENUE | {"collection": "accounts"})

    found = explain_value(trait=trait, profile=account, shows_pii=True)

    assert found.value == stored(trait, account).value == 69.5
    assert found.events is not None
    assert {event.owner for event in found.events.counted} == {buyer.segment_id, other.segment_id}
    assert "Ida Idle" in {event.who for event in found.events.counted}


def test_a_value_that_is_behind_says_why(space: Space, buyer: Profile) -> None:
    trait = make_trait(space=space, definition=ORDERS)
    set_enabled(trait=trait, is_enabled=False, changed_by=None)
    order(buyer)
    trait.refresh_from_db()

    found = explain_value(trait=trait, profile=buyer, shows_pii=True)

    assert (found.value, found.stored, found.differs) == (5, 4, True)
    assert "the trait is disabled" in found.caveat


def test_many_events_are_shown_in_part_and_counted_whole(space: Space) -> None:
    profile = factories.make_profile(space=space)
    for minutes in range(25):
        order(profile, ts=timezone.now() - timedelta(minutes=minutes))
    trait = make_trait(space=space, definition=ORDERS)

    found = explain_value(trait=trait, profile=profile, shows_pii=True)

    assert found.events is not None
    assert (len(found.events.counted), found.events.counted_beyond, found.value) == (20, 5, 25)


@pytest.fixture
def rows_of_people(space: Space, tmp_path: Path, settings: Any) -> Path:
    settings.ENGAGE_WAREHOUSE_FOLDERS = [str(tmp_path)]
    path = tmp_path / "warehouse.duckdb"
    fill_file(path, [("bea", "gold", 120.5)])
    return path


def test_a_row_is_explained_by_its_run_and_identifier(space: Space, buyer: Profile, rows_of_people: Path) -> None:
    other = factories.make_profile(space=space, ids={"email": "ida@acme.example"})
    absent = factories.make_profile(space=space, ids={"user_id": "nobody"})
    trait = make_sql_trait(source=make_duckdb(space=space, path=rows_of_people))
    run = run_queries()[0]
    trait.refresh_from_db()

    found, unnamed, gone = (explain_value(trait=trait, profile=each, shows_pii=True) for each in (buyer, other, absent))
    hidden = explain_value(trait=trait, profile=buyer, shows_pii=False)

    assert found.value == found.stored == stored(trait, buyer).value == {"plan": "gold", "ltv": 120.5}
    assert found.row is not None
    assert found.row.wrote is not None
    assert found.row.last is not None
    assert (found.row.wrote.run.pk, found.row.last.run.pk, found.row.identifiers) == (run.pk, run.pk, ["bea"])
    assert found.row.found.startswith("The last run returned a row for this profile")
    assert found.next_run_at is not None
    assert unnamed.row is not None
    assert unnamed.row.found == "The profile has no user_id, and rows are found by it."
    assert gone.row is not None
    assert gone.row.found == "The last run returned no row for this profile, so there is no value."
    assert hidden.value == {"plan": "••••", "ltv": "••••"}


def test_a_score_is_explained_by_its_run_and_figures(space: Space) -> None:
    """W057: the figures of the person as of the run, and the probability that the model makes of them."""
    now = timezone.now()
    make_history(space=space, people=30, days=40)
    trait = make_prediction(space=space)
    make_model(trait)
    person = person_at(space, orders_ago=[3, 20], now=now)
    stranger = factories.make_profile(space=space)
    run = run_predictions()
    trait.refresh_from_db()

    found, none = (explain_value(trait=trait, profile=each, shows_pii=True) for each in (person, stranger))

    assert run is not None
    assert found.score is not None
    assert found.value == found.stored == stored(trait, person).value
    assert found.score.run_id == run.pk
    assert found.score.probability is not None
    assert round(found.score.probability, 2) == found.value
    topics = {topic.words: [figure.value for figure in topic.figures] for topic in found.score.topics}
    assert topics["How often “Order Completed”"] == [1, 2, 2, 2]
    assert topics["Days since the last “Order Completed”"][0] == pytest.approx(3, abs=0.01)
    assert found.next_run_at is not None
    assert none.score is not None
    assert (none.value, none.stored, none.caveat) == (None, None, "")
    assert "has no score" in none.score.found


def test_before_anybody_is_scored_it_says_so(space: Space, buyer: Profile) -> None:
    trait = make_prediction(space=space)

    found = explain_value(trait=trait, profile=buyer, shows_pii=True)

    assert found.score is not None
    assert found.score.found.startswith("Nobody has been scored yet")
    assert found.value is None


def test_the_page_the_sheet_and_the_api_tell_the_same(
    space: Space, owner: User, buyer: Profile, client_for: Callable[[User], Client], api_for: Callable[..., APIClient]
) -> None:
    trait = make_trait(space=space, definition={**REVENUE, "event": WEEK})
    url = f"/s/{space.slug}/traits/{trait.public_id}/explain/"
    client, api = client_for(owner), f"/api/v1/spaces/{space.slug}/traits/{trait.public_id}/explain/"

    empty, page, nobody = client.get(url), client.get(url, {"q": "bea@"}), client.get(url, {"q": "zoe"})
    sheet = client.get(url, {"profile": buyer.segment_id}, headers={"HX-Request": "true", "HX-Target": "sheet"})
    answer = api_for(owner, space).get(api, {"profile": "email:bea@acme.example"}).json()
    missing = api_for(owner, space).get(api)

    assert "Where does a value come from?" in empty.content.decode()
    assert 'data-test="explain.nobody"' in nobody.content.decode()
    for shown in (page, sheet):
        assert "52.5" in shown.content.decode()
        assert shown.content.decode().count('data-test="explain.event"') == 3
        assert "The sum of 3 values of “revenue”." in shown.content.decode()
    assert "<html" not in sheet.content.decode()
    assert (answer["profile"], answer["value"], answer["stored"]) == (buyer.segment_id, 52.5, 52.5)
    assert [event["value"] for event in answer["events"]["events"]] == [2.5, 30, 20]
    assert answer["becomes"] == 32.5
    assert answer["changes_at"] is not None
    assert answer["events"]["left_out_events"][0]["left_out_because"] == "Has left the window"
    assert (missing.status_code, missing.json()["errors"][0]["path"]) == (400, "/profile")


def test_profile_and_values_lead_to_the_explanation(
    space: Space, owner: User, buyer: Profile, client_for: Callable[[User], Client]
) -> None:
    trait = make_trait(space=space)
    link = f"/s/{space.slug}/traits/{trait.public_id}/explain/?profile={buyer.segment_id}"

    profile = client_for(owner).get(f"/s/{space.slug}/traits/of-profile/{buyer.segment_id}/")
    values = client_for(owner).get(f"/s/{space.slug}/traits/{trait.public_id}/values/")

    assert link in profile.content.decode()
    assert link in values.content.decode()


def test_personal_values_are_masked_without_the_right(
    space: Space, client_for: Callable[[User], Client], api_for: Callable[..., APIClient]
) -> None:
    """W094: neither the value nor those of its events."""
    member = factories.make_member(workspace=space.workspace, role=Role.USER, has_pii_access=False)
    profile = factories.make_profile(space=space, ids={"user_id": "bea"})
    order(profile, properties={"email": "bea@acme.example"}, ts=timezone.now() - timedelta(hours=1))
    trait = make_trait(space=space, definition={**ORDERS, "kind": "last", "property": "email"})
    url = f"/s/{space.slug}/traits/{trait.public_id}/explain/"

    page = client_for(member.user).get(url, {"profile": profile.segment_id}).content.decode()
    answer = api_for(member.user, space).get(f"/api/v1{url.replace('/s/', '/spaces/')}", {"profile": "user_id:bea"})

    assert "bea@acme.example" not in page
    assert "b••••@acme.example" in page
    assert "bea@acme.example" not in answer.content.decode()
    assert answer.json()["value"] == "b••••@acme.example"


def test_outsiders_and_other_collections_find_nothing(
    space: Space, owner: User, outsider: User, buyer: Profile, api_for: Callable[..., APIClient]
) -> None:
    trait = make_trait(space=space, definition=REVENUE | {"collection": "accounts"})
    url = f"/api/v1/spaces/{space.slug}/traits/{trait.public_id}/explain/?profile={buyer.segment_id}"

    assert api_for(owner, space).get(url).status_code == 404
    assert api_for(outsider).get(url).status_code == 404


def test_while_a_new_definition_is_computed_it_says_so(space: Space, buyer: Profile) -> None:
    trait = make_trait(space=space, definition=ORDERS)
    Trait.objects.filter(pk=trait.pk).update(status=ComputeStatus.COMPUTING)
    order(buyer)
    trait.refresh_from_db()

    behind = explain_value(trait=trait, profile=buyer, shows_pii=True)
    run_backfill()

    assert behind.differs
    assert "the trait is Computing" in behind.caveat
