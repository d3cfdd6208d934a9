"""Pages under `/s/<space>/`."""

from __future__ import annotations

from django.urls import path

from warehouse_output import views

app_name = "warehouse_output"
OUTPUT = "settings/warehouses/<str:warehouse_id>/output/"
urlpatterns = [
    path(OUTPUT, views.output, name="output"),
    path(f"{OUTPUT}live/", views.live, name="live"),
    path(f"{OUTPUT}sync/", views.sync, name="sync"),
    path(f"{OUTPUT}again/", views.again, name="again"),
]
