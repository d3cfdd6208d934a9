"""The breaker of a destination: after many failures in a row its calls wait, and one at a time tries again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection as database

from delivery.models import DestinationHealth

THRESHOLD = 20
LONGEST_SECONDS = 60.0


def pause_seconds(failures: int) -> float:
    """0 below the threshold, then 1, 2, 4 … seconds, at most a minute."""
    if failures < THRESHOLD:
        return 0.0
    return min(LONGEST_SECONDS, 2.0 ** min(failures - THRESHOLD, 10))


class Breaker:
    """What one worker knows of one destination; shared with the others through `DestinationHealth`."""

    def __init__(self, destination_id: int) -> None:
        self.destination_id = destination_id
        self.failures = 0
        self.open_until: datetime | None = None
        self._last_error = ""
        self._success_at: datetime | None = None
        self._failure_at: datetime | None = None
        self._written_at: datetime | None = None
        self._is_changed = False

    def load(self) -> None:
        health = DestinationHealth.objects.filter(destination_id=self.destination_id).first()
        if health is not None and not self._is_changed:
            self.failures = health.failures_in_a_row
            self.open_until = health.open_until

    def is_open(self, now: datetime) -> bool:
        return self.open_until is not None and self.open_until > now

    @property
    def is_probing(self) -> bool:
        """Tripped before and not well yet: one call at a time."""
        return self.failures >= THRESHOLD

    def succeeded(self, now: datetime) -> None:
        self._is_changed = self._is_changed or self.failures > 0 or self.open_until is not None
        self.failures = 0
        self.open_until = None
        self._success_at = now

    def failed(self, now: datetime, error: str) -> None:
        """A failure that is worth another try: the destination's state, not the call's."""
        self.failures += 1
        self._failure_at = now
        self._last_error = error
        self._is_changed = True
        pause = pause_seconds(self.failures)
        if pause:
            self.open_until = now + timedelta(seconds=pause)

    def write(self, now: datetime, *, is_last: bool = False) -> None:
        """Share what changed; the times alone at most every few seconds."""
        due = self._written_at is None or now - self._written_at > timedelta(seconds=5)
        if not (self._is_changed or ((due or is_last) and (self._success_at or self._failure_at))):
            return
        with database.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO delivery_destinationhealth AS h (destination_id, failures_in_a_row, open_until,
                    last_success_at, last_failure_at, last_error)
                SELECT id, %s, %s, %s, %s, %s FROM destinations_destination WHERE id = %s
                ON CONFLICT (destination_id) DO UPDATE SET failures_in_a_row = excluded.failures_in_a_row,
                    open_until = excluded.open_until,
                    last_success_at = coalesce(excluded.last_success_at, h.last_success_at),
                    last_failure_at = coalesce(excluded.last_failure_at, h.last_failure_at),
                    last_error = CASE WHEN excluded.last_error <> '' THEN excluded.last_error ELSE h.last_error END
                """,
                [
                    self.failures,
                    self.open_until,
                    self._success_at,
                    self._failure_at,
                    self._last_error,
                    self.destination_id,
                ],
            )
        self._written_at = now
        self._is_changed = False
        self._success_at = self._failure_at = None
        self._last_error = ""
