"""Pages of alerts, under /s/<space>/."""

from __future__ import annotations

from django.urls import path

from alerts.views import rules

app_name = "alerts"

urlpatterns = [
    path("alerts/", rules.rule_list, name="list"),
    path("alerts/history/", rules.history, name="history"),
    path("alerts/new/", rules.rule_new, name="new"),
    path("alerts/bell/", rules.bell, name="bell"),
    path("alerts/seen/", rules.seen, name="seen"),
    path("alerts/destinations/<slug:destination_id>/", rules.of_destination, name="destination"),
    path("alerts/audiences/<slug:audience_id>/", rules.of_audience, name="audience"),
    path("alerts/warehouses/<slug:warehouse_id>/", rules.of_warehouse, name="warehouse"),
    path("alerts/<slug:rule_id>/", rules.rule, name="rule"),
    path("alerts/<slug:rule_id>/enabled/", rules.rule_toggle, name="toggle"),
    path("alerts/<slug:rule_id>/delete/", rules.rule_delete, name="delete"),
]
