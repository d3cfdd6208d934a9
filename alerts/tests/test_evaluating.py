from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection as database
from django.test import override_settings
from django.utils import timezone

from alerts import kinds
from alerts.kinds import Reading
from alerts.models import AlertEvent, AlertMessage, AlertRule
from alerts.services import evaluating, sending
from delivery.tests.sinks import Sink, serving
from destinations.models import Destination
from spaces.models import Space

MakeRule = Callable[..., AlertRule]


@pytest.fixture(autouse=True)
def mail_server() -> Iterator[None]:
    with override_settings(ENGAGE_SMTP_URL="smtp://mail.example.com", ENGAGE_URL="https://engage.example.com"):
        yield


@pytest.fixture
def sink() -> Iterator[Sink]:
    with serving() as opened:
        yield opened


@pytest.fixture
def rule(make_rule: MakeRule, destination: Destination, sink: Sink) -> AlertRule:
    return make_rule(
        "destination_disabled",
        destination=destination,
        emails=["ops@example.com", "lead@example.com"],
        webhook_url=f"{sink.url}?key=secret",
    )


def set_paused(*, is_paused: bool) -> None:
    Destination.objects.update(paused_at=timezone.now() if is_paused else None, pause_reason="Refused.")


def look(*, minutes: int = 0) -> None:
    evaluating.evaluate_all(now=timezone.now() + timedelta(minutes=minutes))


def states() -> list[tuple[int, bool]]:
    return list(AlertEvent.objects.order_by("id").values_list("number", "is_firing"))


def test_one_message_a_change_of_state(rule: AlertRule, sink: Sink) -> None:
    """Fired and resolved are told once each, however often the rule is looked at."""
    look()
    set_paused(is_paused=True)
    for minutes in range(2, 12, 2):
        look(minutes=minutes)
    set_paused(is_paused=False)
    for minutes in range(12, 22, 2):
        look(minutes=minutes)
    sending.send_due(now=timezone.now() + timedelta(hours=1))
    sending.send_due(now=timezone.now() + timedelta(hours=2))

    assert states() == [(1, True), (2, False)]
    assert sorted((one.to[0], one.subject) for one in mail.outbox) == [
        ("lead@example.com", "[Acme Dev] Alert: Destination paused automatically: CRM"),
        ("lead@example.com", "[Acme Dev] Resolved: Destination paused automatically: CRM"),
        ("ops@example.com", "[Acme Dev] Alert: Destination paused automatically: CRM"),
        ("ops@example.com", "[Acme Dev] Resolved: Destination paused automatically: CRM"),
    ]
    assert len(sink.requests) == 2
    assert sink.requests[0].body["metadata"]["event_type"] == "alert_fired"
    assert sink.requests[0].body["text"].startswith(":rotating_light: *[Acme Dev] Alert: Destination paused")
    assert sink.requests[1].body["metadata"]["event_type"] == "alert_resolved"
    assert len({received.headers["Idempotency-Key"] for received in sink.requests}) == 2


def test_rule_is_looked_at_once_a_period(rule: AlertRule) -> None:
    look()
    set_paused(is_paused=True)

    look()
    early = states()
    look(minutes=2)

    assert (early, states()) == ([], [(1, True)])


def test_too_little_to_judge_leaves_the_state(make_rule: MakeRule, destination: Destination, count: Any) -> None:
    rule = make_rule("delivery_rate", destination=destination, threshold=90.0, least=10)
    count(failed=10)
    look()

    look(minutes=120)

    rule.refresh_from_db()
    assert rule.is_firing is True
    assert states() == [(1, True)]
    assert "too few to judge" in rule.detail


def test_a_kill_before_the_commit_tells_nothing_and_the_next_look_once(
    rule: AlertRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_paused(is_paused=True)

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(AlertMessage.objects, "bulk_create", killed)
        with pytest.raises(SystemExit):
            look()
    between = (states(), AlertRule.objects.get().is_firing)
    look()
    sending.send_due()

    assert between == ([], False)
    assert states() == [(1, True)]
    assert len(mail.outbox) == 2


def test_a_sender_killed_before_it_sends_leaves_the_message_to_the_next(
    rule: AlertRule, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_paused(is_paused=True)
    look()

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(sending, "_send", killed)
        with pytest.raises(SystemExit):
            sending.send_due()
    leased = sending.send_due()
    later = sending.send_due(now=timezone.now() + sending.LEASE + timedelta(seconds=1))

    assert (leased, later) == (0, 3)
    assert (len(mail.outbox), len(sink.requests)) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_many_evaluators_at_once_tell_once(rule: AlertRule) -> None:
    set_paused(is_paused=True)
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        look()
        database.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert states() == [(1, True)]
    assert AlertMessage.objects.count() == 3


def test_refused_webhook_is_tried_again_and_given_up_in_the_end(rule: AlertRule, sink: Sink) -> None:
    set_paused(is_paused=True)
    look()
    sink.answer = lambda _received: (500, {}, b"")
    now = timezone.now()

    sending.send_due(now=now)
    at_once = len(sink.requests)
    for hours in range(1, 20):
        sending.send_due(now=now + timedelta(hours=hours))

    message = AlertMessage.objects.get(channel="webhook")
    assert at_once == 1
    assert len(sink.requests) == sending.MOST_ATTEMPTS
    assert (message.state, message.error) == ("failed", "The webhook answered 500.")
    assert len({received.headers["Idempotency-Key"] for received in sink.requests}) == 1


@override_settings(ENGAGE_ALLOWED_NETWORKS=[])
def test_webhook_reaches_public_addresses_only(rule: AlertRule, sink: Sink) -> None:
    set_paused(is_paused=True)
    look()

    sending.send_due()

    assert sink.requests == []
    assert "127.0.0.1" in AlertMessage.objects.get(channel="webhook").error


def test_webhook_address_is_a_secret(rule: AlertRule) -> None:
    assert b"secret" not in bytes(rule.webhook)
    assert "secret" not in json.dumps(list(AlertRule.objects.values("emails", "detail")))


def test_rule_that_breaks_holds_up_no_other(
    rule: AlertRule, make_rule: MakeRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_rule("compute_failed")
    set_paused(is_paused=True)
    facts = kinds.KINDS[kinds.Kind.COMPUTE_FAILED]

    def broken(_rule: AlertRule, _now: object) -> Reading:
        raise ZeroDivisionError

    monkeypatch.setitem(kinds.KINDS, kinds.Kind.COMPUTE_FAILED, kinds.KindFacts(**{**vars(facts), "read": broken}))
    look()

    other.refresh_from_db()
    assert states() == [(1, True)]
    assert other.detail.startswith("This alert could not be evaluated (ZeroDivisionError)")


def test_bell_only_rule_sends_no_message(make_rule: MakeRule, destination: Destination, space: Space) -> None:
    make_rule("destination_disabled", destination=destination, in_app=True)
    set_paused(is_paused=True)

    look()

    assert AlertMessage.objects.count() == 0
    assert AlertEvent.objects.get().in_app is True
