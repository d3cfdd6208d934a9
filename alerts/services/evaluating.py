"""Looking at every rule: a change of state and the messages about it are written together, once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from alerts import kinds
from alerts.models import TARGETS, AlertEvent, AlertMessage, AlertRule, Kind
from alerts.tasks import send_messages
from common.tasks import enqueue

logger = logging.getLogger(__name__)

BROKEN = "This alert could not be evaluated ({error}). The log of the worker says more."


def evaluate_all(*, now: datetime | None = None) -> None:
    """Every enabled rule that was not looked at within ENGAGE_ALERT_SECONDS. One that breaks holds up no other."""
    moment = now or timezone.now()
    due = moment - timedelta(seconds=settings.ENGAGE_ALERT_SECONDS)
    rules = AlertRule.objects.filter(is_enabled=True).exclude(checked_at__gt=due)
    for pk in rules.order_by("checked_at", "pk").values_list("pk", flat=True):
        try:
            evaluate(pk, now=moment)
        except Exception as error:
            logger.exception("alert rule %s could not be evaluated", pk)
            AlertRule.objects.filter(pk=pk).update(checked_at=moment, detail=BROKEN.format(error=type(error).__name__))


@transaction.atomic
def evaluate(rule_id: int, *, now: datetime) -> AlertEvent | None:
    """Look at one rule; the event when its state changed. A rule that somebody else holds is left to them."""
    rule = (
        AlertRule.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("space", *TARGETS)
        .filter(pk=rule_id, is_enabled=True)
        .first()
    )
    if rule is None:
        return None
    reading = kinds.read(rule, now=now)
    rule.checked_at, rule.value, rule.detail = now, reading.value, reading.sentence
    event = None
    if reading.is_bad is not None and reading.is_bad != rule.is_firing:
        rule.is_firing, rule.changed_at, rule.number = reading.is_bad, now, rule.number + 1
        event = _tell(rule, reading, now)
    rule.save(update_fields=["checked_at", "value", "detail", "is_firing", "changed_at", "number"])
    return event


def _tell(rule: AlertRule, reading: kinds.Reading, now: datetime) -> AlertEvent:
    event = AlertEvent.objects.create(
        space=rule.space,
        rule=rule,
        number=rule.number,
        is_firing=rule.is_firing,
        in_app=rule.in_app,
        name=rule.name,
        sentence=reading.sentence,
        value=reading.value,
        path=path_of(rule),
        at=now,
    )
    channel = AlertMessage.Channel
    messages = [
        AlertMessage(event=event, channel=channel.EMAIL, address=one, next_attempt_at=now) for one in rule.emails
    ]
    if rule.webhook:
        messages.append(AlertMessage(event=event, channel=channel.WEBHOOK, next_attempt_at=now))
    AlertMessage.objects.bulk_create(messages)
    if messages:
        enqueue(send_messages)
    return event


def path_of(rule: AlertRule) -> str:
    """The page of what the rule watches."""
    space = rule.space.slug
    if rule.audience is not None:
        return reverse("audiences:overview", kwargs={"space": space, "audience_id": rule.audience.public_id})
    if rule.destination is not None:
        return reverse("destinations:detail", kwargs={"space": space, "destination_id": rule.destination.public_id})
    if rule.source is not None:
        return reverse("spaces:source", kwargs={"space": space, "source_id": rule.source.public_id})
    if rule.warehouse is not None:
        return reverse("warehouse_output:output", kwargs={"space": space, "warehouse_id": rule.warehouse.public_id})
    if rule.kind == Kind.WAREHOUSE_FAILED:
        return reverse("traits:warehouses", kwargs={"space": space})
    return reverse("delivery:overview", kwargs={"space": space})
