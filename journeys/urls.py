"""The pages of journeys, a list a part. Those of one journey come last: `journeys/<id>/` takes `journeys/new/`."""

from __future__ import annotations

from django.urls import URLPattern

from journeys import urls_builder, urls_live, urls_sending, urls_testing

app_name = "journeys"

urlpatterns: list[URLPattern] = [
    *urls_builder.urlpatterns,
    *urls_sending.urlpatterns,
    *urls_testing.urlpatterns,
    *urls_live.urlpatterns,
]
