"""The REST API under /api/v1/: what each app offers, the OpenAPI document, and the page that shows it."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import IsAuthenticated

from audiences.api import ConditionSchemaView
from engage_admin.api_docs import api_docs
from engage_admin.api_profiles import ProfileAudiences, ProfileJourneys
from journeys.api import JourneySchemaView
from traits.api import TraitSchemaView

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularJSONAPIView.as_view(permission_classes=[IsAuthenticated]), name="api_schema"),
    path("docs/", api_docs, name="api_docs"),
    path("schemas/condition.json", ConditionSchemaView.as_view()),
    path("schemas/journey.json", JourneySchemaView.as_view()),
    path("schemas/trait.json", TraitSchemaView.as_view()),
    path("", include("spaces.api_urls")),
    path("spaces/<slug:space>/", include("alerts.api_urls")),
    path("spaces/<slug:space>/", include("profiles.api_urls")),
    path("spaces/<slug:space>/profiles/<str:segment_id>/audiences/", ProfileAudiences.as_view()),
    path("spaces/<slug:space>/profiles/<str:segment_id>/journeys/", ProfileJourneys.as_view()),
    path("spaces/<slug:space>/", include("audiences.api_urls")),
    path("spaces/<slug:space>/", include("traits.api_urls")),
    path("spaces/<slug:space>/", include("warehouse_output.api_urls")),
    path("spaces/<slug:space>/", include("journeys.api_urls")),
    path("spaces/<slug:space>/", include("destinations.api_urls")),
    path("spaces/<slug:space>/", include("delivery.api_urls")),
    path("spaces/<slug:space>/", include("ingest.api_urls")),
]
