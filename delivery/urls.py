"""Pages of delivery, under /s/<space>/."""

from __future__ import annotations

from django.urls import include, path

from delivery.views import activation, drift, fragments, pages, sources

app_name = "delivery"

urlpatterns = [
    path("", include("delivery.urls_overview")),
    path("delivery/connections/", pages.overview, name="books"),
    path("", include("delivery.urls_calls")),
    path("settings/sources/<slug:source_id>/destinations/", sources.destinations, name="source_destinations"),
    path(
        "settings/sources/<slug:source_id>/destinations/<slug:connection_id>/toggle/",
        sources.toggle,
        name="source_connection_toggle",
    ),
    path(
        "settings/sources/<slug:source_id>/destinations/<slug:connection_id>/disconnect/",
        sources.disconnect,
        name="source_connection_remove",
    ),
    path("delivery/traits.json", activation.traits, name="trait_options"),
    path("delivery/connections/<slug:connection_id>/recent/", fragments.connection_recent, name="connection_recent"),
    path("delivery/connections/<slug:connection_id>/drift/", drift.drift, name="drift"),
    path("delivery/connections/<slug:connection_id>/drift/repair/", drift.drift_repair, name="drift_repair"),
    path(
        "delivery/destinations/<slug:destination_id>/traits/", activation.destination_traits, name="destination_traits"
    ),
    path(
        "delivery/destinations/<slug:destination_id>/activity/",
        fragments.destination_activity,
        name="destination_fragment",
    ),
    path(
        "delivery/destinations/<slug:destination_id>/success/",
        fragments.destination_success,
        name="destination_success",
    ),
]
