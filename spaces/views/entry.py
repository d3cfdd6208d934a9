"""Getting in: the way to the last space, the list of spaces, a new space."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from common.pages import once
from spaces.access import allows
from spaces.context import route_url
from spaces.forms import FirstSpaceForm, NewSpaceForm
from spaces.models import Member, Role, Space, User
from spaces.selectors import memberships_of, spaces_of
from spaces.services.spaces import create_first_space, create_space

# The first part, or two, of a path below /personas/, and the page that is in its place.
LEGACY_PAGES = {
    "audiences": "audiences:list",
    "computed-traits": "traits:list",
    "journeys": "journeys:list",
    "profiles": "profiles:list",
    "using-personas-data": "destinations:list",
    "activate": "destinations:list",
    "identity-resolution": "profiles:identity_rules",
    "debugger": "delivery:debugger",
    "settings": "spaces:settings",
}


def signed_in(request: HttpRequest) -> User:
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied("Sign in first.")
    return user


@require_GET
def root(request: HttpRequest) -> HttpResponse:
    """To the space last visited, else the first, else to making one."""
    space = _last_space(request)
    return redirect("space_new") if space is None else redirect("home", space=space.slug)


def _last_space(request: HttpRequest) -> Space | None:
    spaces = list(spaces_of(signed_in(request)))
    last = request.session.get("last_space")
    return next((space for space in spaces if space.slug == last), spaces[0] if spaces else None)


@require_GET
def legacy(request: HttpRequest, page: str) -> HttpResponse:
    """An address of the time when Engage was called Personas, to the page of today in the space last visited (F058)."""
    space = _last_space(request)
    if space is None:
        return redirect("space_new")
    names = page.strip("/").split("/")
    route = LEGACY_PAGES.get("/".join(names[:2])) or LEGACY_PAGES.get(names[0], "home")
    return redirect(route_url(route, space) or route_url("home", space))


@require_GET
def space_list(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    members = list(memberships_of(user))
    spaces = list(spaces_of(user))
    groups = [
        {
            "workspace": member.workspace,
            "role": Role(member.role).label,
            "spaces": [space for space in spaces if space.workspace_id == member.workspace_id],
        }
        for member in members
    ]
    may_create = not members or any(allows(member, Role.ADMIN) for member in members)
    return render(request, "spaces/space_list.html", {"groups": groups, "may_create": may_create})


@require_http_methods(["GET", "POST"])
def space_new(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    members = list(memberships_of(user))
    if not members:
        return _first_space(request, user)
    makers = {member.workspace.slug: member for member in members if allows(member, Role.ADMIN)}
    if not makers:
        raise PermissionDenied(
            "Your role does not allow you to create a space. It takes the role "
            f"{Role.ADMIN.label}; ask a workspace owner."
        )
    return _another_space(request, makers)


def _first_space(request: HttpRequest, user: User) -> HttpResponse:
    form = FirstSpaceForm(request.POST or None)

    def submit() -> HttpResponse:
        if form.is_valid():
            space = form.carry_out(lambda: create_first_space(user=user, **form.cleaned_data))
            if space is not None:
                return redirect("home", space=space.slug)
        return render(request, "spaces/space_new.html", {"form": form, "is_first": True}, status=422)

    if request.method == "POST":
        return once(request, submit)  # type: ignore[return-value]
    return render(request, "spaces/space_new.html", {"form": form, "is_first": True})


def _another_space(request: HttpRequest, makers: dict[str, Member]) -> HttpResponse:
    workspaces = [(slug, member.workspace.name) for slug, member in makers.items()]
    form = NewSpaceForm(request.POST or None, workspaces=workspaces)

    def submit() -> HttpResponse:
        if form.is_valid():
            values = form.cleaned_data
            member = makers[values["workspace"]]
            space = form.carry_out(lambda: create_space(member=member, name=values["name"], kind=values["kind"]))
            if space is not None:
                return redirect("home", space=space.slug)
        return render(request, "spaces/space_new.html", {"form": form}, status=422)

    if request.method == "POST":
        return once(request, submit)  # type: ignore[return-value]
    return render(request, "spaces/space_new.html", {"form": form})
