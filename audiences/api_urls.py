"""REST routes under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import path

from audiences import api, api_exports, api_folders, api_previews

ONE = "audiences/<str:audience>/"
urlpatterns = [
    path("audiences/", api.AudienceListView.as_view()),
    path("audiences/preview/", api_previews.AudiencePreviewView.as_view()),
    path("audiences/preview/people/", api_previews.AudiencePreviewPeopleView.as_view()),
    path("audience-folders/", api_folders.FolderListView.as_view()),
    path("audience-folders/<str:folder>/", api_folders.FolderView.as_view()),
    path("audience-folders/<str:folder>/audiences/", api_folders.FolderAudiencesView.as_view()),
    path(ONE, api.AudienceDetailView.as_view()),
    path(f"{ONE}clone/", api_exports.AudienceCloneView.as_view()),
    path(f"{ONE}connections/", api.AudienceConnectionsView.as_view()),
    path(f"{ONE}explain/", api_exports.AudienceExplainView.as_view()),
    path(f"{ONE}exports/", api_exports.AudienceExportsView.as_view()),
    path(f"{ONE}exports/<str:export>/", api_exports.AudienceExportView.as_view()),
    path(
        f"{ONE}exports/<str:export>/download/",
        api_exports.AudienceExportDownloadView.as_view(),
        name="audience_export_download",
    ),
    path(f"{ONE}members/", api.AudienceMembersView.as_view()),
]
