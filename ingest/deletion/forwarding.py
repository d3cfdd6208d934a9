"""Telling the destinations that know the person; what cannot be told is listed, to be done by hand."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from delivery.services.forgetting import lists_waiting
from destinations.models import DeletionForward, Destination
from destinations.services.forgetting import Forwarded, can_delete, delete_there
from ingest.deletion.subject import Subject
from profiles.models import Regulation

State = DeletionForward.State
# ingestion-and-profiles.md §9 gives 30 days for the whole; the identifiers are not kept longer than this for it.
PATIENCE = timedelta(days=7)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
BY_HAND = "Its tool takes no requests to delete a person from here. Delete them there."
LIST_LEFT = "The list did not take the removal in time. Remove them there."
LIST_DONE = "They were taken off its lists."


def begin(*, regulation: Regulation, subject: Subject, lists: Collection[int], now: datetime) -> None:
    """A row for every destination that can delete people, and for each other one that was sent something."""
    rows = Destination.objects.filter(space_id=regulation.space_id, deleted_at=None).order_by("pk")
    for destination in rows:
        if destination.pk in lists or can_delete(destination):
            state, detail = State.WAITING, ""
        elif destination.pk in subject.destinations:
            state, detail = State.BY_HAND, BY_HAND
        else:
            continue
        DeletionForward.objects.get_or_create(
            regulation=regulation,
            destination=destination,
            defaults={
                "state": state,
                "detail": detail,
                "is_list": destination.pk in lists,
                "next_attempt_at": now if state == State.WAITING else None,
                "finished_at": now if state == State.BY_HAND else None,
            },
        )


def advance(*, regulation: Regulation, subject: Subject, now: datetime) -> bool:
    """Make the requests that are due; True when nothing is left to be told."""
    is_over = regulation.created_at + PATIENCE <= now
    pending = lists_waiting(space_id=regulation.space_id, profile_ids=subject.profiles)
    for forward in regulation.forwards.select_related("destination").filter(state__in=[State.WAITING, State.FAILED]):
        if forward.is_list and forward.destination_id in pending and not is_over:
            continue
        if forward.is_list and not _is_told(forward, subject, pending, now):
            continue
        if forward.state == State.WAITING and forward.next_attempt_at is not None and forward.next_attempt_at <= now:
            _ask(forward, subject, now)
        if is_over and forward.state in {State.WAITING, State.FAILED}:
            _note(forward, Forwarded(state=State.BY_HAND, detail=f"{BY_HAND} {forward.detail}".strip()), subject, now)
    return not regulation.forwards.filter(state__in=[State.WAITING, State.FAILED]).exists()


def _is_told(forward: DeletionForward, subject: Subject, pending: Collection[int], now: datetime) -> bool:
    """A list is told by its sync. True when its tool is to be asked to delete the person besides."""
    if forward.destination_id in pending:
        _note(forward, Forwarded(state=State.BY_HAND, detail=LIST_LEFT), subject, now)
        return False
    if not can_delete(forward.destination):
        _note(forward, Forwarded(state=State.DONE, detail=LIST_DONE), subject, now)
        return False
    return True


def _ask(forward: DeletionForward, subject: Subject, now: datetime) -> None:
    if forward.destination.paused_at is not None:
        forward.next_attempt_at, forward.detail = now + LONGEST_WAIT, "The destination is paused."
        forward.save(update_fields=["next_attempt_at", "detail"])
        return
    forward.attempts += 1
    _note(forward, delete_there(forward.destination, subject.calls()), subject, now)


def _note(forward: DeletionForward, result: Forwarded, subject: Subject, now: datetime) -> None:
    forward.state = result.state
    forward.detail = subject.cleaned_sentence(result.detail)
    is_open = result.state in {State.WAITING, State.FAILED}
    forward.finished_at = None if is_open else now
    wait = min(FIRST_WAIT * 2 ** min(forward.attempts, 10), LONGEST_WAIT)
    forward.next_attempt_at = now + wait if result.state == State.WAITING else None
    forward.save()


def try_again(forward: DeletionForward, *, now: datetime) -> None:
    """Ask a destination once more that refused."""
    DeletionForward.objects.filter(pk=forward.pk, state=State.FAILED).update(state=State.WAITING, next_attempt_at=now)


def settle_by_hand(forward: DeletionForward, *, now: datetime) -> None:
    """A person saw to it."""
    rows = DeletionForward.objects.filter(pk=forward.pk, state__in=[State.WAITING, State.FAILED])
    rows.update(state=State.BY_HAND, next_attempt_at=None, finished_at=now, detail="Left to be done by hand.")
