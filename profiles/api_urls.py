"""REST addresses of profiles, under /api/v1/spaces/<slug:space>/."""

from __future__ import annotations

from django.urls import path

from profiles import api

urlpatterns = [
    path("profiles/", api.ProfileList.as_view()),
    path("profiles/<str:segment_id>/", api.ProfileDetail.as_view()),
    path("profiles/<str:segment_id>/events/", api.ProfileEvents.as_view()),
]
