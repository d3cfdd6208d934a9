"""REST routes under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import path

from alerts import api

urlpatterns = [
    path("alerts/", api.AlertListView.as_view()),
    path("alerts/history/", api.AlertHistoryView.as_view()),
    path("alerts/<str:alert>/", api.AlertView.as_view()),
]
