"""Background work: look at the rules, send the messages. Each works off rows, so running twice is safe."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="alerts.evaluate")
def evaluate() -> None:
    from alerts.services.evaluating import evaluate_all

    evaluate_all()


@shared_task(name="alerts.send_messages")
def send_messages() -> None:
    from alerts.services.sending import send_due

    send_due()
