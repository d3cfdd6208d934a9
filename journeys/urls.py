"""The pages of journeys, a list a part: builder, destination steps, testing, live."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "journeys"

urlpatterns: list[URLPattern] = []
