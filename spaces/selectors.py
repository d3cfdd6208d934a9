"""What the pages and the API of workspaces, members, sources and tokens show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from spaces.models import ApiToken, AuditEntry, Member, Source, Space, User, Workspace


def spaces_of(user: User) -> QuerySet[Space]:
    """Every space that the user may open, by workspace and name."""
    return (
        Space.objects.filter(workspace__members__user_id=user.pk)
        .select_related("workspace")
        .order_by("workspace__name", "name", "id")
    )


def memberships_of(user: User) -> QuerySet[Member]:
    return Member.objects.filter(user_id=user.pk).select_related("workspace", "user").order_by("workspace__name", "id")


def members_of(workspace: Workspace) -> QuerySet[Member]:
    return Member.objects.filter(workspace=workspace).select_related("user").order_by("user__email")


def sources_of(space: Space) -> QuerySet[Source]:
    return Source.objects.in_space(space).order_by("name", "id")


def tokens_of(space: Space) -> QuerySet[ApiToken]:
    """Tokens that reach the space: its own and those of the whole workspace; working ones first."""
    return (
        ApiToken.objects.filter(Q(space=space) | Q(space=None), member__workspace_id=space.workspace_id)
        .select_related("member__user", "space")
        .order_by("revoked_at", "-id")
    )


def audit_entries(
    space: Space,
    *,
    actor: str = "",
    action: str = "",
    text: str = "",
    since: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """The trail of a space with that of its workspace as a whole (members), newest first.

    `actor` is a user id, "product" for what nobody did by hand; `action` an action or the noun before its dot; `text`
    is searched in names and ids.
    """
    entries = AuditEntry.objects.filter(Q(space=space) | Q(space=None, workspace_id=space.workspace_id)).select_related(
        "actor"
    )
    if actor == "product":
        entries = entries.filter(actor=None)
    elif actor.isascii() and actor.isdigit() and len(actor) < 18:
        entries = entries.filter(actor_id=int(actor))
    if action:
        entries = entries.filter(action=action) if "." in action else entries.filter(action__startswith=f"{action}.")
    if text:
        entries = entries.filter(Q(object_name__icontains=text) | Q(object_id__iexact=text))
    if since is not None:
        entries = entries.filter(at__gte=since)
    return entries.order_by("-id")


def audit_nouns(space: Space) -> list[str]:
    """The nouns that occur in the trail of a space, for its filter."""
    actions: QuerySet[AuditEntry, Any] = (
        AuditEntry.objects.filter(Q(space=space) | Q(space=None, workspace_id=space.workspace_id))
        .order_by("action")
        .values_list("action", flat=True)
        .distinct()
    )
    return sorted({str(action).partition(".")[0] for action in actions})
