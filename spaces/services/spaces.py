"""Workspaces and spaces: create, rename."""

from __future__ import annotations

from django.db import transaction

from common.errors import InvalidError, NotAllowedError
from spaces import audit
from spaces.access import allows, missing_right
from spaces.models import Member, Role, Space, SpaceKind, User, Workspace
from spaces.names import candidates, clean_name, slug_of

RESERVED_SLUGS = frozenset({"new", "api", "admin", "static", "settings"})


@transaction.atomic
def create_workspace(*, name: str, owner: User) -> Member:
    """A workspace with its first owner; answers that membership."""
    name = clean_name(name, what="name of the workspace", path="/workspace_name")
    workspace = Workspace.objects.create(name=name, slug=_free_slug(Workspace, name, "workspace"))
    member = Member.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    audit.record(actor=owner, action="workspace.created", target=workspace, workspace=workspace, after={"name": name})
    return member


@transaction.atomic
def create_space(*, member: Member, name: str, kind: str = SpaceKind.DEV) -> Space:
    """A space in the member's workspace. The slug is made of the name, is unique and never changes.

    NotAllowedError below Admin; InvalidError at /name or /kind.
    """
    if not allows(member, Role.ADMIN):
        raise NotAllowedError(missing_right(member, Role.ADMIN))
    name = clean_name(name)
    kind = _clean_kind(kind)
    Workspace.objects.select_for_update(no_key=True).get(pk=member.workspace_id)
    _refuse_taken(member.workspace, name)
    space = Space.objects.create(
        workspace=member.workspace, name=name, kind=kind, slug=_free_slug(Space, name, "space")
    )
    audit.record(
        actor=member.user, action="space.created", target=space, space=space, after={"name": name, "kind": kind}
    )
    return space


@transaction.atomic
def create_first_space(*, user: User, workspace_name: str, name: str, kind: str = SpaceKind.DEV) -> Space:
    """For somebody who belongs to no workspace yet: the workspace and its first space, or neither."""
    member = create_workspace(name=workspace_name, owner=user)
    return create_space(member=member, name=name, kind=kind)


@transaction.atomic
def update_space(
    *,
    space: Space,
    actor: User,
    name: str,
    kind: str,
    resend_on_new_identifier: bool | None = None,
) -> Space:
    """Rename a space, change its kind and whether a new identifier of a member is sent at once."""
    space = Space.objects.select_for_update(no_key=True).select_related("workspace").get(pk=space.pk)
    before = _state(space)
    space.name = clean_name(name)
    space.kind = _clean_kind(kind)
    if resend_on_new_identifier is not None:
        space.resend_on_new_identifier = resend_on_new_identifier
    _refuse_taken(space.workspace, space.name, besides=space)
    if _state(space) != before:
        space.save()
        audit.record(actor=actor, action="space.updated", target=space, space=space, before=before, after=_state(space))
    return space


def _state(space: Space) -> dict[str, object]:
    return {
        "name": space.name,
        "kind": str(space.kind),
        "resend_on_new_identifier": space.resend_on_new_identifier,
    }


def _clean_kind(kind: str) -> str:
    if kind not in SpaceKind.values:
        raise InvalidError.at("/kind", f"The kind must be {' or '.join(SpaceKind.values)}.", "unknown_kind")
    return SpaceKind(kind).value


def _refuse_taken(workspace: Workspace, name: str, besides: Space | None = None) -> None:
    others = Space.objects.filter(workspace=workspace, name__iexact=name)
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    if others.exists():
        raise InvalidError.at("/name", f"There is already a space called “{name}” in this workspace.", "taken")


def _free_slug(model: type[Space] | type[Workspace], name: str, fallback: str) -> str:
    slug = slug_of(name, fallback=fallback)
    taken = {*RESERVED_SLUGS, *model.objects.filter(slug__startswith=slug).values_list("slug", flat=True)}
    return next(candidate for candidate in candidates(slug) if candidate not in taken)
