"""Background work: send what is due, sync lists. Each works off rows, so running twice or not at all is safe."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="delivery.deliver")
def deliver() -> None:
    from delivery.services.worker import run_once

    run_once()


@shared_task(name="delivery.sync_lists")
def sync_lists() -> None:
    from common.tasks import started
    from delivery.services.lists import sync_due

    started(sync_lists)
    sync_due()


@shared_task(name="delivery.advance_replays")
def advance_replays() -> None:
    from delivery.services.replay_runs import advance_all

    advance_all()
