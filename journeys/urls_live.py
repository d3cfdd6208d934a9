"""The list of journeys and all that is live of one: overview, people, runs, review, versions, settings, life cycle."""

from __future__ import annotations

from django.urls import path

from journeys.views import journeys, lifecycle, live, people, review, runs, versions

urlpatterns = [
    path("journeys/", journeys.journey_list, name="list"),
    path("journeys/of-profile/<str:segment_id>/", runs.profile_journeys, name="profile_journeys"),
    path("journeys/<str:journey_id>/", live.overview, name="overview"),
    path("journeys/<str:journey_id>/live/", live.live, name="live"),
    path("journeys/<str:journey_id>/steps/<str:step_id>/people/", people.step_people, name="step_people"),
    path("journeys/<str:journey_id>/steps/<str:step_id>/people.csv", people.step_csv, name="step_csv"),
    path("journeys/<str:journey_id>/steps/<str:step_id>/name/", people.step_rename, name="step_rename"),
    path("journeys/<str:journey_id>/runs/", runs.run_list, name="runs"),
    path("journeys/<str:journey_id>/runs/<int:run_id>/", runs.run, name="run"),
    path("journeys/<str:journey_id>/review/", review.review, name="review"),
    path("journeys/<str:journey_id>/versions/", versions.version_list, name="versions"),
    path("journeys/<str:journey_id>/versions/new/", lifecycle.new_version, name="new_version"),
    path("journeys/<str:journey_id>/versions/restore/", lifecycle.restore, name="restore"),
    path("journeys/<str:journey_id>/versions/discard/", lifecycle.discard, name="discard"),
    path("journeys/<str:journey_id>/versions/export/", lifecycle.export, name="export"),
    path("journeys/<str:journey_id>/settings/", versions.settings, name="settings"),
    path("journeys/<str:journey_id>/pause/", lifecycle.pause, name="pause"),
    path("journeys/<str:journey_id>/resume/", lifecycle.resume, name="resume"),
    path("journeys/<str:journey_id>/clone/", lifecycle.clone, name="clone"),
    path("journeys/<str:journey_id>/archive/", lifecycle.archive, name="archive"),
    path("journeys/<str:journey_id>/delete/", lifecycle.delete, name="delete"),
]
