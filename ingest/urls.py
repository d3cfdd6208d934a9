"""Fragments and pages of what came in, under /s/<slug:space>/."""

from __future__ import annotations

from django.urls import path

from ingest import views

app_name = "ingest"

urlpatterns = [
    path("settings/source-counts/", views.source_counts, name="source_counts"),
    path("settings/sources/<slug:source_id>/activity/", views.source_activity, name="source_activity"),
]
