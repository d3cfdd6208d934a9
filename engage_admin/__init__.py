"""The Django project: settings, URLs, Celery. Nobody imports it."""

from __future__ import annotations

from engage_admin.celery import app as celery_app

__all__ = ["celery_app"]
