"""REST routes under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import path

from journeys import api, api_lifecycle, api_live, api_scenarios, api_testing

urlpatterns = [
    path("journeys/", api.JourneyList.as_view()),
    path("journeys/import/", api.JourneyImport.as_view()),
    path("journeys/<str:journey>/", api.JourneyDetail.as_view()),
    path("journeys/<str:journey>/draft/", api.JourneyDraft.as_view()),
    path("journeys/<str:journey>/draft/copy/", api.JourneyDraftCopy.as_view()),
    path("journeys/<str:journey>/undo/", api.JourneyUndo.as_view()),
    path("journeys/<str:journey>/redo/", api.JourneyRedo.as_view()),
    path("journeys/<str:journey>/plan/", api.JourneyPlan.as_view()),
    path("journeys/<str:journey>/export/", api.JourneyExport.as_view()),
    path("journeys/<str:journey>/publish/", api_lifecycle.JourneyPublish.as_view()),
    path("journeys/<str:journey>/pause/", api_lifecycle.JourneyPause.as_view()),
    path("journeys/<str:journey>/resume/", api_lifecycle.JourneyResume.as_view()),
    path("journeys/<str:journey>/archive/", api_lifecycle.JourneyArchive.as_view()),
    path("journeys/<str:journey>/clone/", api_lifecycle.JourneyClone.as_view()),
    path("journeys/<str:journey>/versions/", api_lifecycle.JourneyVersions.as_view()),
    path("journeys/<str:journey>/versions/<int:number>/restore/", api_lifecycle.JourneyRestore.as_view()),
    path("journeys/<str:journey>/steps/", api_live.JourneySteps.as_view()),
    path("journeys/<str:journey>/steps/<str:step>/", api_lifecycle.JourneyStepDetail.as_view()),
    path("journeys/<str:journey>/runs/", api_live.JourneyRuns.as_view()),
    path("journeys/<str:journey>/test/", api_testing.JourneyTest.as_view()),
    path("journeys/<str:journey>/scenarios/", api_scenarios.JourneyScenarios.as_view()),
    path("journeys/<str:journey>/scenarios/run/", api_scenarios.JourneyScenarioRun.as_view()),
    path("journeys/<str:journey>/scenarios/<str:scenario>/", api_scenarios.JourneyScenarioDetail.as_view()),
    path("journeys/<str:journey>/dry-run/", api_testing.JourneyDryRuns.as_view()),
    path("journeys/<str:journey>/dry-run/<str:run>/", api_testing.JourneyDryRun.as_view()),
]
