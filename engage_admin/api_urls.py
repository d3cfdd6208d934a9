"""The REST API under /api/v1/: what each app offers, the OpenAPI document, and the page that shows it."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated

from engage_admin.api_docs import api_docs

APPS = ("profiles", "audiences", "destinations", "delivery", "ingest")

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(permission_classes=[IsAuthenticated]), name="api_schema"),
    path("docs/", api_docs, name="api_docs"),
    path("", include("spaces.api_urls")),
    *(
        path("spaces/<slug:space>/", include(f"{app}.api_urls"))
        for app in APPS
        if find_spec(f"{app}.api_urls") is not None
    ),
]
