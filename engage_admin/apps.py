from __future__ import annotations

from django.apps import AppConfig


class EngageAdminConfig(AppConfig):
    name = "engage_admin"
