"""REST addresses of what came in, under /api/v1/spaces/<slug:space>/."""

from __future__ import annotations

from django.urls import path

from ingest import api, debugger_api, regulations_api

urlpatterns = [
    path("debugger/incoming/", debugger_api.IncomingView.as_view()),
    path("regulations/", regulations_api.RegulationList.as_view()),
    path("regulations/<slug:regulation_id>/", regulations_api.RegulationDetail.as_view()),
    path("regulations/<slug:regulation_id>/lift/", regulations_api.RegulationLift.as_view()),
    path("sources/<slug:source_id>/counts/", api.SourceCounts.as_view()),
    path("sources/<slug:source_id>/rejected/", api.SourceRejected.as_view()),
]
