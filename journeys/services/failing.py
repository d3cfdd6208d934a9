"""A version whose conditions cannot be judged: it says why, its people wait for another try, the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from journeys.models import JourneyVersion
from journeys.services.judging import Answer, Asked, judge
from journeys.services.live import LONGEST_PROBLEM, Live

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(minutes=1)
STUCK = "A mistake of ours keeps people from moving on"
"""How the problem of a version begins whose people are stuck (services/stuck.py)."""
Answers = dict[Asked, dict[int, Answer]]


def answers_of(
    live: Live, people: Mapping[Asked, Collection[int]], now: datetime
) -> tuple[Answers, dict[int, datetime]]:
    """The verdicts, and when to try again the versions that have none because their conditions fail."""
    failed = {
        version.pk: version.row.retry_at
        for version in live.versions.values()
        if version.row.retry_at is not None and version.row.retry_at > now
    }
    wanted = {asked: ids for asked, ids in people.items() if asked[0] not in failed}
    try:
        return _judged(live, wanted, now), failed
    except Exception:  # noqa: BLE001 - found out below, version by version
        logger.warning("space %s: conditions of journeys fail; judging version by version", live.space.pk)
    answers: Answers = {}
    for version_id in sorted({asked[0] for asked in wanted}):
        try:
            own = {asked: ids for asked, ids in wanted.items() if asked[0] == version_id}
            answers |= _judged(live, own, now)
        except Exception as error:
            logger.exception("version %s of a journey: its conditions cannot be judged", version_id)
            failed[version_id] = _note(live.versions[version_id].row, error, now)
    return answers, failed


def _judged(live: Live, people: Mapping[Asked, Collection[int]], now: datetime) -> Answers:
    with transaction.atomic():
        return judge(space=live.space, questions=live.questions, people=people, references=live.references, now=now)


def _note(version: JourneyVersion, error: Exception, now: datetime) -> datetime:
    retry_at = now + RETRY_AFTER
    version.problem = f"A condition cannot be judged: {str(error).partition(chr(10))[0]}"[:LONGEST_PROBLEM]
    version.retry_at = retry_at
    version.save(update_fields=["problem", "retry_at"])
    return retry_at


def recovered(live: Live, version_ids: Collection[int]) -> None:
    """These versions were judged: what was wrong with them is over."""
    for version_id in version_ids:
        version = live.versions[version_id].row
        if version.problem and not version.problem.startswith(STUCK):
            version.problem, version.retry_at = "", None
            version.save(update_fields=["problem", "retry_at"])
