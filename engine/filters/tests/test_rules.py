from __future__ import annotations

from typing import Any

import pytest

from engine.filters import parse
from engine.filters.rules import ORDER, Rule, RuleKind, apply_rules, in_order, is_sampled
from engine.filters.tokens import path_pieces

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "messageId": "m1",
    "properties": {
        "email": "a@example.org",
        "total": 5,
        "products": [{"sku": "x", "newElement": 1}, {"sku": "y", "newElement": 2}],
    },
    "context": {"ip": "1.2.3.4", "page": {"url": "u", "title": "t"}},
}


def rule(kind: RuleKind, name: str = "", text: str = 'type = "track"', fields: str = "", **more: Any) -> Rule:
    paths = tuple(path_pieces(path) for path in fields.split())
    return Rule(name=name or kind.lower(), kind=kind, condition=parse(text), fields=paths, **more)


def test_rules_run_in_the_documented_order() -> None:
    """W083: Sample, Drop, Drop properties, Allow properties."""
    rules = in_order([rule(kind) for kind in reversed(ORDER)])

    assert [one.kind for one in rules] == ["SAMPLE", "DROP", "DROP_PROPERTIES", "ALLOW_PROPERTIES"]


def test_an_event_that_matches_a_drop_is_stopped_by_name() -> None:
    judgement = apply_rules([rule("DROP", "No orders", "event = 'Order Completed'")], EVENT)

    assert judgement.stopped is not None
    assert judgement.stopped.sentence == "The filter “No orders” stops the event: the event matches its condition."


def test_a_drop_of_everything_else_says_so() -> None:
    judgement = apply_rules([rule("DROP", "Only pages", "!(type = 'page')")], EVENT)

    assert judgement.stopped is not None
    assert judgement.stopped.sentence == (
        "The filter “Only pages” stops the event: the event is not among those that it lets through."
    )


def test_several_only_send_filters_that_conflict_send_nothing() -> None:
    rules = [rule("DROP", text="!(event = 'A')"), rule("DROP", text="!(event = 'B')")]

    assert all(apply_rules(rules, {**EVENT, "event": name}).stopped for name in ("A", "B", "C"))


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (
            Rule(name="Old", kind="DROP_PROPERTIES", condition=None, problem="no closing quote"),
            "The filter “Old” stops the event: it cannot be read (no closing quote), so nothing passes it.",
        ),
        (
            rule("DROP", "Cheap", "properties.email > 5"),
            "The filter “Cheap” stops the event: it could not be evaluated: "
            '">" compares numbers, and properties.email is a string.',
        ),
    ],
)
def test_what_cannot_be_evaluated_stops_the_event(broken: Rule, sentence: str) -> None:
    """W083: broken FQL drops the event."""
    judgement = apply_rules([broken], EVENT)

    assert judgement.stopped is not None
    assert judgement.stopped.sentence == sentence


def test_properties_are_taken_out_also_of_the_elements_of_a_list() -> None:
    judgement = apply_rules(
        [rule("DROP_PROPERTIES", fields="properties.email properties.products.newElement userId context.ip")], EVENT
    )

    assert judgement.event == {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m1",
        "properties": {"total": 5, "products": [{"sku": "x"}, {"sku": "y"}]},
        "context": {"page": {"url": "u", "title": "t"}},
    }
    assert EVENT["properties"]["email"] == "a@example.org"
    assert EVENT["properties"]["products"][0] == {"sku": "x", "newElement": 1}


def test_only_allowed_properties_stay() -> None:
    judgement = apply_rules(
        [rule("ALLOW_PROPERTIES", fields="properties.total properties.products.sku context.page")], EVENT
    )

    assert judgement.event["properties"] == {"total": 5, "products": [{"sku": "x"}, {"sku": "y"}]}
    assert judgement.event["context"] == {"page": {"url": "u", "title": "t"}}
    assert judgement.event["userId"] == "u1"


def test_a_rule_whose_condition_does_not_hold_changes_nothing() -> None:
    judgement = apply_rules([rule("DROP_PROPERTIES", text='type = "page"', fields="userId")], EVENT)

    assert judgement.event is EVENT
    assert [finding.state for finding in judgement.findings] == ["passed"]


def test_a_sample_keeps_its_share_and_always_the_same_events() -> None:
    sample = rule("SAMPLE", share=0.25)
    ids = [f"message-{number}" for number in range(4_000)]

    kept = [one for one in ids if apply_rules([sample], {**EVENT, "messageId": one}).stopped is None]

    assert 900 < len(kept) < 1_100
    assert kept == [one for one in ids if apply_rules([sample], {**EVENT, "messageId": one}).stopped is None]


def test_nothing_and_everything_are_shares_too() -> None:
    assert [is_sampled(str(number), 0) for number in range(50)] == [False] * 50
    assert [is_sampled(str(number), 1) for number in range(50)] == [True] * 50


def test_a_sample_by_person_takes_all_or_nothing_of_them() -> None:
    sample = rule("SAMPLE", share=0.5, path=("userId",))

    verdicts = {
        user: {
            apply_rules([sample], {**EVENT, "userId": user, "messageId": f"{user}-{number}"}).stopped is None
            for number in range(20)
        }
        for user in ("u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8")
    }

    assert all(len(found) == 1 for found in verdicts.values())


def test_a_retried_event_is_not_stopped_but_still_stripped() -> None:
    rules = [rule("SAMPLE", share=0), rule("DROP"), rule("DROP_PROPERTIES", fields="userId")]

    judgement = apply_rules(rules, EVENT, is_retry=True)

    assert judgement.stopped is None
    assert "userId" not in judgement.event
