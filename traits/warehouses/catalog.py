"""The kinds of warehouses that SQL traits can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.secrets import SecretsError, decrypt
from traits.models import WarehouseSource
from traits.warehouses import duckdb_file, postgresql
from traits.warehouses.interface import Connector, WarehouseError

CONNECTORS: dict[str, Connector] = {one.slug: one for one in (postgresql.CONNECTOR, duckdb_file.CONNECTOR)}


def connector_of(source: WarehouseSource) -> Connector:
    return CONNECTORS[source.connector]


def opened_settings(source: WarehouseSource) -> Mapping[str, Any]:
    """Settings and secrets of a stored warehouse together."""
    try:
        secrets = decrypt(source.secrets)
    except SecretsError as error:
        raise WarehouseError(str(error)) from error
    blank = dict.fromkeys(connector_of(source).secret_names, "")
    return {**blank, **source.settings, **secrets}
