"""Workspaces, spaces, members, sources, API tokens and the audit trail."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from common.ids import new_short_id, new_space_id, new_write_key
from common.models import SpaceQuerySet, TimeStamped


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who signs in. A customer is a profile."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    def __str__(self) -> str:
        return self.name or self.email


class Workspace(TimeStamped):
    """The top-level tenant. `entitlements` switches features off by name (F059); absent means on."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    entitlements = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """engage-domain.md §5, from most to least rights."""

    OWNER = "owner", "Workspace Owner"
    ADMIN = "admin", "Unify and Engage Admin"
    USER = "user", "Unify Read-only, Engage User"
    READ_ONLY = "read_only", "Unify and Engage Read-only"


class Member(TimeStamped):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.READ_ONLY)
    has_pii_access = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="member_once_a_workspace")]


class SpaceKind(models.TextChoices):
    DEV = "dev", "Dev"
    PROD = "prod", "Prod"


class Space(TimeStamped):
    """An isolated Unify/Engage environment. `public_id` is the `spa_…` of payloads; the slug never changes."""

    public_id = models.CharField(max_length=40, unique=True, default=new_space_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="spaces")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=SpaceKind.choices, default=SpaceKind.DEV)
    resend_on_new_identifier = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class SourceQuerySet(SpaceQuerySet):
    pass


class Source(TimeStamped):
    """Where tracking calls come from. Disabling keeps the write key; its calls are then rejected with a reason."""

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="sources")
    name = models.CharField(max_length=120)
    write_key = models.CharField(max_length=40, unique=True, default=new_write_key, editable=False)
    is_enabled = models.BooleanField(default=True)

    objects = SourceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("space", Lower("name"), name="source_name_once_a_space")]

    def __str__(self) -> str:
        return self.name


class ApiToken(models.Model):
    """A token for the REST API. Only its SHA-256 is kept; `hint` is what the list shows.

    It acts as its member, in one space or (space null) in all spaces of the workspace.
    """

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="tokens")
    space = models.ForeignKey(Space, on_delete=models.CASCADE, null=True, blank=True, related_name="tokens")
    label = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)


class AuditEntry(models.Model):
    """Who did what, when, and what it looked like before and after. Secrets never get here."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    space = models.ForeignKey(Space, on_delete=models.CASCADE, null=True, related_name="+")
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=60)
    object_name = models.CharField(max_length=200)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["space", "-id"], name="audit_by_space")]
