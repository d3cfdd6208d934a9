"""The list of journeys and all that is live of one: overview, people, runs, review, versions, settings, life cycle."""

from __future__ import annotations

from django.urls import path

from journeys.views import journeys, live, people, runs

urlpatterns = [
    path("journeys/", journeys.journey_list, name="list"),
    path("journeys/of-profile/<str:segment_id>/", runs.profile_journeys, name="profile_journeys"),
    path("journeys/<str:journey_id>/", live.overview, name="overview"),
    path("journeys/<str:journey_id>/live/", live.live, name="live"),
    path("journeys/<str:journey_id>/steps/<str:step_id>/people/", people.step_people, name="step_people"),
    path("journeys/<str:journey_id>/steps/<str:step_id>/people.csv", people.step_csv, name="step_csv"),
    path("journeys/<str:journey_id>/runs/", runs.run_list, name="runs"),
    path("journeys/<str:journey_id>/runs/<int:run_id>/", runs.run, name="run"),
]
