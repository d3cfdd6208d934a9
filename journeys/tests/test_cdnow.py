"""A journey over real orders: the dry run against a count from the file alone (tools.prove_journey: all of them)."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from delivery.tests.builders import make_destination
from journeys.models import DryRun, JourneyVersion
from journeys.services import dry_runs
from journeys.services.drafts import create_journey
from journeys.tests import cdnow
from journeys.tests.cdnow_rows import store_orders
from spaces.models import Space, User


@pytest.fixture
def version(space: Space, owner: User) -> JourneyVersion:
    store_orders(space, cdnow.read_orders())
    destination = make_destination(space=space)
    definition = cdnow.definition(destination.public_id)
    return create_journey(space=space, name="Second order", definition=definition, created_by=owner)


def run(version: JourneyVersion, owner: User, **period: object) -> DryRun:
    dry_runs.start(version=version, started_by=owner, **period)  # type: ignore[arg-type]
    claimed = dry_runs.claim()
    assert claimed is not None
    dry_runs.work(claimed, deadline=time.monotonic() + 60)
    claimed.refresh_from_db()
    assert claimed.state == DryRun.State.DONE, claimed.error
    return claimed


MIDDLE = datetime(1997, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize("to_at", [cdnow.TO_AT, MIDDLE, datetime(1997, 1, 20, tzinfo=UTC)])
def test_a_dry_run_counts_what_the_file_says(version: JourneyVersion, owner: User, to_at: datetime) -> None:
    result = run(version, owner, from_at=cdnow.FROM_AT, to_at=to_at).result

    expected = cdnow.count(cdnow.read_orders(), to_at=to_at)
    assert result is not None
    assert result["entered"] == expected.entered
    steps = result["steps"]
    assert (steps["wait"]["entered"], steps["wait"]["waiting"]) == (expected.entered, expected.waiting)
    assert steps["wait"]["left"] == expected.again + expected.once
    assert steps["again"]["branches"] == {
        name: number for name, number in (("true", expected.again), ("false", expected.once)) if number
    }
    assert (steps["thanks"]["entered"], steps["thanks"]["sent"]) == (expected.again, expected.again)
    assert steps["wait"]["median_seconds"] == (2_592_000 if expected.again + expected.once else None)
    sends = [(send["people"], send["calls"], send["built"]) for send in result["sends"]]
    assert sends == ([(expected.again, 2 * expected.again, 2 * expected.again)] if expected.again else [])
    assert result["completed"] == expected.again + expected.once


def test_the_sample_has_every_outcome() -> None:
    found = cdnow.count(cdnow.read_orders(), to_at=MIDDLE)

    assert min(found.waiting, found.again, found.once) > 10
    assert found.entered == found.waiting + found.again + found.once
