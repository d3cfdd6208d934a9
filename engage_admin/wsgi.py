"""WSGI entry: tracking paths leave before Django's middleware (measurements.md §1), all else is Django."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engage_admin.settings")

from django.core.wsgi import get_wsgi_application

pages = get_wsgi_application()

from ingest.tracking import Environ, call_of, handle  # noqa: E402 - the apps have to be loaded first


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path.startswith("/v1/"):
        call = call_of(path)
        if call is not None:
            return handle(call, environ, start_response)
    return pages(environ, start_response)
