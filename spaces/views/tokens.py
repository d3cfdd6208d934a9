"""Settings, API tokens."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from spaces.access import SpaceRequest, allows, missing_right, space_view
from spaces.forms import TokenForm
from spaces.models import Role
from spaces.selectors import tokens_of
from spaces.services import tokens as services


@space_view()
@require_GET
def token_list(request: SpaceRequest) -> HttpResponse:
    return render(request, "spaces/token_list.html", {"tokens": tokens_of(request.space)})


@space_view(Role.ADMIN)
@require_http_methods(["GET", "POST"])
@sensitive_variables()
def token_new(request: SpaceRequest) -> HttpResponse:
    """The token is in the answer to this request alone."""
    form = TokenForm(request.POST or None)
    if request.method != "POST":
        return render(request, "spaces/token_new.html", {"form": form})
    if form.is_valid():
        space = request.space if form.cleaned_data["reach"] == "space" else None
        label = form.cleaned_data["label"]
        made = form.carry_out(lambda: services.create_token(member=request.member, label=label, space=space))
        if made is not None:
            return render(request, "spaces/token_created.html", {"made": made})
    return render(request, "spaces/token_new.html", {"form": form}, status=422)


@space_view(write=Role.USER)
@require_POST
def token_revoke(request: SpaceRequest, token_id: int) -> HttpResponse:
    """One's own, or as an admin anybody's."""
    token = get_object_or_404(tokens_of(request.space), pk=token_id)
    if token.member_id != request.member.pk and not allows(request.member, Role.ADMIN):
        raise PermissionDenied(missing_right(request.member, Role.ADMIN))
    services.revoke_token(token=token, by=request.member)
    messages.success(request, f"The token {token.label} no longer works.")
    return redirect("spaces:tokens", space=request.space.slug)
