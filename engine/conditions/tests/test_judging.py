"""A history that arrives bit by bit is judged as the whole of it so far would be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from engine.conditions import EventRecord, Options, ProfileState, evaluate, parse
from engine.conditions.judging import Judge

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
X_VALUES = [1, 2, True]


def event(name, at, **properties):
    return EventRecord(
        id=f"{name}-{at}", type="track", name=name, timestamp=at, received_at=at, properties=properties
    )  # fmt: skip


def judge_of(node, **options):
    return Judge(parse({"version": 1, "collection": "users", "where": node}), Options(**options))


def some_node(random):
    """Counts, windows, funnels and comparisons with traits and parents, all on two events."""
    node = {
        "event": random.choice("AB"),
        "count": {random.choice(["gte", "gt", "lte", "lt", "eq"]): random.randint(1, 3)},
    }
    if random.random() < 0.5:
        node["window"] = {"within": {"hours": random.choice([1, 2, 5, 24])}}
    elif random.random() < 0.3:
        node["window"] = {"between": {"from": {"hours": 5}, "to": {"hours": 2}}}
    operand = random.choice([{"trait": "t"}, {"parent_property": "x"}, 1])
    if random.random() < 0.6:
        node["then"] = {"event": random.choice("AB"), "performed": random.random() < 0.5, "within": {"hours": 2}}
        node["then"]["properties"] = [{"property": "x", "equals": operand}] if random.random() < 0.6 else []
    if random.random() < 0.3:
        node["properties"] = [{"property": "x", "equals": {"trait": "t"}}]
    return node


@pytest.mark.parametrize("seed", range(6))
def test_rulings_are_those_of_evaluate_whatever_arrives_in_whatever_order(seed):
    random = Random(seed)
    rulings, verdicts = [], []

    for _ in range(80):
        nodes = [some_node(random) for _ in range(random.randint(1, 2))]
        condition = parse({"version": 1, "collection": "users", "where": {random.choice(["all", "any"]): nodes}})
        judge, added, now = Judge(condition), [], NOW
        for _ in range(8):
            now += HALF_HOUR * random.randint(0, 4)
            for _ in range(random.randint(0, 2)):
                at = NOW + HALF_HOUR * random.randint(-10, 40)
                added.append(event(random.choice("AB"), at, x=random.choice(X_VALUES)))
                judge.add(added[-1])
            traits = {"t": random.choice(X_VALUES)}
            rulings.append(tuple(judge.judge(traits, {}, frozenset(), now)))
            verdict = evaluate(condition, ProfileState(events=added, traits=traits), now)
            verdicts.append((verdict.is_member, verdict.recheck_at))

    assert rulings == verdicts
    assert 100 < sum(is_member for is_member, _ in rulings) < 540


def test_an_anonymous_profile_is_no_member_and_time_changes_nothing():
    judge = judge_of({"event": "A"}, include_anonymous=False)
    judge.add(event("A", NOW))

    assert tuple(judge.judge({}, {"anonymous_id": ["x"]}, frozenset(), NOW)) == (False, None)
    assert tuple(judge.judge({}, {"email": ["e"]}, frozenset(), NOW)) == (True, None)


def test_events_before_the_history_begins_do_not_count():
    judge = judge_of({"event": "A"}, historical_from=NOW)
    judge.add(event("A", NOW - HALF_HOUR))

    assert not judge.judge({}, {}, frozenset(), NOW).is_member


def test_an_event_leaves_its_window_at_the_instant_that_was_announced():
    judge = judge_of({"event": "A", "window": {"within": {"hours": 1}}})
    judge.add(event("A", NOW))

    first = judge.judge({}, {}, frozenset(), NOW)
    second = judge.judge({}, {}, frozenset(), NOW + 2 * HALF_HOUR)

    assert first == (True, NOW + 2 * HALF_HOUR)
    assert second == (False, None)


def test_memberships_identifiers_and_relative_dates_are_judged_too():
    node = {"all": [
        {"audience": "vips", "member": True}, {"identifier": "phone", "exists": True},
        {"not": {"trait": "until", "before_last": {"hours": 1}}},
    ]}  # fmt: skip

    ruling = judge_of(node).judge({"until": "2026-03-10T12:00:00Z"}, {"phone": ["+1"]}, frozenset({"vips"}), NOW)

    assert ruling == (True, NOW + 2 * HALF_HOUR + timedelta(microseconds=1))
