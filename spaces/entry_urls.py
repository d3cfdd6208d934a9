"""Getting in, the account, and the list of spaces: pages outside of any space."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from spaces.views import account, entry

urlpatterns = [
    path("", entry.root, name="root"),
    path("login/", account.SignInView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("account/", account.account, name="account"),
    path("account/name/", account.account_name, name="account_name"),
    path("account/password/", account.account_password, name="account_password"),
    path("personas/<path:page>", entry.legacy, name="legacy"),
    path("spaces/", entry.space_list, name="space_list"),
    path("spaces/new/", entry.space_new, name="space_new"),
]
