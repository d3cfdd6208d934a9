"""The destinations of a step."""

from __future__ import annotations

from django.urls import path

from journeys.views import sending

STEP = "journeys/<str:journey_id>/steps/<str:step_id>/destinations/"

urlpatterns = [
    path(STEP, sending.choose, name="step_destinations"),
    path(STEP + "<str:destination_id>/", sending.destination, name="step_destination"),
    path(STEP + "<str:destination_id>/remove/", sending.remove, name="step_destination_remove"),
]
