"""Signing in and out, and a person's own account."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash, views
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from spaces.forms import AccountForm
from spaces.models import User
from spaces.selectors import memberships_of
from spaces.services.members import update_account
from spaces.views.entry import signed_in


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "The e-mail or the password is not right. Passwords are case-sensitive.",
        "inactive": "This account was disabled. Ask a workspace owner.",
    }

    def __init__(self, request: HttpRequest | None = None, *args: object, **kwargs: object) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"].label = "E-mail"
        self.fields["username"].widget.input_type = "email"
        self.fields["username"].widget.attrs["autocomplete"] = "username"


class PasswordChangeForm(DjangoPasswordChangeForm):
    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.fields["old_password"].widget.attrs.pop("autofocus", None)
        self.fields["new_password1"].help_text = "At least 10 characters, and none of the common ones."
        self.fields["new_password2"].label = "New password again"
        self.fields["new_password2"].help_text = ""


class SignInView(views.LoginView):
    """Ten failed attempts lock the e-mail from this address for a quarter of an hour (django-axes)."""

    form_class = SignInForm
    template_name = "registration/login.html"
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = 422
        return response


@require_GET
def account(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    return _page(request, AccountForm(initial={"name": user.name}), PasswordChangeForm(user))


@require_POST
def account_name(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = AccountForm(request.POST)
    if (
        form.is_valid()
        and form.carry_out(lambda: update_account(user=user, name=form.cleaned_data["name"])) is not None
    ):
        messages.success(request, "Your name was saved.")
        return redirect("account")
    return _page(request, form, PasswordChangeForm(user), status=422)


@sensitive_post_parameters()
@require_POST
def account_password(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = PasswordChangeForm(user, request.POST)
    if form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        messages.success(request, "Your password was changed. Other browsers are signed out.")
        return redirect("account")
    return _page(request, AccountForm(initial={"name": user.name}), form, status=422)


def _page(
    request: HttpRequest, form: AccountForm, password_form: PasswordChangeForm, status: int = 200
) -> HttpResponse:
    user = signed_in(request)
    shown = {"form": form, "password_form": password_form, "members": memberships_of(user)}
    return render(request, "spaces/account.html", shown, status=status)
