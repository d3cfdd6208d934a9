from __future__ import annotations

from django.apps import AppConfig


class WarehouseOutputConfig(AppConfig):
    name = "warehouse_output"
