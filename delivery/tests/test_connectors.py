from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from delivery.tests.builders import rows
from delivery.tests.conftest import Clock
from delivery.tests.vendors import Vendor, running_vendor
from delivery.tests.walks import Walk
from destinations import catalog
from destinations.kit.testing import WorkerCase
from spaces.models import Space

RunWorker = Callable[..., bool]


def module_of(slug: str) -> str:
    return f"destinations.connectors.{slug}.tests.worker_cases"


def worker_cases() -> list[Any]:
    found = []
    for slug in catalog.definitions():
        if importlib.util.find_spec(module_of(slug)) is not None:
            cases: list[WorkerCase] = importlib.import_module(module_of(slug)).CASES
            found += [pytest.param(slug, case, id=f"{slug}-{case.name}") for case in cases]
    return found


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with running_vendor() as opened:
        yield opened


@pytest.fixture
def walk(space: Space, vendor: Vendor, clock: Clock, settings: Any) -> Callable[..., Walk]:
    settings.ENGAGE_SEND_TO = vendor.address

    def start(slug: str, case: WorkerCase) -> Walk:
        definition = catalog.definition(slug)
        assert definition is not None
        settings.ENGAGE_CONNECTOR_SETTINGS = {slug: dict(case.operator)}
        return Walk(definition=definition, case=case, space=space, vendor=vendor, clock=clock)

    return start


@pytest.mark.parametrize("slug", list(catalog.definitions()))
def test_every_connector_is_walked_through(slug: str) -> None:
    assert importlib.util.find_spec(module_of(slug)) is not None, f"write {module_of(slug)}: docs/connectors.md"


@pytest.mark.parametrize(("slug", "case"), worker_cases())
def test_a_person_enters_gains_an_email_and_leaves(walk: Callable[..., Walk], slug: str, case: WorkerCase) -> None:
    walking = walk(slug, case)

    added, changed, removed = walking.through()

    # The expected side stands first: ANYTHING in it decides.
    assert list(case.added) == added
    assert list(case.changed) == changed
    assert list(case.removed) == removed
    assert set(walking.outcomes()) <= {"delivered", "filtered"}


@pytest.mark.parametrize(("slug", "case"), worker_cases())
def test_a_failing_vendor_loses_nothing(walk: Callable[..., Walk], slug: str, case: WorkerCase) -> None:
    walking = walk(slug, case)
    walking.change(walking.person, value=True)
    walking.work()
    before = walking.outcomes()

    walking.vendor.failing, walking.vendor.failing_url = case.failing, case.failing_url
    walking.change(walking.make_person("u2", "ben@example.org"), value=True)
    walking.work()
    failing = walking.outcomes()
    walking.vendor.failing = None
    walking.pass_time()
    walking.work()
    after = walking.outcomes()

    emitted = rows("SELECT sum(calls)::bigint FROM delivery_counter WHERE outcome = 'emitted'")[0][0]
    assert failing.get("waiting" if case.retried else "failed", 0) > 0
    assert failing.get("delivered", 0) == before.get("delivered", 0)
    assert "waiting" not in after
    assert ("failed" in after) is not case.retried
    assert sum(after.values()) == emitted
