"""REST addresses of spaces, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from spaces import api

urlpatterns = [
    path("spaces/", api.SpaceList.as_view()),
    path("spaces/<slug:space>/", api.SpaceDetail.as_view()),
    path("spaces/<slug:space>/plan/", api.PlanDetail.as_view()),
    path("spaces/<slug:space>/sources/", api.SourceList.as_view()),
    path("spaces/<slug:space>/sources/<slug:source_id>/", api.SourceDetail.as_view()),
    path("spaces/<slug:space>/sources/<slug:source_id>/rotate-key/", api.SourceRotate.as_view()),
    path("spaces/<slug:space>/members/", api.MemberList.as_view()),
    path("spaces/<slug:space>/members/<int:member_id>/", api.MemberDetail.as_view()),
    path("spaces/<slug:space>/tokens/", api.TokenList.as_view()),
    path("spaces/<slug:space>/tokens/<int:token_id>/", api.TokenDetail.as_view()),
    path("spaces/<slug:space>/audit/", api.AuditTrail.as_view()),
]
