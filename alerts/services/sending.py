"""Sending what alerts have to say: by e-mail and webhook, retried, each once.

A message is claimed before it is sent and marked when it is. A worker that is killed between the two leaves a lease;
the message goes out again under the same Message-ID (e-mail) or Idempotency-Key (webhook).
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection as database
from django.utils import timezone

from alerts.models import AlertEvent, AlertMessage
from alerts.services.rules import webhook_url
from common.http import TransportError, send
from common.secrets import SecretsError
from destinations.kit.http import Request

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
BLOCK = 20
MOST_ATTEMPTS = 8
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 30, 1800
TIMEOUT_SECONDS = 10.0

CLAIM = """
UPDATE alerts_alertmessage SET lease_until = %s, attempts = attempts + 1 WHERE id IN (
    SELECT id FROM alerts_alertmessage WHERE state = 'waiting' AND next_attempt_at <= %s
    AND (lease_until IS NULL OR lease_until < %s) ORDER BY next_attempt_at, id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING id
"""


class NotSentError(Exception):
    """The message did not go out; the text says why."""


def send_due(*, now: datetime | None = None) -> int:
    """Send every message that is due; returns how many went out."""
    sent = 0
    while claimed := _claim(now or timezone.now()):
        for message in claimed:
            sent += _send(message, now or timezone.now())
    return sent


def _claim(now: datetime) -> list[AlertMessage]:
    with database.cursor() as cursor:
        cursor.execute(CLAIM, [now + LEASE, now, now, BLOCK])
        ids = [row[0] for row in cursor.fetchall()]
    rows = AlertMessage.objects.filter(pk__in=ids).select_related("event__space", "event__rule").order_by("pk")
    return list(rows)


def _send(message: AlertMessage, now: datetime) -> bool:
    try:
        if message.channel == AlertMessage.Channel.EMAIL:
            _send_email(message)
        else:
            _send_webhook(message)
    except NotSentError as error:
        _put_off(message, str(error), now)
        return False
    message.state, message.sent_at, message.lease_until, message.error = AlertMessage.State.SENT, now, None, ""
    message.save(update_fields=["state", "sent_at", "lease_until", "error"])
    return True


def _put_off(message: AlertMessage, error: str, now: datetime) -> None:
    seconds = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (message.attempts - 1))
    message.error, message.lease_until = error, None
    message.next_attempt_at = now + timedelta(seconds=seconds)
    if message.attempts >= MOST_ATTEMPTS:
        message.state = AlertMessage.State.FAILED
        logger.warning("alert message %s was given up: %s", message.pk, error)
    message.save(update_fields=["error", "lease_until", "next_attempt_at", "state"])


def _send_email(message: AlertMessage) -> None:
    event = message.event
    if not settings.ENGAGE_SMTP_URL:
        raise NotSentError("This installation has no mail server (ENGAGE_SMTP_URL).")
    host = urlsplit(settings.ENGAGE_URL).hostname or "localhost"
    mail = EmailMessage(
        subject=" ".join(subject(event).split()),
        body=f"{event.sentence}\n\n{settings.ENGAGE_URL}{event.path}\n\nSpace: {event.space.name}\n",
        to=[message.address],
        headers={"Message-ID": f"<alert-{event.pk}-{message.pk}@{host}>"},
    )
    try:
        mail.send()
    except (OSError, SMTPException) as error:
        raise NotSentError(f"The mail server did not take it: {error}") from error


def _send_webhook(message: AlertMessage) -> None:
    event = message.event
    if event.rule is None or not event.rule.webhook:
        raise NotSentError("The rule has no webhook any more.")
    try:
        url = webhook_url(event.rule)
    except SecretsError as error:
        raise NotSentError(str(error)) from error
    request = Request(
        method="POST",
        url=url,
        headers={"Content-Type": "application/json", "Idempotency-Key": f"alert-{event.pk}-{message.pk}"},
        body=json.dumps(body(event)).encode(),
        timeout=TIMEOUT_SECONDS,
    )
    try:
        response = send(request)
    except TransportError as error:
        raise NotSentError(error.detail) from error
    if not 200 <= response.status < 300:
        raise NotSentError(f"The webhook answered {response.status}.")


def subject(event: AlertEvent) -> str:
    return f"[{event.space.name}] {'Alert' if event.is_firing else 'Resolved'}: {event.name}"


def body(event: AlertEvent) -> dict[str, object]:
    """What Slack's incoming webhooks take, and for programs the facts under `metadata`."""
    link = f"<{settings.ENGAGE_URL}{event.path}|Open>"
    text = f"{':rotating_light:' if event.is_firing else ':white_check_mark:'} *{_escaped(subject(event))}*\n"
    text += f"{_escaped(event.sentence)} {link}"
    return {
        "text": text,
        "metadata": {
            "event_type": "alert_fired" if event.is_firing else "alert_resolved",
            "event_payload": {
                "id": event.pk,
                "alert": event.rule.public_id if event.rule is not None else None,
                "kind": event.rule.kind if event.rule is not None else None,
                "name": event.name,
                "sentence": event.sentence,
                "value": event.value,
                "space": event.space.public_id,
                "at": event.at.isoformat(),
            },
        },
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
