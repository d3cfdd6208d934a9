"""REST routes under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import path

from audiences import api

urlpatterns = [
    path("audiences/", api.AudienceListView.as_view()),
    path("audiences/preview/", api.AudiencePreviewView.as_view()),
    path("audiences/<str:audience>/", api.AudienceDetailView.as_view()),
    path("audiences/<str:audience>/members/", api.AudienceMembersView.as_view()),
    path("audiences/<str:audience>/connections/", api.AudienceConnectionsView.as_view()),
]
