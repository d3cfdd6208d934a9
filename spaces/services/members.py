"""Members of a workspace: invite, change the role, remove; and a person's own account."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from common.errors import ConflictError, InvalidError, NotAllowedError
from common.ids import BASE62, random_text
from spaces import audit
from spaces.access import allows, missing_right
from spaces.models import Member, Role, User, Workspace
from spaces.names import clean_name


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """`temporary_password` is None when the person had an account already: they sign in as before."""

    member: Member
    temporary_password: str | None


class LastOwnerError(ConflictError):
    code = "last_owner"


@transaction.atomic
def invite_member(*, by: Member, email: str, role: str, has_pii_access: bool = True, name: str = "") -> Invitation:
    """Add a person by e-mail. A new person gets a temporary password, to be handed over by the one who invites."""
    _refuse_below_owner(by)
    email = _clean_email(email)
    role = _clean_role(role)
    Workspace.objects.select_for_update().get(pk=by.workspace_id)
    if Member.objects.filter(workspace=by.workspace, user__email=email).exists():
        raise InvalidError.at("/email", f"{email} is already a member of this workspace.", "taken")
    user = User.objects.filter(email=email).first()
    password = None
    if user is None:
        password = temporary_password()
        user = User.objects.create_user(email, password, name=clean_name(name) if name.strip() else "")
    member = Member.objects.create(workspace=by.workspace, user=user, role=role, has_pii_access=has_pii_access)
    _record(by, "member.invited", member, None, {"email": email, **_state(member)})
    return Invitation(member=member, temporary_password=password)


@transaction.atomic
def change_member(*, by: Member, member: Member, role: str, has_pii_access: bool) -> Member:
    """Change what a member may do. LastOwnerError when the workspace would be left without an owner."""
    _refuse_below_owner(by)
    role = _clean_role(role)
    member = _locked(by, member)
    if role != Role.OWNER:
        _keep_an_owner(member)
    before = _state(member)
    member.role = role
    member.has_pii_access = has_pii_access
    if _state(member) != before:
        member.save(update_fields=["role", "has_pii_access", "updated_at"])
        _record(by, "member.changed", member, before, _state(member))
    return member


@transaction.atomic
def remove_member(*, by: Member, member: Member) -> None:
    """Take a person out of the workspace; their API tokens stop working at once. One may remove oneself."""
    if by.pk != member.pk:
        _refuse_below_owner(by)
    member = _locked(by, member)
    _keep_an_owner(member)
    _record(by, "member.removed", member, {"email": member.user.email, **_state(member)}, None)
    member.delete()


@transaction.atomic
def reset_password(*, by: Member, member: Member) -> str:
    """A new temporary password for a member who cannot sign in; shown once, ends their sessions."""
    _refuse_below_owner(by)
    member = _locked(by, member)
    if Member.objects.filter(user=member.user).exclude(workspace=by.workspace).exists():
        raise NotAllowedError(
            f"{member.user.email} also belongs to another workspace, so an owner of this one cannot reset the password."
        )
    password = temporary_password()
    member.user.set_password(password)
    member.user.save(update_fields=["password"])
    _record(by, "member.password_reset", member, None, None)
    return password


@transaction.atomic
def update_account(*, user: User, name: str) -> User:
    user.name = clean_name(name) if name.strip() else ""
    user.save(update_fields=["name"])
    return user


def temporary_password() -> str:
    """Four groups of four, 95 bits, easy to read out."""
    letters = "".join(sign for sign in BASE62 if sign not in "0O1Il")
    return "-".join(random_text(letters, 4) for _ in range(4))


def check_password_strength(password: str, *, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidError.at("/password", " ".join(error.messages), "weak_password") from None


def _locked(by: Member, member: Member) -> Member:
    """Members of one workspace change one at a time, so that two owners cannot remove each other at once."""
    Workspace.objects.select_for_update().get(pk=by.workspace_id)
    return Member.objects.select_related("user", "workspace").get(pk=member.pk, workspace_id=by.workspace_id)


def _keep_an_owner(member: Member) -> None:
    if member.role != Role.OWNER:
        return
    others = Member.objects.filter(workspace_id=member.workspace_id, role=Role.OWNER).exclude(pk=member.pk)
    if not others.exists():
        raise LastOwnerError(
            f"{member.user.email} is the last owner of this workspace. Make somebody else an owner first."
        )


def _refuse_below_owner(by: Member) -> None:
    if not allows(by, Role.OWNER):
        raise NotAllowedError(missing_right(by, Role.OWNER))


def _clean_email(value: str) -> str:
    email = value.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidError.at("/email", "Enter an e-mail address such as name@example.com.", "not_an_email") from None
    return email


def _clean_role(value: str) -> str:
    if value not in Role.values:
        raise InvalidError.at("/role", f"The role must be one of {', '.join(Role.values)}.", "unknown_role")
    return Role(value).value


def _state(member: Member) -> dict[str, object]:
    return {"role": str(member.role), "has_pii_access": member.has_pii_access}


def _record(
    by: Member, action: str, member: Member, before: dict[str, object] | None, after: dict[str, object] | None
) -> None:
    audit.record(actor=by.user, action=action, target=member, workspace=member.workspace, before=before, after=after)
