"""REST addresses of profiles, under /api/v1/spaces/<slug:space>/."""

from __future__ import annotations

from django.urls import path

from profiles import api, api_event_filters

urlpatterns = [
    path("event-filters/", api_event_filters.EventFilterList.as_view()),
    path("event-filters/<slug:filter_id>/", api_event_filters.EventFilterDetail.as_view()),
    path("profiles/", api.ProfileList.as_view()),
    path("profiles/<str:segment_id>/", api.ProfileDetail.as_view()),
    path("profiles/<str:segment_id>/events/", api.ProfileEvents.as_view()),
]
