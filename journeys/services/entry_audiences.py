"""The hidden audience that computes the entry condition of a published version."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from audiences.models import Audience, AudiencePurpose, ChangedProfiles, ComputeRun, ComputeStatus
from audiences.services.audiences import start_run
from common.ids import new_audience_id
from journeys.models import JourneyVersion
from profiles.models import USERS
from spaces.models import User

OPEN_RUNS = (ComputeRun.State.WAITING, ComputeRun.State.RUNNING)


def start(*, version: JourneyVersion, now: datetime, created_by: User | None) -> Audience:
    """Begin to compute who enters. Without historical data only events received from `now` on count."""
    entry = version.definition["entry"]
    public_id = new_audience_id()
    audience = Audience.objects.create(
        public_id=public_id,
        space=version.journey.space,
        key=public_id,
        purpose=AudiencePurpose.JOURNEY_ENTRY,
        name=f"{version.journey.name}, version {version.number}: {entry['name']}"[:255],
        collection=USERS,
        definition=entry["condition"],
        include_anonymous=False,
        include_historical=entry["use_historical"],
        historical_from=None if entry["use_historical"] else now,
        created_by=created_by,
    )
    start_run(audience)
    return audience


def stop(version: JourneyVersion) -> None:
    """Nobody enters any more: stop computing. What was stored stays."""
    if version.entry_audience_id is None:
        return
    now = timezone.now()
    ComputeRun.objects.filter(audience_id=version.entry_audience_id, state__in=OPEN_RUNS).update(
        state=ComputeRun.State.CANCELLED, finished_at=now
    )
    Audience.objects.filter(pk=version.entry_audience_id).update(
        is_enabled=False, status=ComputeStatus.DISABLED, updated_at=now
    )


def is_behind(version: JourneyVersion, since: datetime) -> bool:
    """Whether something that happened before `since` is still to be judged: changes that wait, or a first run."""
    waiting = ChangedProfiles.objects.filter(space_id=version.journey.space_id, max_received_at__lte=since)
    runs = ComputeRun.objects.filter(audience=version.entry_audience, state__in=OPEN_RUNS)
    return waiting.exists() or runs.exists()


def delete(version: JourneyVersion) -> None:
    """The journey was deleted: its audience vanishes, the stored memberships stay."""
    if version.entry_audience_id is not None:
        stop(version)
        Audience.objects.filter(pk=version.entry_audience_id, deleted_at=None).update(deleted_at=timezone.now())
