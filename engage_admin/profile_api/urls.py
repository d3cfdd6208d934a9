"""Below `/v1/spaces/` and its alias `/v1/namespaces/`. The look-up may hold slashes, as identifiers do."""

from __future__ import annotations

from django.urls import path

from engage_admin.profile_api import identifiers, views

PROFILE = "<str:space_id>/collections/<str:collection>/profiles/<path:lookup>"

urlpatterns = [
    path(f"{PROFILE}/traits", views.Traits.as_view(), name="profile_api_traits"),
    path(f"{PROFILE}/external_ids", views.ExternalIds.as_view()),
    path(f"{PROFILE}/external_ids/delete", identifiers.DeleteIdentifier.as_view()),
    path(f"{PROFILE}/events", views.Events.as_view()),
    path(f"{PROFILE}/metadata", views.Metadata.as_view()),
    path(f"{PROFILE}/links", views.Links.as_view()),
]
