"""The pages of journeys, a list a part. A journey's own pages come last: `journeys/<id>/` would take `journeys/new/`."""

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
