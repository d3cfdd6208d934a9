"""Housekeeping: partitions ahead of time, and what is past its retention dropped. Safe to run twice."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="engage_admin.keep_house")
def keep_house() -> None:
    from datetime import timedelta

    from django.conf import settings
    from django.utils import timezone

    from audiences.services.exports import forget_exports
    from delivery.services.replay_runs import forget_items
    from delivery.services.tallies import forget_tallies
    from ingest.retention import forget_old
    from profiles.services.partitions import (
        DAYS_AHEAD,
        MONTHS_AHEAD,
        drop_partitions,
        make_partitions,
        shift,
        start_of,
        summarize,
    )

    now = timezone.now()
    make_partitions(table="event", span="month", now=now, ahead=MONTHS_AHEAD)
    oldest = shift(start_of(now, "month"), "month", -settings.ENGAGE_EVENT_RETENTION_MONTHS)
    drop_partitions(table="event", span="month", before=oldest)
    summarize(index="event_message")
    for table in ("delivery_log", "attempt"):
        make_partitions(table=table, span="day", now=now, ahead=DAYS_AHEAD)
        drop_partitions(table=table, span="day", before=now - timedelta(days=settings.ENGAGE_DELIVERY_RETENTION_DAYS))
    forget_exports(now=now)
    days = settings.ENGAGE_DEBUGGER_RETENTION_DAYS
    make_partitions(table="inbound_log", span="day", now=now, ahead=DAYS_AHEAD)
    drop_partitions(table="inbound_log", span="day", before=now - timedelta(days=days))
    forget_tallies(before=now - timedelta(days=settings.ENGAGE_DELIVERY_RETENTION_DAYS))
    forget_items(before=now - timedelta(days=settings.ENGAGE_DELIVERY_RETENTION_DAYS))
    forget_old(now=now)
