"""Settings: Members of the workspace."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from spaces.access import SpaceRequest, space_view
from spaces.forms import InviteForm, MemberForm
from spaces.models import Member, Role
from spaces.selectors import members_of
from spaces.services import members as services


@space_view()
@require_GET
def member_list(request: SpaceRequest) -> HttpResponse:
    shown = {"members": members_of(request.space.workspace), "roles": Role.choices}
    return render(request, "spaces/member_list.html", shown)


@space_view(Role.OWNER)
@require_http_methods(["GET", "POST"])
@sensitive_variables()
def member_invite(request: SpaceRequest) -> HttpResponse:
    """The temporary password is in the answer to this request alone."""
    form = InviteForm(request.POST or None)
    if request.method != "POST":
        return render(request, "spaces/member_invite.html", {"form": form})
    if form.is_valid():
        invitation = form.carry_out(lambda: services.invite_member(by=request.member, **form.cleaned_data))
        if invitation is not None:
            return render(request, "spaces/member_invited.html", {"invitation": invitation})
    return render(request, "spaces/member_invite.html", {"form": form}, status=422)


@space_view(Role.OWNER)
@require_http_methods(["GET", "POST"])
def member(request: SpaceRequest, member_id: int) -> HttpResponse:
    found = _member(request, member_id)
    if request.method != "POST":
        form = MemberForm(initial={"role": found.role, "has_pii_access": found.has_pii_access})
        return render(request, "spaces/member.html", {"edited": found, "form": form})
    form = MemberForm(request.POST)
    if form.is_valid():
        services.change_member(by=request.member, member=found, **form.cleaned_data)
        messages.success(request, f"The rights of {found.user} were saved.")
        return redirect("spaces:members", space=request.space.slug)
    return render(request, "spaces/member.html", {"edited": found, "form": form}, status=422)


@space_view(write=Role.READ_ONLY)
@require_POST
def member_remove(request: SpaceRequest, member_id: int) -> HttpResponse:
    """An owner removes anybody; everybody may leave. The service decides."""
    found = _member(request, member_id)
    leaves = found.pk == request.member.pk
    services.remove_member(by=request.member, member=found)
    if leaves:
        messages.success(request, f"You left {request.space.workspace.name}.")
        return redirect("root")
    messages.success(request, f"{found.user} is no longer a member.")
    return redirect("spaces:members", space=request.space.slug)


@space_view(Role.OWNER)
@require_POST
@sensitive_variables()
def member_password(request: SpaceRequest, member_id: int) -> HttpResponse:
    found = _member(request, member_id)
    password = services.reset_password(by=request.member, member=found)
    invitation = services.Invitation(member=found, temporary_password=password)
    return render(request, "spaces/member_invited.html", {"invitation": invitation, "is_reset": True})


def _member(request: SpaceRequest, member_id: int) -> Member:
    return get_object_or_404(members_of(request.space.workspace).select_related("workspace"), pk=member_id)
