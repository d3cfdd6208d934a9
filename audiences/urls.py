"""Pages under `/s/<space>/`."""

from __future__ import annotations

from django.urls import path

from audiences.views import audiences, builder, builder_new, connections

app_name = "audiences"
urlpatterns = [
    path("audiences/", audiences.audience_list, name="list"),
    path("audiences/new/", builder_new.new, name="new"),
    path("audiences/key/", builder_new.key, name="key"),
    path("audiences/of-profile/<str:segment_id>/", audiences.profile_audiences, name="profile_audiences"),
    path("audiences/<str:audience_id>/", audiences.overview, name="overview"),
    path("audiences/<str:audience_id>/builder/", builder.builder, name="builder"),
    path("audiences/<str:audience_id>/clone/", builder.clone, name="clone"),
    path("audiences/<str:audience_id>/live/", audiences.live, name="live"),
    path("audiences/<str:audience_id>/members/", audiences.members, name="members"),
    path("audiences/<str:audience_id>/settings/", audiences.settings, name="settings"),
    path("audiences/<str:audience_id>/enabled/", audiences.toggle, name="toggle"),
    path("audiences/<str:audience_id>/delete/", audiences.delete, name="delete"),
    path("audiences/<str:audience_id>/destinations/add/", connections.choose, name="choose_destination"),
    path(
        "audiences/<str:audience_id>/destinations/add/<str:destination_id>/",
        connections.add,
        name="add_destination",
    ),
    path(
        "audiences/<str:audience_id>/connections/<str:connection_id>/",
        connections.sheet,
        name="connection",
    ),
    path(
        "audiences/<str:audience_id>/connections/<str:connection_id>/enabled/",
        connections.toggle,
        name="connection_toggle",
    ),
    path(
        "audiences/<str:audience_id>/connections/<str:connection_id>/remove/",
        connections.remove,
        name="connection_remove",
    ),
    path(
        "audiences/<str:audience_id>/connections/<str:connection_id>/resync/",
        connections.resync,
        name="connection_resync",
    ),
]
