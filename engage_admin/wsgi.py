"""WSGI entry: tracking paths leave before Django's middleware (measurements.md §1), all else is Django."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engage_admin.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
