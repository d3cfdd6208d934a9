"""Overrides for the test suite: speed and isolation only."""

from __future__ import annotations

import os

os.environ.setdefault("ENGAGE_SECRET_KEY", "test-only")
os.environ.setdefault("ENGAGE_ENCRYPTION_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")

# Each process of a parallel run has a Valkey database of its own, as it has a PostgreSQL database of its own.
if worker := os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"):
    os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].rpartition('/')[0]}/{int(worker) + 1}"

from engage_admin.settings import *  # noqa: F403

ENGAGE_DEMO = True
ENGAGE_ALLOWED_NETWORKS = ["127.0.0.0/8", "::1/128"]
ENGAGE_LIST_INTERVAL_SECONDS = 0
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405
DATABASES["default"]["TEST"] = {"NAME": os.environ.get("ENGAGE_TEST_DB", "test_engage")}  # noqa: F405
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = ""  # noqa: F405
LOGGING["root"]["level"] = "ERROR"  # noqa: F405
