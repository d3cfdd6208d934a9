"""Settings: General: the name and kind of a space."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from spaces.access import SpaceRequest, space_view
from spaces.forms import GeneralForm
from spaces.models import Role
from spaces.services.spaces import update_space


@space_view(write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def general(request: SpaceRequest) -> HttpResponse:
    space = request.space
    if request.method != "POST":
        initial = {
            "name": space.name,
            "kind": space.kind,
            "resend_on_new_identifier": space.resend_on_new_identifier,
        }
        return render(request, "spaces/settings_general.html", {"form": GeneralForm(initial=initial)})
    form = GeneralForm(request.POST)
    if form.is_valid():
        saved = form.carry_out(lambda: update_space(space=space, actor=request.user, **form.cleaned_data))
        if saved is not None:
            messages.success(request, "The settings were saved.")
            return redirect("spaces:settings", space=space.slug)
    return render(request, "spaces/settings_general.html", {"form": form}, status=422)
