"""What the inbound side forgets in time, as its settings say (docs/operations.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.utils import timezone

from ingest.models import IdentityIssue, MessageKey, RejectedMessage, UnknownWriteKey
from ingest.retention import forget_old
from spaces.models import Space

pytestmark = pytest.mark.django_db


def test_each_table_forgets_what_is_older_than_its_setting(space: Space, settings: Any) -> None:
    settings.ENGAGE_DEDUPE_DAYS, settings.ENGAGE_REJECTED_RETENTION_DAYS = 3, 5
    now = timezone.now()
    for days in (2, 4, 6, 29, 31, 89, 91):
        at = now - timedelta(days=days)
        MessageKey.objects.create(space_id=space.pk, key=uuid4(), received_at=at)
        RejectedMessage.objects.create(
            space_id=space.pk, source_id=1, received_at=at, code="bad_request", detail="", message="{}"
        )
        IdentityIssue.objects.create(space_id=space.pk, at=at, violation="ID value blocked")
        UnknownWriteKey.objects.create(prefix=str(days), first_seen_at=at, last_seen_at=at)

    deleted = forget_old(now=now)

    assert deleted == {"message_key": 6, "rejected_message": 5, "identity_issue": 3, "unknown_write_key": 1}
    assert (now - MessageKey.objects.get().received_at).days == 2
    assert forget_old(now=now) == dict.fromkeys(deleted, 0)


def test_the_housekeeper_comes_by_itself() -> None:
    entry = current_app.conf.beat_schedule["retention"]

    assert (entry["task"], entry["schedule"]) == ("engage_admin.keep_house", 600.0)
