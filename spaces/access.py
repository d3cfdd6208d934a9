"""Who may see and do what in a space (engage-domain.md §5): the decorator of every page under `/s/<space>/`.

A role holds every right of the roles below it. Outsiders get 404, so that a guess reveals nothing; a member whose role
does not suffice gets 403 with a sentence naming the missing right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django_htmx.middleware import HtmxDetails

from common.errors import ProductError
from common.pages import once, problem_page
from spaces.entitlements import refuse_missing
from spaces.models import Member, Role, Space, User

P = ParamSpec("P")

RANKS = {Role.READ_ONLY: 0, Role.USER: 1, Role.ADMIN: 2, Role.OWNER: 3}
RIGHTS = {
    Role.READ_ONLY: "view this space",
    Role.USER: "change audiences, traits and journeys",
    Role.ADMIN: "change settings, sources and destinations",
    Role.OWNER: "manage the members of the workspace",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SpaceRequest(HttpRequest):
    """What a view behind `space_view` receives."""

    user: User
    htmx: HtmxDetails
    space: Space
    member: Member


@dataclass(frozen=True, kw_only=True)
class Rights:
    """For templates: `{% if can.edit %}`, and the reason to show on a disabled control: `{{ can.why_edit }}`."""

    edit: bool
    admin: bool
    own: bool
    pii: bool
    why_edit: str
    why_admin: str
    why_own: str


def allows(member: Member, role: Role) -> bool:
    return RANKS[Role(member.role)] >= RANKS[role]


def missing_right(member: Member, role: Role) -> str:
    """The sentence that says what is missing and who has it; "" when nothing is."""
    if allows(member, role):
        return ""
    return (
        f"Your role, {Role(member.role).label}, does not allow you to {RIGHTS[role]}. "
        f"It takes the role {role.label}; ask a workspace owner."
    )


def rights(member: Member) -> Rights:
    return Rights(
        edit=allows(member, Role.USER),
        admin=allows(member, Role.ADMIN),
        own=allows(member, Role.OWNER),
        pii=member.has_pii_access,
        why_edit=missing_right(member, Role.USER),
        why_admin=missing_right(member, Role.ADMIN),
        why_own=missing_right(member, Role.OWNER),
    )


def membership(user: User, slug: str) -> tuple[Space, Member]:
    """The space and the user's membership in its workspace; Http404 for outsiders and unknown slugs alike."""
    member = (
        Member.objects.select_related("workspace", "user").filter(user_id=user.pk, workspace__spaces__slug=slug).first()
    )
    if member is None:
        raise Http404("There is no such space, or you are not a member of its workspace.")
    space = Space.objects.get(slug=slug)
    space.workspace = member.workspace
    return space, member


def required_role(method: str | None, role: Role, write: Role | None) -> Role:
    """The role that a request takes: `role` to read; to write, `write` or at least an Engage User."""
    if method in SAFE_METHODS:
        return role
    return write if write is not None else max(role, Role.USER, key=RANKS.__getitem__)


def space_view(
    role: Role | str = Role.READ_ONLY, *, write: Role | str | None = None
) -> Callable[[Callable[Concatenate[SpaceRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Guard a view under `/s/<slug:space>/`.

    The view is called as `view(request, **other_url_parameters)`: the slug is taken out and `request.space` and
    `request.member` are set. `role` is needed to read; other methods need `write`, by default at least Role.USER.
    A ProductError that the view lets through becomes a page, for htmx a callout, with its sentence and status.
    A form that is submitted twice with one `form_key` is carried out once.
    Put it outermost, above `require_GET` and the like.
    """
    read_role = Role(role)
    write_role = Role(write) if write is not None else None

    def decorate(
        view: Callable[Concatenate[SpaceRequest, P], HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: SpaceRequest, space: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            request.space, request.member = membership(request.user, space)
            refuse_missing(request.member.workspace, view.__module__)
            needed = required_role(request.method, read_role, write_role)
            if not allows(request.member, needed):
                raise PermissionDenied(missing_right(request.member, needed))
            if request.session.get("last_space") != space:
                request.session["last_space"] = space
            try:
                return once(request, lambda: view(request, *args, **kwargs))
            except ProductError as error:
                return problem_page(request, error)

        return never_cache(guarded)

    return decorate
