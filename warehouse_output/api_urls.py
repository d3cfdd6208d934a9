"""REST routes under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import path

from warehouse_output import api

OUTPUT = "warehouses/<str:warehouse>/output/"
urlpatterns = [
    path(OUTPUT, api.OutputView.as_view()),
    path(f"{OUTPUT}runs/", api.OutputRunsView.as_view()),
    path(f"{OUTPUT}begin-again/", api.OutputAgainView.as_view()),
]
