"""Calls that commit late, after others with later ids, are not skipped."""

from __future__ import annotations

import psycopg
import pytest

from delivery.models import Delivery
from delivery.tests.builders import make_connection
from tests import factories
from traits.tests.warehouses import make_duckdb, server
from warehouse_output.models import OutputRun
from warehouse_output.services import writing
from warehouse_output.services.runs import claim_run
from warehouse_output.tests.writing import ask_file, emit, run_all, switch_on

pytestmark = pytest.mark.django_db(transaction=True)
LATE = """
INSERT INTO delivery (space_id, destination_id, connection_id, profile_id, message_id, kind, payload, created_at,
    next_attempt_at)
VALUES (%s, %s, %s, 1, 'personas_late', 'identify', %s, now(), now())
"""
PAYLOAD = '{"type": "identify", "messageId": "personas_late", "userId": "late", "traits": {"big_spenders": true}}'


def test_a_run_waits_for_transactions_with_earlier_ids(space, tmp_path, settings, monkeypatch):
    settings.ENGAGE_WAREHOUSE_FOLDERS = [str(tmp_path)]
    monkeypatch.setattr(writing, "PATIENCE_SECONDS", 0.0)
    path = tmp_path / "calls.duckdb"
    source = make_duckdb(space=space, path=path, if_missing="make")
    connection = make_connection(space=space, send_identify=True, send_track=False)
    given = server()
    with psycopg.connect(
        host=given["host"], port=given["port"], dbname=given["database"], user=given["user"],
        password=given["password"],
    ) as late:  # fmt: skip
        late.execute(LATE, [space.pk, connection.destination_id, connection.pk, PAYLOAD])
        emit(connection, factories.make_profile(space=space, ids=[("user_id", "early")]))
        switch_on(source)
        run = claim_run()
        writing.work(run)
        run.refresh_from_db()
        assert (run.state, len(run.waits_for), run.calls) == ("running", 1, 0)
        late.commit()
    [run] = run_all()

    assert (run.state, run.calls, run.waits_for) == ("done", 2, [])
    ids = list(Delivery.objects.in_space(space).order_by("id").values_list("message_id", flat=True))
    assert ids[0] == "personas_late"
    assert ask_file(path)("SELECT user_id FROM engage_acme_dev.identifies ORDER BY 1") == [("early",), ("late",)]
    assert OutputRun.objects.count() == 1
