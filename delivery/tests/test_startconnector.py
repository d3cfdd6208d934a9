from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from delivery.tests.conftest import Clock
from delivery.tests.vendors import running_vendor
from delivery.tests.walks import Walk
from destinations import catalog, connectors
from spaces.models import Space


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A second folder of connectors, found like the first."""
    connectors.__path__.append(str(tmp_path))
    yield tmp_path
    connectors.__path__.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("destinations.connectors.acme")]:
        del sys.modules[name]
    catalog.definitions.cache_clear()
    importlib.invalidate_caches()


@pytest.mark.parametrize("kind", ["event", "list"])
def test_a_new_connector_delivers_and_no_other_file_was_changed(
    folder: Path, kind: str, space: Space, clock: Clock, settings: Any
) -> None:
    call_command("startconnector", "acme", kind=kind, into=folder)
    catalog.definitions.cache_clear()
    definition = catalog.definition("acme")
    assert definition is not None
    (case,) = importlib.import_module("destinations.connectors.acme.tests.worker_cases").CASES
    with running_vendor() as vendor:
        settings.ENGAGE_SEND_TO = vendor.address
        walk = Walk(definition=definition, case=case, space=space, vendor=vendor, clock=clock)

        added, changed, removed = walk.through()

    assert (list(case.added), list(case.changed), list(case.removed)) == (added, changed, removed)
    assert walk.outcomes() == {"delivered": 4}
