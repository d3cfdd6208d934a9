"""`/healthz`: whether the database, the broker and the workers do their work, and how far behind they are."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import current_app
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

WORKER_ANSWER_SECONDS = 2.0
# A worker in mid-block may answer late; one that answered this lately is not asked again.
WORKER_SEEN_SECONDS = 15

# Seconds that the oldest piece of due work of each stage has waited; null when there is none.
OLDEST_WORK = """
SELECT
    extract(epoch FROM now() - (SELECT received_at FROM inbound_batch ORDER BY id LIMIT 1)),
    extract(epoch FROM now() - (SELECT max_received_at FROM changed_profiles ORDER BY id LIMIT 1)),
    extract(epoch FROM now() - (
        SELECT min(first.next_attempt_at)
        FROM destinations_destination destination
        LEFT JOIN delivery_destinationhealth health ON health.destination_id = destination.id
        CROSS JOIN LATERAL (
            SELECT next_attempt_at FROM delivery
            WHERE destination_id = destination.id
            ORDER BY next_attempt_at LIMIT 1
        ) first
        WHERE destination.is_enabled AND coalesce(health.open_until, '-infinity') <= now()
          AND first.next_attempt_at <= now()
    )),
    extract(epoch FROM now() - (
        SELECT min(first.due_at)
        FROM spaces_space space
        CROSS JOIN LATERAL (
            SELECT least(
                (SELECT min(wake_at) FROM journey_position
                 WHERE space_id = space.id AND wake_at <= now() AND version_id <> ALL (resting.ids)),
                (SELECT min(remove_at) FROM journey_position
                 WHERE space_id = space.id AND remove_at <= now() AND version_id <> ALL (resting.ids)),
                (SELECT min(exit_at) FROM journey_run WHERE space_id = space.id AND exit_at <= now()
                 AND ended_at IS NULL AND version_id <> ALL (resting.ids)),
                (SELECT min(reentry_at) FROM journey_run WHERE space_id = space.id AND reentry_at <= now())
            ) AS due_at
            FROM (
                -- People of a version that cannot be judged wait for its next try; its page says so.
                SELECT ARRAY(SELECT id FROM journeys_journeyversion WHERE problem <> '')::bigint[] AS ids
            ) resting
        ) first
    ))
"""
STAGES = ("ingest", "compute", "deliver", "journeys")


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when everything works, 503 otherwise; the body is the same.

    `{"status": "ok"|"failing", "database", "broker", "workers": "ok" or the reason,
    "oldest_work_seconds": {"ingest", "compute", "deliver", "journeys": seconds or null}, "problems": [sentence]}`
    """
    problems: list[str] = []
    database, oldest = _database_state(problems)
    broker = _broker_state(problems)
    workers = _worker_state(problems) if broker == "ok" else "unknown: the broker does not answer"
    body: dict[str, Any] = {
        "status": "failing" if problems else "ok",
        "database": database,
        "broker": broker,
        "workers": workers,
        "oldest_work_seconds": oldest,
        "problems": problems,
    }
    return JsonResponse(body, status=503 if problems else 200)


def _database_state(problems: list[str]) -> tuple[str, dict[str, float | None]]:
    nothing: dict[str, float | None] = dict.fromkeys(STAGES)
    try:
        with connection.cursor() as cursor:
            cursor.execute(OLDEST_WORK)
            row = cursor.fetchone()
    except Error as error:
        # The server's own words may name hosts and users; they belong in the log.
        logger.warning("health: the database fails: %s", error)
        problems.append("The database does not answer.")
        return "does not answer", nothing
    oldest = {
        stage: None if age is None else max(round(float(age), 1), 0.0) for stage, age in zip(STAGES, row, strict=True)
    }
    # Deliveries may wait long for good reasons: a destination's rate cap, or its retry time.
    limit = settings.ENGAGE_HEALTH_LAG_SECONDS
    problems += [
        f"The oldest work of {stage} has waited {age:.0f} s (limit: {limit} s)."
        for stage, age in oldest.items()
        if stage != "deliver" and age is not None and age > limit
    ]
    return "ok", oldest


def _broker_state(problems: list[str]) -> str:
    try:
        cache.set("health:probe", 1, timeout=60)
    except RedisError as error:
        logger.warning("health: the broker fails: %s", error)
        problems.append("The broker does not answer.")
        return "does not answer"
    return "ok"


def _worker_state(problems: list[str]) -> str:
    try:
        if cache.get("health:worker") is not None:
            return "ok"
        # One answer is enough; without the limit every check would wait the whole time for more.
        answers = current_app.control.broadcast("ping", reply=True, timeout=WORKER_ANSWER_SECONDS, limit=1)
        if answers:
            cache.set("health:worker", time.time(), timeout=WORKER_SEEN_SECONDS)
            return "ok"
    except (RedisError, OperationalError) as error:
        logger.warning("health: the workers cannot be asked: %s", error)
    problems.append("No worker answers.")
    return "none answers"
