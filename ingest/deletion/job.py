"""Carrying a deletion out, step by step. Every step may be repeated: a worker that dies is taken up where it stopped.

A step commits in blocks and says whether it is over; one that has to wait (calls under way, destinations that do not
answer) gives the request back for a while. The identifiers are forgotten at the end.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from delivery.models import SOURCE, Connection
from delivery.services import forgetting
from delivery.services.tallies import last_id
from ingest.deletion import copies, forwarding, people, requests_log
from ingest.deletion.blocks import delete_events
from ingest.deletion.subject import Subject
from profiles.models import Regulation, Suppression
from spaces import audit
from warehouse_output.services.forgetting import Unreached, forget_person

logger = logging.getLogger(__name__)

State = Regulation.State
OPEN = [State.WAITING, State.RUNNING]
LEASE = timedelta(minutes=5)
PAUSE = timedelta(seconds=3)
LONG_PAUSE = timedelta(seconds=30)
MAX_ATTEMPTS = 8
IN_WAREHOUSE = "rows in the warehouse"


class Stopped(Exception):  # noqa: N818 - no error: the request is given back
    """The step cannot go on now; come again after `pause`."""

    def __init__(self, pause: timedelta) -> None:
        super().__init__()
        self.pause = pause


class Job:
    """One claimed request. `subject` is stored with every change of it."""

    def __init__(self, regulation: Regulation, *, now: Callable[[], datetime], deadline: float) -> None:
        self.regulation = regulation
        self.subject = Subject.of(regulation)
        self.now = now
        self.deadline = deadline
        self.space_id = regulation.space_id

    def run(self) -> None:
        """Do what the time allows."""
        names = list(STEPS)
        start = names.index(self.regulation.step) if self.regulation.step in STEPS else 0
        for name in names[start:]:
            self.regulation.step = name
            self._save()
            STEPS[name](self)
        self._finish()

    def drain(self) -> None:
        """Wait for what was received before the request; it is refused by now, or belongs to the profile already."""
        if requests_log.waiting_requests(self.space_id, self.regulation.progress["upto"]):
            raise Stopped(PAUSE)

    def people(self) -> None:
        now = self.now()
        with transaction.atomic():
            counts, lists = people.delete_profiles(regulation=self.regulation, subject=self.subject, now=now)
            forwarding.begin(regulation=self.regulation, subject=self.subject, lists=lists, now=now)
            self.regulation.identifiers = by_type(self.subject)
            self._add(counts)
            self.regulation.step = "events"
            self._save()

    def events(self) -> None:
        while True:
            events, issues = delete_events(space_id=self.space_id, profile_ids=self.subject.profiles)
            if not events:
                return
            self._add({"event": events, "identity_issue": issues})
            self._go_on()

    def strays(self) -> None:
        """Calls of profiles that were merged into this one name profiles that are gone.

        Calls that a source sent on may be about people for whom there never was a profile.
        """
        stand_ins = people.stand_ins(self.space_id, self.subject)
        self.subject.profiles = sorted({*self.subject.profiles, *stand_ins})
        connections = Connection.objects.filter(space_id=self.space_id).order_by("pk")
        if not self.subject.is_scattered:
            connections = connections.filter(computation_class=SOURCE)
        done = self.regulation.progress.get("strays", [0, 0])
        upto = self.regulation.progress.setdefault("last_call", last_id())
        likes = _payload_likes(self.subject)
        for connection_id in connections.filter(pk__gte=done[0]).values_list("pk", flat=True):
            start = done[1] if connection_id == done[0] else 0
            while start < upto:
                end = start + forgetting.WINDOW
                found: set[int] = set()
                for table in ("delivery_log", "delivery"):
                    found |= forgetting.strays(
                        space_id=self.space_id,
                        connection_id=connection_id,
                        likes=likes,
                        after=start,
                        upto=end,
                        table=table,
                    )
                self.subject.profiles = sorted({*self.subject.profiles, *found})
                start = end
                self.regulation.progress["strays"] = [connection_id, start]
                self._go_on()

    def calls(self) -> None:
        waiting = forgetting.supersede_waiting(
            space_id=self.space_id, profile_ids=self.subject.profiles, now=self.now()
        )
        self._add({"delivery": waiting.calls})
        while count := forgetting.scrub_log(space_id=self.space_id, profile_ids=self.subject.profiles):
            self._add({"delivery_log": count})
            self._go_on()
        if waiting.is_busy:
            raise Stopped(PAUSE)

    def requests(self) -> None:
        upto = self.regulation.progress["upto"]
        after = self.regulation.progress.get("requests", 0)
        while after < upto:
            blanked, after = requests_log.blank_slice(
                space_id=self.space_id, subject=self.subject, after=after, upto=upto
            )
            self.regulation.progress["requests"] = after
            self._add({"inbound_log": blanked})
            self._go_on()
        self._add({"rejected_message": requests_log.blank_rejected(space_id=self.space_id, subject=self.subject)})

    def copies(self) -> None:
        self._add({"files": copies.forget_exports(space_id=self.space_id, subject=self.subject)})
        counts, self.regulation.left = copies.clean_copies(space_id=self.space_id, subject=self.subject)
        self._add(counts)

    def forward(self) -> None:
        if not forwarding.advance(regulation=self.regulation, subject=self.subject, now=self.now()):
            raise Stopped(LONG_PAUSE)

    def last(self) -> None:
        """What came of calls that were under way, and of the removals from lists."""
        lists = forgetting.forget_lists(space_id=self.space_id, profile_ids=self.subject.profiles, now=self.now())
        self._add({"list_change": lists.calls})
        self.calls()
        if lists.is_busy:
            raise Stopped(PAUSE)
        self.regulation.progress["upto"] = requests_log.newest_request(self.space_id)
        self.requests()
        if people.find_profiles(self.space_id, self.subject):  # made by a call that was under way
            self.regulation.step = "drain"
            self._save()
            raise Stopped(PAUSE)
        counts, self.regulation.left = copies.clean_copies(space_id=self.space_id, subject=self.subject)
        self._add(counts)

    def warehouses(self) -> None:
        """Rows of calls that were written into warehouses, as far as these can be reached now."""
        self._forget_rows()

    def warehouses_again(self) -> None:
        """Those that were written since; a warehouse that cannot be reached is asked again for some days."""
        unreached = self._forget_rows()
        is_over = self.regulation.created_at + forwarding.PATIENCE <= self.now()
        if not is_over and any(one.is_transient for one in unreached):
            raise Stopped(LONG_PAUSE)
        self.regulation.left = [one for one in self.regulation.left if one["what"] != IN_WAREHOUSE] + [
            {"what": IN_WAREHOUSE, "name": self.subject.cleaned_sentence(f"{one.name}. {one.detail}")}
            for one in unreached
        ]
        self._save()

    def _forget_rows(self) -> list[Unreached]:
        identifiers = {(one.id_type, text) for one in self.subject.ids for text in (one.value, one.original)}
        found = forget_person(space_id=self.space_id, identifiers=identifiers)
        self._add({"warehouse_rows": found.rows})
        if found.is_busy:
            raise Stopped(PAUSE)
        return found.unreached

    def _finish(self) -> None:
        with transaction.atomic():
            self.regulation.state = State.DONE
            self.regulation.finished_at = self.now()
            self.regulation.lease_until = None
            self.regulation.error = ""
            self.regulation.step = ""
            self.regulation.subject = b""
            self.regulation.progress = {}
            self.regulation.save()
            Suppression.objects.filter(regulation=self.regulation, is_temporary=True).delete()
            audit.record(
                space=self.regulation.space,
                actor=None,
                action="regulation.finished",
                target=self.regulation,
                after={"kind": self.regulation.kind, "rows": self.regulation.counts},
            )

    def _add(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            if count:
                self.regulation.counts[name] = self.regulation.counts.get(name, 0) + count
        self._save()

    def _save(self) -> None:
        self.regulation.subject = self.subject.seal()
        self.regulation.lease_until = timezone.now() + LEASE
        self.regulation.save(
            update_fields=["step", "subject", "identifiers", "counts", "progress", "left", "lease_until"]
        )

    def _go_on(self) -> None:
        self._save()
        if time.monotonic() >= self.deadline:
            raise Stopped(timedelta())


STEPS: dict[str, Callable[[Job], None]] = {
    "drain": Job.drain,
    "people": Job.people,
    "events": Job.events,
    "strays": Job.strays,
    "calls": Job.calls,
    "requests": Job.requests,
    "copies": Job.copies,
    "warehouses": Job.warehouses,
    "forward": Job.forward,
    "last": Job.last,
    "warehouses_again": Job.warehouses_again,
}


def by_type(subject: Subject) -> dict[str, int]:
    """How many identifiers of which type: what a finished request says of the person."""
    counts: dict[str, int] = {}
    for one in subject.ids:
        counts[one.id_type] = counts.get(one.id_type, 0) + 1
    return dict(sorted(counts.items()))


def claim() -> Regulation | None:
    """Take the oldest open deletion that is due and that nobody works on."""
    now = timezone.now()
    with transaction.atomic():
        found: Regulation | None = (
            Regulation.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("space__workspace")
            .filter(state__in=OPEN)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .order_by("id")
            .first()
        )
        if found is None:
            return None
        found.state = State.RUNNING
        found.lease_until = now + LEASE
        found.save(update_fields=["state", "lease_until"])
    return found


def carry_out(
    regulation: Regulation, *, now: Callable[[], datetime] = timezone.now, seconds: float | None = None
) -> None:
    """Work on a claimed request until it is done, has to wait, or the time is over."""
    deadline = time.monotonic() + (settings.ENGAGE_TASK_SECONDS if seconds is None else seconds)
    rows = Regulation.objects.filter(pk=regulation.pk)
    try:
        Job(regulation, now=now, deadline=deadline).run()
    except Stopped as stopped:
        rows.update(lease_until=timezone.now() + stopped.pause, attempts=0, error="")
    except (DatabaseError, OSError) as error:
        logger.exception("request %s failed in its step %s", regulation.pk, regulation.step)
        connection.close_if_unusable_or_obsolete()
        attempts = regulation.attempts + 1
        is_last = attempts >= MAX_ATTEMPTS
        rows.update(
            state=State.FAILED if is_last else State.RUNNING,
            attempts=attempts,
            # The message of a database may quote a value; its kind says enough here, the log has the rest.
            error=f"The step “{regulation.step}” failed ({type(error).__name__}).",
            lease_until=None if is_last else timezone.now() + timedelta(seconds=2**attempts),
        )


def work() -> None:
    """The task's body."""
    deadline = time.monotonic() + settings.ENGAGE_TASK_SECONDS
    while time.monotonic() < deadline and (regulation := claim()) is not None:
        carry_out(regulation, seconds=max(0.0, deadline - time.monotonic()))


def _payload_likes(subject: Subject) -> list[str]:
    """Patterns for payloads: those of short identifiers with the member they stand in."""
    names = {"user_id": "userid", "anonymous_id": "anonymousid"}
    found = [pattern for pattern in subject.likes() if not pattern.startswith('%"')]
    short = [one for one in subject.ids if one.value in subject.short and one.id_type in names]
    return found + [f'%"{names[one.id_type]}":"{one.value}"%' for one in short]
