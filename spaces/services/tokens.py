"""API tokens: made once, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from common.errors import NotAllowedError
from common.ids import base62
from spaces import audit
from spaces.models import ApiToken, Member, Space
from spaces.names import clean_name

PREFIX = "eat_"
# The last use is written at most this often: a busy script must not write a row a request.
USE_RESOLUTION = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """`secret` is the text to send as `Authorization: Token …`; it cannot be read again."""

    token: ApiToken
    secret: str


@transaction.atomic
def create_token(*, member: Member, label: str, space: Space | None = None) -> NewToken:
    """A token that acts as `member` in one space, or (space None) in every space of the workspace."""
    label = clean_name(label, path="/label", what="label")
    if space is not None and space.workspace_id != member.workspace_id:
        raise NotAllowedError("The space belongs to another workspace.")
    secret = PREFIX + base62(40)
    token = ApiToken.objects.create(
        member=member, space=space, label=label, digest=digest_of(secret), hint=f"…{secret[-4:]}"
    )
    _record(token, member, "token.created", {"label": label, "hint": token.hint, "space": space and space.slug})
    return NewToken(token=token, secret=secret)


@transaction.atomic
def revoke_token(*, token: ApiToken, by: Member) -> ApiToken:
    """Stop a token from working, at once and for good."""
    token = (
        ApiToken.objects.select_for_update(no_key=True, of=("self",))
        .select_related("member__workspace", "space")
        .get(pk=token.pk)
    )
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        _record(token, by, "token.revoked", None, {"label": token.label, "hint": token.hint})
    return token


def find_token(secret: str) -> ApiToken | None:
    """The working token of this text, with member, user, workspace and space loaded."""
    return (
        ApiToken.objects.select_related("member__user", "member__workspace", "space")
        .filter(digest=digest_of(secret), revoked_at=None, member__user__is_active=True)
        .first()
    )


def note_use(token: ApiToken, *, now: datetime) -> None:
    if token.last_used_at is None or now - token.last_used_at >= USE_RESOLUTION:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_RESOLUTION)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def digest_of(secret: str) -> str:
    # A plain digest suffices: the secret has 238 random bits, there is nothing to guess.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _record(
    token: ApiToken, by: Member, action: str, after: dict[str, Any] | None, before: dict[str, Any] | None = None
) -> None:
    audit.record(
        actor=by.user,
        action=action,
        target=token,
        space=token.space,
        workspace=token.member.workspace,
        before=before,
        after=after,
    )
