"""Verdicts of whole conditions on one profile, and until when they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.conditions import EventRecord, Options, ProfileState, evaluate, parse, predict_flip

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def verdict(where, profile, now=NOW, **options):
    return evaluate(parse({"version": 1, "collection": "users", "where": where}), profile, now, Options(**options))


def event(name, ago, *, kind="track", received=None, **properties):
    timestamp = NOW - ago
    return EventRecord(
        id=f"{name}-{ago}", type=kind, name=name, timestamp=timestamp, received_at=received or timestamp,
        properties=properties,
    )  # fmt: skip


def profile(*events, **state):
    return ProfileState(events=events, **state)


@pytest.mark.parametrize(
    ("count", "found", "is_member"),
    [
        ({"gte": 2}, 2, True), ({"gte": 2}, 1, False), ({"gt": 2}, 2, False), ({"gt": 2}, 3, True),
        ({"lte": 1}, 0, True), ({"lte": 1}, 2, False), ({"lt": 1}, 0, True), ({"lt": 1}, 1, False),
        ({"eq": 0}, 0, True), ({"eq": 0}, 1, False), ({"eq": 2}, 2, True),
    ],
)  # fmt: skip
def test_counts(count, found, is_member):
    person = profile(*[event("A", HOUR * number) for number in range(found)], event("B", HOUR))

    assert verdict({"event": "A", "count": count}, person).is_member is is_member


@pytest.mark.parametrize(
    ("window", "ago", "is_member", "recheck_at"),
    [
        ({"within": {"days": 1}}, DAY, False, None),
        ({"within": {"days": 1}}, DAY - timedelta(microseconds=1), True, NOW + timedelta(microseconds=1)),
        ({"within": {"days": 1}}, timedelta(0), True, NOW + DAY),
        ({"within": {"days": 1}}, -HOUR, False, NOW + HOUR),
        ({"between": {"from": {"days": 2}, "to": {"days": 1}}}, DAY, True, NOW + DAY),
        ({"between": {"from": {"days": 2}, "to": {"days": 1}}}, HOUR, False, NOW + DAY - HOUR),
        ({"between": {"from": {"days": 2}, "to": {"days": 1}}}, 2 * DAY, False, None),
        ({"since": "2026-03-10T00:00:00Z"}, 12 * HOUR, True, None),
        ({"since": "2026-03-10T00:00:00Z"}, 13 * HOUR, False, None),
        ({"before": "2026-03-10T00:00:00Z"}, 12 * HOUR, False, None),
        ({"before": "2026-03-10T00:00:00Z"}, 13 * HOUR, True, None),
    ],
)
def test_windows_are_half_open_and_tell_when_they_change(window, ago, is_member, recheck_at):
    found = verdict({"event": "A", "window": window}, profile(event("A", ago)))

    assert (found.is_member, found.recheck_at) == (is_member, recheck_at)


def test_membership_by_count_lapses_with_the_event_that_is_one_too_few():
    person = profile(*[event("A", HOUR * number) for number in (1, 5, 9)])

    found = verdict({"event": "A", "count": {"gte": 2}, "window": {"within": {"days": 1}}}, person)

    assert found.recheck_at == NOW + DAY - 5 * HOUR


def test_an_event_of_the_future_counts_when_its_time_has_come():
    person = profile(event("A", -HOUR))

    assert verdict({"event": "A"}, person).recheck_at == NOW + HOUR
    assert verdict({"event": "A"}, person, NOW + HOUR).is_member is True


def test_a_child_that_decides_alone_hides_the_changes_of_the_others():
    where = {"all": [{"event": "A", "window": {"within": {"days": 1}}}, {"trait": "plan", "equals": "pro"}]}

    assert verdict(where, profile(event("A", HOUR), traits={"plan": "free"})).recheck_at is None
    assert verdict(where, profile(event("A", HOUR), traits={"plan": "pro"})).recheck_at == NOW + DAY - HOUR


def test_property_tests_must_hold_for_the_same_event():
    where = {
        "event": "A",
        "properties": [{"property": "item.price", "greater_than": 10}, {"property": "color", "equals": "red"}],
    }

    assert verdict(where, profile(event("A", HOUR, item={"price": 20}, color="red"))).is_member is True
    apart = profile(event("A", HOUR, item={"price": 20}), event("A", DAY, color="red"))
    assert verdict(where, apart).is_member is False


def test_a_value_may_be_the_profiles_own_trait():
    where = {"event": "A", "properties": [{"property": "city", "equals": {"trait": "address.city"}}]}
    events = event("A", HOUR, city="Ulm")

    assert verdict(where, profile(events, traits={"address": {"city": "Ulm"}})).is_member is True
    assert verdict(where, profile(events, traits={"address": {}})).is_member is False


def test_page_names_are_properties_and_any_page_counts():
    person = profile(event("Pricing", HOUR, kind="page"), event("", DAY, kind="page"))

    assert verdict({"event": None, "type": "page", "count": {"eq": 2}}, person).is_member is True
    named = {"event": None, "type": "page", "properties": [{"property": "page_name", "starts_with": "Pri"}]}
    assert verdict(named | {"count": {"eq": 1}}, person).is_member is True


FUNNEL = {"event": "Product Added", "then": {"event": "Order Completed", "within": {"hours": 1}, "properties": [
    {"property": "product_id", "equals": {"parent_property": "product_id"}}]}}  # fmt: skip


def funnel(*, performed):
    return FUNNEL | {"then": FUNNEL["then"] | {"performed": performed}}


def test_every_parent_of_a_funnel_is_a_candidate():
    bought, left = event("Product Added", 9 * HOUR, product_id=1), event("Product Added", 5 * HOUR, product_id=1)
    person = profile(bought, event("Order Completed", 8 * HOUR, product_id=1), left)

    assert verdict(funnel(performed=True), person).is_member is True
    abandoned = verdict(funnel(performed=False), person)
    assert abandoned.is_member is True
    assert abandoned.evidence.facts["events"] == [{"id": left.id, "timestamp": "2026-03-10T07:00:00Z"}]


def test_did_not_follow_holds_only_after_the_duration():
    person = profile(event("Product Added", timedelta(minutes=20), product_id=1))

    found = verdict(funnel(performed=False), person)

    assert (found.is_member, found.recheck_at) == (False, NOW + timedelta(minutes=40))
    assert verdict(funnel(performed=False), person, NOW + timedelta(minutes=40)).is_member is True


def test_another_product_does_not_complete_the_funnel():
    person = profile(event("Product Added", 5 * HOUR, product_id=1), event("Order Completed", 5 * HOUR, product_id=2))

    assert verdict(funnel(performed=True), person).is_member is False


def test_a_relative_date_in_a_property_changes_with_time():
    where = {"event": "A", "properties": [{"property": "trial_end", "within_next": {"days": 3}}]}
    person = profile(event("A", HOUR, trial_end="2026-03-14T12:00:00Z"))

    assert verdict(where, person).recheck_at == NOW + DAY
    assert verdict(where, person, NOW + DAY).recheck_at == NOW + 4 * DAY + timedelta(microseconds=1)


def test_memberships_identifiers_and_groups():
    where = {
        "any": [
            {"not": {"audience": "vip", "member": True}},
            {"all": [{"identifier": "email", "exists": True}, {"audience": "new", "member": False}]},
        ]
    }

    assert verdict(where, profile()).is_member is True
    assert verdict(where, profile(memberships=frozenset({"vip"}))).is_member is False
    with_email = profile(memberships=frozenset({"vip"}), identifiers={"email": ["a@b.c"]})
    assert verdict(where, with_email).is_member is True


def test_anonymous_profiles_belong_only_when_included():
    where = {"event": "A"}
    visitor = profile(event("A", HOUR), identifiers={"anonymous_id": ["x"]})

    assert verdict(where, visitor, include_anonymous=False).is_member is False
    assert verdict(where, visitor, include_anonymous=True).is_member is True


def test_history_counts_by_receipt_and_by_time():
    person = profile(event("A", 9 * DAY, received=NOW - HOUR))

    assert verdict({"event": "A"}, person, historical_from=NOW - DAY).is_member is True
    assert verdict({"event": "A"}, person, historical_from=NOW).is_member is False
    assert verdict({"event": "A"}, person, occurred_from=NOW - DAY).is_member is False


def test_evidence_repeats_the_tree_with_counts_and_sentences():
    where = {"all": [{"event": "A", "count": {"gte": 2}}, {"trait": "plan", "equals": "pro"}]}

    tree = verdict(where, profile(event("A", HOUR), traits={"plan": "pro"})).evidence.as_json()

    assert (tree["path"], tree["holds"]) == ("/where", False)
    first, second = tree["children"]
    assert first == {
        "path": "/where/all/0",
        "sentence": "performed “A” at least 2 times",
        "holds": False,
        "changesAt": None,
        "facts": {
            "count": 1,
            "wanted": {"gte": 2},
            "events": [{"id": "A-1:00:00", "timestamp": "2026-03-10T11:00:00Z"}],
        },
        "children": [],
    }
    assert (second["holds"], second["facts"]) == (True, {"value": "pro", "isMissing": False})


def test_the_predicted_flip_looks_past_instants_that_change_nothing():
    where = {
        "any": [{"event": "A", "window": {"within": {"days": 1}}}, {"event": "B", "window": {"within": {"days": 2}}}]
    }
    condition = parse({"version": 1, "collection": "users", "where": where})
    person = profile(event("A", HOUR), event("B", HOUR))

    assert predict_flip(condition, person, NOW) == NOW + 2 * DAY - HOUR
    assert predict_flip(condition, profile(), NOW) is None


def test_a_change_beyond_a_century_is_looked_at_after_a_century():
    where = {"trait": "end", "within_next": {"days": 1}}

    found = verdict(where, profile(traits={"end": "9999-12-31T23:59:59Z"}))

    assert (found.is_member, found.recheck_at) == (False, NOW + timedelta(days=36_500))
