"""Pages under `/s/<space>/`."""

from __future__ import annotations

from django.urls import path

from audiences.views import (
    audiences,
    builder,
    builder_new,
    builder_people,
    connections,
    explaining,
    folders,
    history,
    members,
)

app_name = "audiences"
ONE = "audiences/<str:audience_id>/"
urlpatterns = [
    path("audiences/", audiences.audience_list, name="list"),
    path("audiences/new/", builder_new.new, name="new"),
    path("audiences/new/people/", builder_people.people, name="draft_people"),
    path("audiences/new/explain/", explaining.explain_draft, name="draft_explain"),
    path("audiences/key/", builder_new.key, name="key"),
    path("audiences/folders/new/", folders.new, name="folder_new"),
    path("audiences/folders/move/", folders.move, name="folder_move"),
    path("audiences/folders/<str:folder_id>/", folders.edit, name="folder"),
    path("audiences/folders/<str:folder_id>/disband/", folders.disband, name="folder_disband"),
    path("audiences/of-profile/<str:segment_id>/", audiences.profile_audiences, name="profile_audiences"),
    path(ONE, audiences.overview, name="overview"),
    path(f"{ONE}builder/", builder.builder, name="builder"),
    path(f"{ONE}clone/", builder.clone, name="clone"),
    path(f"{ONE}live/", audiences.live, name="live"),
    path(f"{ONE}members/", members.members, name="members"),
    path(f"{ONE}export/", members.export, name="export"),
    path(f"{ONE}export/files/", members.export_files, name="export_files"),
    path(f"{ONE}export/<str:export_id>/download/", members.export_download, name="export_download"),
    path(f"{ONE}export/<str:export_id>/cancel/", members.export_cancel, name="export_cancel"),
    path(f"{ONE}explain/", explaining.explain, name="explain"),
    path(f"{ONE}consumers/", history.consumers, name="consumers"),
    path(f"{ONE}history/", history.history, name="history"),
    path(f"{ONE}settings/", audiences.settings, name="settings"),
    path(f"{ONE}enabled/", audiences.toggle, name="toggle"),
    path(f"{ONE}delete/", audiences.delete, name="delete"),
    path(f"{ONE}destinations/add/", connections.choose, name="choose_destination"),
    path(f"{ONE}destinations/add/<str:destination_id>/", connections.add, name="add_destination"),
    path(f"{ONE}connections/<str:connection_id>/", connections.sheet, name="connection"),
    path(f"{ONE}connections/<str:connection_id>/enabled/", connections.toggle, name="connection_toggle"),
    path(f"{ONE}connections/<str:connection_id>/remove/", connections.remove, name="connection_remove"),
    path(f"{ONE}connections/<str:connection_id>/resync/", connections.resync, name="connection_resync"),
]
