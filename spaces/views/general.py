"""Settings: General: the name and kind of a space, and the plan of its workspace."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from spaces.access import SpaceRequest, space_view
from spaces.entitlements import plan_of
from spaces.forms import GeneralForm, PlanForm
from spaces.models import Role
from spaces.services.plans import change_plan
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
        shown = {"form": GeneralForm(initial=initial), "plan_form": _plan_form(request)}
        return render(request, "spaces/settings_general.html", shown)
    form = GeneralForm(request.POST)
    if form.is_valid():
        saved = form.carry_out(lambda: update_space(space=space, actor=request.user, **form.cleaned_data))
        if saved is not None:
            messages.success(request, "The settings were saved.")
            return redirect("spaces:settings", space=space.slug)
    shown = {"form": form, "plan_form": _plan_form(request)}
    return render(request, "spaces/settings_general.html", shown, status=422)


@space_view(write=Role.OWNER)
@require_POST
def plan(request: SpaceRequest) -> HttpResponse:
    workspace = change_plan(by=request.member, plan=request.POST.get("plan", ""))
    messages.success(request, f"The plan of {workspace.name} is now: {plan_of(workspace).label}.")
    return redirect("spaces:settings", space=request.space.slug)


def _plan_form(request: SpaceRequest) -> PlanForm:
    return PlanForm(initial={"plan": plan_of(request.member.workspace)})
