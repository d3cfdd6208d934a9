"""The profile explorer and the identity settings, under /s/<slug:space>/."""

from __future__ import annotations

from django.urls import path

from profiles.views import event_filters, explorer, identity, observed

app_name = "profiles"

urlpatterns = [
    path("profiles/", explorer.profile_list, name="list"),
    path("profiles/observed.json", observed.observed, name="observed"),
    path("profiles/<str:segment_id>/", explorer.profile, name="detail"),
    path("profiles/<str:segment_id>/events/<int:event_id>/", explorer.event, name="event"),
    path("settings/filters/", event_filters.event_filters, name="event_filters"),
    path("settings/filters/new/", event_filters.event_filter_new, name="event_filter_new"),
    path("settings/filters/<slug:filter_id>/", event_filters.event_filter, name="event_filter"),
    path("settings/filters/<slug:filter_id>/toggle/", event_filters.event_filter_toggle, name="event_filter_toggle"),
    path("settings/filters/<slug:filter_id>/delete/", event_filters.event_filter_delete, name="event_filter_delete"),
    path("settings/identity/", identity.identity_rules, name="identity_rules"),
    path("settings/identity/new/", identity.rule_new, name="identity_rule_new"),
    path("settings/identity/<str:collection>/<str:id_type>/", identity.rule, name="identity_rule"),
    path("settings/identity/<str:collection>/<str:id_type>/move/", identity.rule_move, name="identity_rule_move"),
]
