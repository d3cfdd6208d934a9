"""Writing Engage's calls into a DuckDB file, in a process of its own: a block is written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings as product

from engine.warehouse.kinds import Kind
from engine.warehouse.planning import TablePlan
from traits.warehouses.duckdb_process import Child
from traits.warehouses.interface import Forgotten, Limits, WarehouseError


class _Writing(Child):
    """A process that writes (`duckdb_writing_child`)."""

    module = "traits.warehouses.duckdb_writing_child"

    def late(self, seconds: float) -> WarehouseError:
        detail = (
            f"Writing a block of rows took longer than {seconds:g} seconds and was stopped. Is the disk slow? "
            "Otherwise let the operator raise ENGAGE_WAREHOUSE_SECONDS."
        )
        return WarehouseError(detail, is_transient=True)

    def too_large(self) -> WarehouseError:
        return WarehouseError(
            f"Writing into {self.path} needs more memory than {product.ENGAGE_WAREHOUSE_MEMORY_MB} MB. Let the "
            "operator raise ENGAGE_WAREHOUSE_MEMORY_MB."
        )

    def not_opened(self, said: str) -> WarehouseError:
        lower = said.lower()
        if "lock" in lower:
            detail = f"{self.path} is locked by another program. The rows are written once that has closed it."
            return WarehouseError(detail, path="/path", is_transient=True)
        if "permission denied" in lower or "read-only file system" in lower:
            detail = f"This server may not write {self.path}. Let its user write the file and its folder."
            return WarehouseError(detail, path="/path")
        return super().not_opened(said)


class DuckdbWriter:
    """`traits.warehouses.interface.Writer`."""

    def __init__(self, child: _Writing) -> None:
        self._child = child

    def tables(self, schemas: Sequence[str]) -> dict[str, dict[str, dict[str, Kind]]]:
        answer = self._asked({"op": "tables", "schemas": list(schemas)})["tables"]
        return {
            schema: {
                table: {column: Kind(kind) for column, kind in columns.items()} for table, columns in tables.items()
            }
            for schema, tables in answer.items()
        }

    def write(self, schemas: Mapping[str, Sequence[TablePlan]]) -> dict[str, int]:
        plans = {schema: [plan.to_json() for plan in found] for schema, found in sorted(schemas.items())}
        return self._counts({"op": "write", "schemas": plans})

    def forget(self, wanted: Sequence[Forgotten]) -> dict[str, int]:
        return self._counts({"op": "forget", "wanted": [asdict(one) for one in wanted]})

    def _counts(self, message: dict[str, Any]) -> dict[str, int]:
        counts: dict[str, int] = self._asked(message)["rows"]
        return counts

    def _asked(self, message: dict[str, Any]) -> dict[str, Any]:
        self._child.send(message)
        return self._child.read()


@contextmanager
def writing(path: Path, limits: Limits) -> Iterator[DuckdbWriter]:
    """The file, opened for writing, and made when it is not there."""
    path.parent.mkdir(exist_ok=True)
    child = _Writing(path, {}, limits)
    try:
        child.read()
        yield DuckdbWriter(child)
        child.send({"op": "close"})
        child.read()
    finally:
        child.close()
