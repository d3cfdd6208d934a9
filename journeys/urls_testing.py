"""Testing a journey before it is published: one person, and dry runs."""

from __future__ import annotations

from django.urls import path

from journeys.views import dry_runs, scenarios, testing

SCENARIOS = "journeys/<str:journey_id>/scenarios/"
DRY_RUN = "journeys/<str:journey_id>/dry-run/"

urlpatterns = [
    path("journeys/<str:journey_id>/test/", testing.test, name="test"),
    path(SCENARIOS, scenarios.scenario_list, name="scenarios"),
    path(SCENARIOS + "run/", scenarios.scenario_run, name="scenario_run"),
    path(SCENARIOS + "<str:scenario_id>/delete/", scenarios.scenario_delete, name="scenario_delete"),
    path(DRY_RUN, dry_runs.dry_run, name="dry_run"),
    path(DRY_RUN + "<str:run_id>/", dry_runs.dry_run_result, name="dry_run_result"),
    path(DRY_RUN + "<str:run_id>/cancel/", dry_runs.dry_run_cancel, name="dry_run_cancel"),
]
