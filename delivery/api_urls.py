"""REST routes under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import include, path

from delivery import api, drift_api, replay_api, sources_api

urlpatterns = [
    path("", include("delivery.api_urls_overview")),
    path("connections/<str:connection>/", api.ConnectionDetailView.as_view()),
    path("connections/<str:connection>/sync/", api.ConnectionSyncView.as_view()),
    path("connections/<str:connection>/drift/", drift_api.ConnectionDriftView.as_view()),
    path("connections/<str:connection>/drift/people/", drift_api.ConnectionDriftPeopleView.as_view()),
    path("sources/<slug:source_id>/connections/", sources_api.SourceConnectionList.as_view()),
    path("sources/<slug:source_id>/connections/<slug:connection_id>/", sources_api.SourceConnectionDetail.as_view()),
    path("destinations/<str:destination>/traits/", api.DestinationTraitsView.as_view()),
    path("deliveries/", api.DeliveryListView.as_view()),
    path("deliveries/replay/", api.ReplayView.as_view()),
    path("deliveries/<int:delivery>/retry/", replay_api.DeliveryRetryView.as_view()),
    path("deliveries/<int:delivery>/cancel/", replay_api.DeliveryCancelView.as_view()),
    path("trace/", replay_api.TraceView.as_view()),
    path("dead-letters/", replay_api.DeadLettersView.as_view()),
    path("replays/", replay_api.ReplayListView.as_view()),
    path("replays/preview/", replay_api.ReplayPreviewView.as_view()),
    path("replays/<str:run>/", replay_api.ReplayRunView.as_view()),
    path("replays/<str:run>/messages/", replay_api.ReplayItemsView.as_view()),
    path("replays/<str:run>/pause/", replay_api.ReplayPauseView.as_view()),
    path("replays/<str:run>/resume/", replay_api.ReplayResumeView.as_view()),
    path("replays/<str:run>/cancel/", replay_api.ReplayCancelView.as_view()),
]
