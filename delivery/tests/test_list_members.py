"""Who is on a list, as a run writes it down."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.db import connection as database

from delivery.models import ListMember
from delivery.selectors.books import Books, books_of
from delivery.services import lists
from delivery.tests.builders import rows
from delivery.tests.sinks import Received, Sink
from delivery.tests.test_lists import NOW, change, connected, make_profiles
from spaces.models import Space

PUT = """
INSERT INTO list_member (space_id, connection_id, profile_id, id_type, id_value, added_at)
SELECT space_id, connection_id, profile_id, id_type, id_value, %s FROM list_change
"""
WAITED_FOR = "SELECT EXISTS (SELECT FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))"


def test_a_member_keeps_the_time_since_when_it_is_listed(space: Space, sink: Sink) -> None:
    connection = connected(space, sink)
    known, new = make_profiles(space, 2)
    change(space, known)
    with database.cursor() as cursor:
        cursor.execute(PUT, [NOW - timedelta(days=1)])
    change(space, new)

    lists.sync_due(now=NOW)

    assert rows("SELECT profile_id, added_at FROM list_member ORDER BY profile_id") == [
        (known, NOW - timedelta(days=1)),
        (new, NOW),
    ]
    assert books_of([connection])[connection.pk] == Books(emitted=2, delivered=2)


@pytest.mark.django_db(transaction=True)
def test_a_member_that_somebody_else_puts_there_meanwhile_loses_no_outcome(space: Space, sink: Sink) -> None:
    """A merge of profiles moves a member to the profile whose entry is just being written."""
    connection = connected(space, sink)
    change(space, *make_profiles(space, 3))
    is_sent = threading.Event()

    def answer(_received: Received) -> tuple[int, dict[str, str], bytes]:
        is_sent.set()
        return 200, {}, b""

    def merge() -> None:
        with psycopg.connect(**database.get_connection_params() | {"cursor_factory": None}) as own:
            own.execute(f"{PUT} LIMIT 1", [NOW])
            is_holding.set()
            is_sent.wait(30)
            for _ in range(300):
                if own.execute(WAITED_FOR).fetchone() == (True,):
                    break
                time.sleep(0.05)
            else:
                problems.append("Nobody waited for the member.")

    is_holding, problems = threading.Event(), list[str]()
    sink.answer = answer
    merging = threading.Thread(target=merge)
    merging.start()
    is_holding.wait(30)

    lists.sync_due(now=NOW)
    merging.join()

    assert problems == []
    assert len(sink.requests) == 1
    assert ListMember.objects.count() == 3
    assert books_of([connection])[connection.pk] == Books(emitted=3, delivered=3)
