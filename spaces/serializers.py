"""Shapes of the REST API for spaces, sources, tokens, members and the audit trail. Secrets only where they are made."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spaces.entitlements import ENGAGE, Plan, includes, plan_of
from spaces.models import ApiToken, AuditEntry, Member, Role, Source, Space, SpaceKind, Workspace
from spaces.personal import shown_to
from spaces.services.tokens import NewToken


class SpaceSerializer(serializers.ModelSerializer[Space]):
    id = serializers.CharField(source="public_id", read_only=True)
    workspace = serializers.CharField(source="workspace.slug", read_only=True)

    class Meta:
        model = Space
        fields = ["id", "slug", "name", "kind", "workspace", "resend_on_new_identifier", "created_at", "updated_at"]
        read_only_fields = fields


class KindField(serializers.ChoiceField):
    """Dev and Prod, also as people write them."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.strip().lower() if isinstance(data, str) else data)


class SpaceInput(serializers.Serializer[Space]):
    name = serializers.CharField(max_length=120)
    kind = KindField(choices=SpaceKind.choices, default=SpaceKind.DEV)
    workspace = serializers.SlugField(required=False, help_text="Needed only when you belong to several workspaces.")


class SpaceChange(serializers.Serializer[Space]):
    name = serializers.CharField(max_length=120, required=False)
    kind = KindField(choices=SpaceKind.choices, required=False)
    resend_on_new_identifier = serializers.BooleanField(required=False)


class PlanSerializer(serializers.Serializer[Any]):
    workspace = serializers.SlugField()
    plan = serializers.ChoiceField(choices=Plan.choices)
    engage = serializers.BooleanField(help_text="Whether audiences, computed traits and journeys are included.")


class PlanChange(serializers.Serializer[Any]):
    plan = serializers.ChoiceField(choices=Plan.choices)


def plan_shown(workspace: Workspace) -> dict[str, Any]:
    shown = {
        "workspace": workspace.slug,
        "plan": plan_of(workspace).value,
        "engage": includes(workspace, ENGAGE),
    }
    return dict(PlanSerializer(shown).data)


class SourceSerializer(serializers.ModelSerializer[Source]):
    """`write_key` is null for roles that may not change sources."""

    id = serializers.CharField(source="public_id", read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
    write_key = serializers.SerializerMethodField()

    class Meta:
        model = Source
        fields = ["id", "name", "enabled", "write_key", "created_at", "updated_at"]
        read_only_fields = ["name", "created_at", "updated_at"]

    def get_write_key(self, source: Source) -> str | None:
        return source.write_key if self.context.get("shows_keys") else None


class SourceInput(serializers.Serializer[Source]):
    name = serializers.CharField(max_length=120)


class SourceChange(serializers.Serializer[Source]):
    name = serializers.CharField(max_length=120, required=False)
    enabled = serializers.BooleanField(required=False)


class MemberSerializer(serializers.ModelSerializer[Member]):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        model = Member
        fields = ["id", "email", "name", "role", "has_pii_access", "created_at"]
        read_only_fields = fields


class MemberInput(serializers.Serializer[Member]):
    email = serializers.EmailField(max_length=254)
    name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices)
    has_pii_access = serializers.BooleanField(default=True)


class MemberChange(serializers.Serializer[Member]):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    has_pii_access = serializers.BooleanField(required=False)


class InvitationSerializer(MemberSerializer):
    """`temporary_password` is null when the person had an account already."""

    temporary_password = serializers.CharField(allow_null=True, read_only=True)

    class Meta(MemberSerializer.Meta):
        fields = [*MemberSerializer.Meta.fields, "temporary_password"]
        read_only_fields = fields


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    member = serializers.CharField(source="member.user.email", read_only=True)
    space = serializers.CharField(source="space.slug", read_only=True, allow_null=True, default=None)

    class Meta:
        model = ApiToken
        fields = ["id", "label", "hint", "member", "space", "created_at", "last_used_at", "revoked_at"]
        read_only_fields = fields


class TokenInput(serializers.Serializer[ApiToken]):
    label = serializers.CharField(max_length=120)  # type: ignore[assignment]
    reach = serializers.ChoiceField(choices=["space", "workspace"], default="space")


class NewTokenSerializer(serializers.Serializer[NewToken]):
    """The one answer that holds the token itself."""

    id = serializers.IntegerField(source="token.pk")
    label = serializers.CharField(source="token.label")  # type: ignore[assignment]
    token = serializers.CharField(source="secret")


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    actor = serializers.CharField(source="actor.email", read_only=True, allow_null=True, default=None)
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields = ["id", "at", "actor", "action", "object_type", "object_id", "object_name", "before", "after"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.ANY)
    def get_before(self, entry: AuditEntry) -> Any:
        return shown_to(self.context["member"], entry.before)

    @extend_schema_field(OpenApiTypes.ANY)
    def get_after(self, entry: AuditEntry) -> Any:
        return shown_to(self.context["member"], entry.after)
