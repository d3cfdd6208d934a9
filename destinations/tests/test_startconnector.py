from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from destinations import catalog, connectors


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A second folder of connectors, found like the first."""
    connectors.__path__.append(str(tmp_path))
    catalog.definitions.cache_clear()
    yield tmp_path
    connectors.__path__.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("destinations.connectors.acme")]:
        del sys.modules[name]
    catalog.definitions.cache_clear()
    importlib.invalidate_caches()


@pytest.mark.parametrize("kind", ["event", "list"])
def test_a_new_connector_is_in_the_catalog_and_its_tests_pass(folder: Path, kind: str) -> None:
    call_command("startconnector", "acme", kind=kind, name="Acme Two", into=folder)
    catalog.definitions.cache_clear()

    found = catalog.definition("acme")

    assert found is not None
    assert (found.name, found.kind) == ("Acme Two", kind)
    assert found.icon.startswith("<svg")
    assert "Acme Two" in found.docs
    run = f"import destinations.connectors as c; c.__path__.append({str(folder)!r}); import pytest, sys; "
    run += "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '--noconftest', '-c', '/dev/null', "
    run += f"'--import-mode=importlib', {str(folder)!r}]))"
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=False, env=alone)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("slug", ["Acme", "acme-two", "2acme", "acme__x", ""])
def test_an_odd_slug_is_refused(folder: Path, slug: str) -> None:
    with pytest.raises(CommandError, match="snake case"):
        call_command("startconnector", slug, into=folder)

    assert list(folder.iterdir()) == []


def test_a_connector_that_is_there_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(CommandError, match="already"):
        call_command("startconnector", "webhook", into=folder)

    assert list(folder.iterdir()) == []
