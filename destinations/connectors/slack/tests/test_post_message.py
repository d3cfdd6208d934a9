from __future__ import annotations

from destinations.connectors.slack import definition
from destinations.kit.testing import answer, run_action, track

WEBHOOK = "https://hooks.slack.com/services/T0/B0/secret"
SETTINGS = {"url": WEBHOOK}


def test_an_entry_posts_who_did_what() -> None:
    event = track(user_id="u1", key="big_spenders")

    ran = run_action(definition, "postToChannel", settings=SETTINGS, events=[event], responses=[answer(200, "ok")])

    assert ran.calls == [f"POST {WEBHOOK}"]
    assert ran.request.headers["Content-Type"] == "application/json"
    assert ran.bodies == [{"text": "ann@example.org: Audience Entered (big_spenders)"}]
    assert ran.outcomes == ["delivered"]


def test_a_mapping_may_post_elsewhere_under_another_name() -> None:
    other = "https://hooks.slack.com/services/T0/B0/other"
    mapping = {
        "url": other,
        "text": "Hello",
        "channel": "#vip",
        "username": "Engage",
        "icon_url": "https://e.org/i.png",
    }

    ran = run_action(definition, "postToChannel", settings=SETTINGS, mapping=mapping, events=[track(user_id="u1")])

    assert ran.calls == [f"POST {other}"]
    assert ran.bodies == [{"channel": "#vip", "text": "Hello", "username": "Engage", "icon_url": "https://e.org/i.png"}]


def test_a_webhook_that_was_removed_fails_for_good() -> None:
    ran = run_action(
        definition,
        "postToChannel",
        settings=SETTINGS,
        events=[track(user_id="u1")],
        responses=[answer(404, "no_service")],
    )

    assert ran.outcomes == ["404"]
    assert "no_service" in ran.verdicts[0].detail


def test_too_many_messages_are_tried_again() -> None:
    ran = run_action(
        definition,
        "postToChannel",
        settings=SETTINGS,
        events=[track(user_id="u1")],
        responses=[answer(429, "slow down", retry_after="30")],
    )

    assert ran.verdicts[0].outcome == "retry"
    assert ran.verdicts[0].retry_after == 30


def test_without_an_address_nothing_is_sent() -> None:
    ran = run_action(definition, "postToChannel", settings={}, events=[track(user_id="u1")])

    assert ran.calls == []
    assert ran.outcomes == ["INVALID_SETTINGS"]
