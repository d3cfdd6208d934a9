"""Settings of a space, under /s/<slug:space>/."""

from __future__ import annotations

from django.urls import path

from spaces.views import audit, general, members, sources, tokens

app_name = "spaces"

urlpatterns = [
    path("settings/", general.general, name="settings"),
    path("settings/plan/", general.plan, name="plan"),
    path("settings/sources/", sources.source_list, name="sources"),
    path("settings/sources/new/", sources.source_new, name="source_new"),
    path("settings/sources/<slug:source_id>/", sources.source, name="source"),
    path("settings/sources/<slug:source_id>/rename/", sources.source_rename, name="source_rename"),
    path("settings/sources/<slug:source_id>/rotate/", sources.source_rotate, name="source_rotate"),
    path("settings/sources/<slug:source_id>/toggle/", sources.source_toggle, name="source_toggle"),
    path("settings/members/", members.member_list, name="members"),
    path("settings/members/invite/", members.member_invite, name="member_invite"),
    path("settings/members/<int:member_id>/", members.member, name="member"),
    path("settings/members/<int:member_id>/remove/", members.member_remove, name="member_remove"),
    path("settings/members/<int:member_id>/password/", members.member_password, name="member_password"),
    path("settings/tokens/", tokens.token_list, name="tokens"),
    path("settings/tokens/new/", tokens.token_new, name="token_new"),
    path("settings/tokens/<int:token_id>/revoke/", tokens.token_revoke, name="token_revoke"),
    path("settings/audit/", audit.audit_trail, name="audit"),
]
