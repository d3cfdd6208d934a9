"""REST routes under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import path

from delivery import api, drift_api

urlpatterns = [
    path("connections/<str:connection>/", api.ConnectionDetailView.as_view()),
    path("connections/<str:connection>/sync/", api.ConnectionSyncView.as_view()),
    path("connections/<str:connection>/drift/", drift_api.ConnectionDriftView.as_view()),
    path("connections/<str:connection>/drift/people/", drift_api.ConnectionDriftPeopleView.as_view()),
    path("destinations/<str:destination>/traits/", api.DestinationTraitsView.as_view()),
    path("deliveries/", api.DeliveryListView.as_view()),
    path("deliveries/replay/", api.ReplayView.as_view()),
]
