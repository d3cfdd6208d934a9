"""Tasks of a worker share its database connection, and never get a broken one."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection

from engage_admin.celery import app, keep_good_connections

pytestmark = pytest.mark.django_db(transaction=True)

FIXUP = DjangoWorkerFixup(app)
TASK = SimpleNamespace(request=SimpleNamespace(is_eager=False))


def session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def next_task() -> None:
    """What happens between two tasks, in the order of the signals."""
    FIXUP.on_task_postrun(sender=TASK)
    FIXUP.on_task_prerun(sender=TASK)
    keep_good_connections(sender=TASK)


@pytest.fixture(autouse=True)
def lasting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections last, as in production."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 300)
    yield
    connection.close()


def test_the_next_task_keeps_the_session() -> None:
    first = session()

    next_task()

    assert session() == first


def test_a_session_that_the_server_ended_is_replaced_before_the_next_task() -> None:
    first = session()
    connection.connection.close()

    next_task()

    assert session() != first
