"""Fragments and pages of what came in, under /s/<slug:space>/."""

from __future__ import annotations

from django.urls import path

from ingest import debugger, regulations, views

app_name = "ingest"

urlpatterns = [
    path("settings/debugger/incoming/", debugger.debugger, name="debugger"),
    path("settings/debugger/incoming/new/", debugger.newer, name="debugger_new"),
    path("settings/debugger/incoming/<str:message_id>/", debugger.message, name="debugger_message"),
    path("settings/privacy/", regulations.regulations, name="regulations"),
    path("settings/privacy/new/", regulations.regulation_new, name="regulation_new"),
    path("settings/privacy/<slug:regulation_id>/", regulations.regulation, name="regulation"),
    path("settings/privacy/<slug:regulation_id>/lift/", regulations.regulation_lift, name="regulation_lift"),
    path("settings/privacy/<slug:regulation_id>/resume/", regulations.regulation_resume, name="regulation_resume"),
    path(
        "settings/privacy/<slug:regulation_id>/destinations/<int:forward_id>/",
        regulations.forward_settle,
        name="forward_settle",
    ),
    path("settings/source-counts/", views.source_counts, name="source_counts"),
    path("settings/sources/<slug:source_id>/activity/", views.source_activity, name="source_activity"),
]
