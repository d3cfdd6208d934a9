"""The description of the REST API that clients are generated from."""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command


def test_the_schema_is_made_without_a_warning(tmp_path: Path) -> None:
    """Two operations or shapes of one name would get lost in it, or numbers for names."""
    target = tmp_path / "schema.yml"

    call_command("spectacular", "--fail-on-warn", "--validate", file=str(target))

    written = target.read_text()
    assert written.count("operationId: audience_folders_read\n") == 1
    assert "MappingPreviewInput:" in written
