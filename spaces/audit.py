"""The audit trail: who changed what, and how it looked before and after (engage-domain.md §5)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import models

from spaces.models import AuditEntry, Space, User, Workspace

HIDDEN = "REDACTED"
SECRET_WORDS = ("password", "secret", "token", "writekey", "apikey", "digest", "credential", "privatekey")


def record(
    *,
    actor: User | None,
    action: str,
    target: models.Model,
    space: Space | None = None,
    workspace: Workspace | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write one entry inside the caller's transaction.

    `action` is "<noun>.<verb in the past>", e.g. "source.created". `actor` None = the product itself. Give the space,
    or for what belongs to the workspace as a whole the workspace. Where both states are given, only the keys that
    differ are kept. Values whose key names a secret are replaced by "REDACTED".
    """
    owner = space.workspace if space is not None else workspace
    if owner is None:
        raise ValueError("an audit entry needs a space or a workspace")
    if before is not None and after is not None:
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        before = {key: value for key, value in before.items() if key in changed}
        after = {key: value for key, value in after.items() if key in changed}
    return AuditEntry.objects.create(
        workspace=owner,
        space=space,
        actor=actor,
        action=action,
        object_type=target._meta.model_name or "",
        object_id=str(getattr(target, "public_id", None) or getattr(target, "slug", None) or target.pk)[:60],
        object_name=_name(target)[:200],
        before=_plain(before),
        after=_plain(after),
    )


def _name(target: models.Model) -> str:
    for attribute in ("name", "label", "email", "id_type", "computation_name"):
        if value := getattr(target, attribute, None):
            return str(value)
    user = getattr(target, "user", None)
    return str(user.email if isinstance(user, User) else target)


def _plain(value: Any, key: str = "") -> Any:
    """JSON-safe, secrets replaced at any depth."""
    if any(word in key.lower().replace("_", "") for word in SECRET_WORDS) and value not in (None, "", False, True):
        return HIDDEN
    if isinstance(value, dict):
        return {str(name): _plain(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
