"""`/echo/…`."""

from __future__ import annotations

from django.urls import path

from demo import views

app_name = "demo"
urlpatterns = [
    path("<slug:name>", views.receive, name="echo"),
    path("<slug:name>/requests/", views.requests, name="requests"),
    path("<slug:name>/requests.json", views.requests_json, name="requests_json"),
]
