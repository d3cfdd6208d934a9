"""Pages of destinations, under /s/<space>/."""

from __future__ import annotations

from django.urls import path

from destinations.views import (
    consent,
    destinations,
    filters,
    functions,
    mapping_editor,
    mapping_fragments,
    mappings,
    sampling,
    tester,
)

app_name = "destinations"

ONE = "destinations/<slug:destination_id>/"

urlpatterns = [
    path("functions/", functions.function_list, name="functions"),
    path("functions/new/", functions.function_new, name="function_new"),
    path("functions/<slug:function_id>/", functions.function, name="function"),
    path("functions/<slug:function_id>/versions/<int:number>/", functions.function_version, name="function_version"),
    path(
        "functions/<slug:function_id>/versions/<int:number>/restore/",
        functions.function_restore,
        name="function_restore",
    ),
    path("functions/<slug:function_id>/delete/", functions.function_delete, name="function_delete"),
    path("destinations/", destinations.destination_list, name="list"),
    path("destinations/new/", destinations.catalog, name="catalog"),
    path("destinations/new/<slug:connector>/", destinations.destination_new, name="new"),
    path("destinations/sample/", sampling.sample, name="sample"),
    path(ONE, destinations.destination, name="detail"),
    path(f"{ONE}settings/", destinations.destination_settings, name="settings"),
    path(f"{ONE}toggle/", destinations.destination_toggle, name="toggle"),
    path(f"{ONE}delete/", destinations.destination_delete, name="delete"),
    path(f"{ONE}check/", destinations.destination_check, name="check"),
    path(f"{ONE}resume/", consent.destination_resume, name="resume"),
    path(f"{ONE}account/", consent.account_connect, name="account"),
    path(f"{ONE}filters/", filters.filter_list, name="filters"),
    path(f"{ONE}filters/new/", filters.filter_new, name="filter_new"),
    path(f"{ONE}filters/preview/", filters.filter_preview, name="filter_preview"),
    path(f"{ONE}filters/<slug:filter_id>/", filters.filter_edit, name="filter"),
    path(f"{ONE}filters/<slug:filter_id>/toggle/", filters.filter_toggle, name="filter_toggle"),
    path(f"{ONE}filters/<slug:filter_id>/delete/", filters.filter_delete, name="filter_delete"),
    path(f"{ONE}mappings/", mappings.mapping_list, name="mappings"),
    path(f"{ONE}mappings/new/", mapping_editor.mapping_new, name="mapping_new"),
    path(f"{ONE}mappings/preview/", mapping_fragments.mapping_preview, name="mapping_preview"),
    path(f"{ONE}mappings/choices/", mapping_fragments.mapping_choices, name="mapping_choices"),
    path(f"{ONE}mappings/<slug:mapping_id>/", mapping_editor.mapping, name="mapping"),
    path(f"{ONE}mappings/<slug:mapping_id>/toggle/", mappings.mapping_toggle, name="mapping_toggle"),
    path(f"{ONE}mappings/<slug:mapping_id>/duplicate/", mappings.mapping_duplicate, name="mapping_duplicate"),
    path(f"{ONE}mappings/<slug:mapping_id>/delete/", mappings.mapping_delete, name="mapping_delete"),
    path(f"{ONE}tester/", tester.event_tester, name="tester"),
    path(f"{ONE}tester/event/", tester.event_sample, name="tester_event"),
    path(f"{ONE}tester/send/", tester.event_send, name="tester_send"),
]
