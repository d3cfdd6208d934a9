"""All URLs. Pages live under /s/<space>/, the REST API under /api/v1/, tracking under /v1/ (see wsgi.py)."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
