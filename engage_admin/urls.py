"""All URLs. Pages live under /s/<space>/, the REST API under /api/v1/, tracking under /v1/ (see wsgi.py)."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from common.gallery import gallery
from engage_admin.health import healthz
from engage_admin.home import home

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("", include("spaces.entry_urls")),
    path("", include("destinations.consent_urls")),
    path("api/v1/", include("engage_admin.api_urls")),
    path("v1/spaces/", include("engage_admin.profile_api.urls")),
    path("v1/namespaces/", include("engage_admin.profile_api.urls")),
    path("s/<slug:space>/", home, name="home"),
    path("s/<slug:space>/", include("spaces.urls")),
    path("s/<slug:space>/", include("alerts.urls")),
    path("s/<slug:space>/", include("profiles.urls")),
    path("s/<slug:space>/", include("destinations.urls")),
    path("s/<slug:space>/", include("delivery.urls")),
    path("s/<slug:space>/", include("audiences.urls")),
    path("s/<slug:space>/", include("traits.urls")),
    path("s/<slug:space>/", include("warehouse_output.urls")),
    path("s/<slug:space>/", include("journeys.urls")),
    path("s/<slug:space>/", include("ingest.urls")),
]
if settings.ENGAGE_DEMO:
    urlpatterns.append(path("echo/", include("demo.urls")))
if settings.DEBUG:
    urlpatterns.append(path("_gallery/", gallery))

handler400 = "spaces.views.errors.bad_request"
handler403 = "spaces.views.errors.permission_denied"
handler404 = "spaces.views.errors.page_not_found"
handler500 = "spaces.views.errors.server_error"
