"""Fragments and pages of what came in, under /s/<slug:space>/."""

from __future__ import annotations

from django.urls import path

from ingest import debugger, views

app_name = "ingest"

urlpatterns = [
    path("settings/debugger/incoming/", debugger.debugger, name="debugger"),
    path("settings/debugger/incoming/new/", debugger.newer, name="debugger_new"),
    path("settings/debugger/incoming/<str:message_id>/", debugger.message, name="debugger_message"),
    path("settings/source-counts/", views.source_counts, name="source_counts"),
    path("settings/sources/<slug:source_id>/activity/", views.source_activity, name="source_activity"),
]
