"""From the inbound log to stored events and profiles: read this first.

`process_next` takes the oldest waiting requests, about MICRO_BATCH messages, and does in ONE transaction: split and
check them (inbound.py), refuse suppressed people (suppressing.py), apply the filters of the space (filtering.py), drop
duplicates, resolve identities (resolving.py), merge profiles and traits, COPY the events, tell the audiences whom to
evaluate, count, delete the requests, and queue what goes on to destinations that are connected to a source directly
(sending_on.py). A kill at any point loses nothing and repeats nothing. For every source and hour received = stored +
duplicate + rejected.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence

from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from psycopg import errors

from audiences.services.locks import lock_space
from audiences.tasks import compute
from common.collecting import uncollected
from common.tasks import enqueue
from delivery.services.source_calls import direct_connections
from ingest.filtering import drop_filtered
from ingest.inbound import Message, claim, keep
from ingest.resolving import IdentityConflictError
from ingest.sending_on import send_on
from ingest.storing import MergeNeededError, Tally, admit, store
from ingest.suppressing import refuse_suppressed
from ingest.writing import write_tally
from profiles.services.locks import own_profiles, share_profiles

logger = logging.getLogger(__name__)

MICRO_BATCH = 3_000
TRIES = 8
# After a merge the next batches of the space start alone, which saves doing their look-up twice.
ALONE_SECONDS = 1.0

_alone_until: dict[int, float] = {}


def process_next(limit: int = MICRO_BATCH) -> int:
    """Process the oldest waiting requests, about `limit` messages; how many it took, 0 when nothing waits.

    Lost races with another worker (a deadlock, the same new identifier) are tried again whole.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with uncollected():
                return _process(limit)
        except (OperationalError, IntegrityError, IdentityConflictError) as error:
            if attempt == TRIES or not _is_lost_race(error):
                raise
            logger.info("micro-batch is tried again after %s", type(error).__name__)
            time.sleep(0.02 * attempt)
    raise AssertionError("unreachable")


def _is_lost_race(error: Exception) -> bool:
    return isinstance(error, IdentityConflictError) or isinstance(
        error.__cause__, errors.DeadlockDetected | errors.UniqueViolation | errors.SerializationFailure
    )


def _is_too_large(error: OperationalError) -> bool:
    return isinstance(error.__cause__, errors.ProgramLimitExceeded | errors.StatementTooComplex)


@transaction.atomic
def _process(limit: int) -> int:
    row_ids, by_space = claim(limit)
    if not row_ids:
        return 0
    total = Tally()
    direct = direct_connections(by_space)
    for space_id, messages in sorted(by_space.items()):
        refuse_suppressed(space_id, messages)
        drop_filtered(space_id, messages)
        total.add(_store_bisecting(space_id, messages, direct))
    keep(row_ids, total.marks)
    write_tally(total)
    send_on(total.sent_on, direct)
    if total.has_changes:
        enqueue(compute)
    return sum(map(len, by_space.values()))


def _store_bisecting(space_id: int, messages: Sequence[Message], direct: Collection[int]) -> Tally:
    """Store the messages; when PostgreSQL refuses a value, find its message by halving and reject that one alone."""
    try:
        return _store(space_id, messages, direct)
    except (DataError, OperationalError, ValueError, TypeError, OverflowError, RecursionError) as error:
        if isinstance(error, OperationalError) and not _is_too_large(error):
            raise
        logger.warning("space %s: a value was refused among %s messages: %s", space_id, len(messages), type(error))
        if len(messages) == 1:
            refusal = str(error).partition("\n")[0]
            messages[0].reject("bad_request", f"The message has a value that cannot be stored: {refusal}.")
            return _store(space_id, messages, direct)
    middle = len(messages) // 2
    tally = _store_bisecting(space_id, messages[:middle], direct)
    tally.add(_store_bisecting(space_id, messages[middle:], direct))
    return tally


@transaction.atomic
def _store(space_id: int, messages: Sequence[Message], direct: Collection[int]) -> Tally:
    """Admit the messages once; what they make of the profiles is tried again after a lost race for an identifier."""
    now = timezone.now()
    admitted = admit(space_id, messages, direct=direct, now=now)
    if not admitted.fresh:
        return admitted.tally
    is_alone = _alone_until.get(space_id, 0.0) > time.monotonic()
    for _ in range(TRIES):
        try:
            # Rolling back to the savepoint gives its locks back, so a shared one can become the only one.
            with transaction.atomic():
                if is_alone:
                    own_profiles(space_id)
                    lock_space(space_id)
                else:
                    share_profiles(space_id)
                store(admitted, is_alone=is_alone, now=now)
                return admitted.tally
        except MergeNeededError:
            is_alone = True
            _alone_until[space_id] = time.monotonic() + ALONE_SECONDS
        except IdentityConflictError:
            continue
    raise IdentityConflictError


def waiting() -> int:
    """How many requests wait in the inbound log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM inbound_batch")
        return int(cursor.fetchone()[0])
