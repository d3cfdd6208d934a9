"""REST: spaces, sources, members, API tokens, the audit trail."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import KeysetPagination
from common.errors import InvalidError, NotAllowedError
from spaces import serializers as shapes
from spaces.access import allows, missing_right
from spaces.api_base import SpaceAPIView, caller
from spaces.models import ApiToken, Member, Role, Source
from spaces.selectors import audit_entries, members_of, memberships_of, sources_of, spaces_of, tokens_of
from spaces.services import members as member_services
from spaces.services import sources as source_services
from spaces.services import tokens as token_services
from spaces.services.plans import change_plan
from spaces.services.spaces import create_space, update_space


class SpaceList(GenericAPIView):  # type: ignore[type-arg]
    """The spaces that the token reaches."""

    serializer_class = shapes.SpaceSerializer
    pagination_class = KeysetPagination

    @extend_schema(operation_id="spaces_list", tags=["Spaces"], responses=shapes.SpaceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The spaces that you or your token reach."""
        spaces = spaces_of(caller(request))
        token = request.auth
        if isinstance(token, ApiToken):
            spaces = spaces.filter(workspace_id=token.member.workspace_id)
            if token.space_id is not None:
                spaces = spaces.filter(pk=token.space_id)
        pager = KeysetPagination()
        pager.ordering = "-id"
        page = pager.paginate_queryset(spaces, request, view=self)
        return pager.get_paginated_response(shapes.SpaceSerializer(page, many=True).data)

    @extend_schema(
        operation_id="spaces_create",
        tags=["Spaces"],
        request=shapes.SpaceInput,
        responses={201: shapes.SpaceSerializer},
    )
    def post(self, request: Request) -> Response:
        """Create a space in your workspace."""
        values = _valid(shapes.SpaceInput, request)
        member = _maker(request, values.get("workspace"))
        space = create_space(member=member, name=values["name"], kind=values["kind"])
        return Response(shapes.SpaceSerializer(space).data, status=status.HTTP_201_CREATED)


class SpaceDetail(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = shapes.SpaceSerializer

    @extend_schema(operation_id="spaces_retrieve", tags=["Spaces"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One space."""
        return Response(shapes.SpaceSerializer(self.space).data)

    @extend_schema(operation_id="spaces_update", tags=["Spaces"], request=shapes.SpaceChange)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename a space or change its kind; the slug stays."""
        values = {"name": self.space.name, "kind": self.space.kind, **_valid(shapes.SpaceChange, request)}
        space = update_space(space=self.space, actor=self.actor, **values)
        return Response(shapes.SpaceSerializer(space).data)


class PlanDetail(SpaceAPIView):
    write_role = Role.OWNER
    serializer_class = shapes.PlanSerializer

    @extend_schema(operation_id="plan_retrieve", tags=["Spaces"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The plan of the workspace, and whether it includes Engage."""
        return Response(shapes.plan_shown(self.member.workspace))

    @extend_schema(operation_id="plan_update", tags=["Spaces"], request=shapes.PlanChange)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Change the plan; what it leaves out is refused from now on, and nothing is deleted."""
        workspace = change_plan(by=self.member, plan=_valid(shapes.PlanChange, request)["plan"])
        return Response(shapes.plan_shown(workspace))


class SourceList(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = shapes.SourceSerializer

    @extend_schema(operation_id="sources_list", tags=["Sources"], responses=shapes.SourceSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The sources of the space, newest first."""
        return self.paginated(sources_of(self.space), shapes.SourceSerializer, shows_keys=_shows_keys(self))

    @extend_schema(
        operation_id="sources_create",
        tags=["Sources"],
        request=shapes.SourceInput,
        responses={201: shapes.SourceSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Create a source; the answer holds its write key."""
        values = _valid(shapes.SourceInput, request)
        source = source_services.create_source(space=self.space, actor=self.actor, name=values["name"])
        return Response(_source(self, source), status=status.HTTP_201_CREATED)


class SourceDetail(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = shapes.SourceSerializer

    @extend_schema(operation_id="sources_retrieve", tags=["Sources"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One source."""
        return Response(_source(self, self.source()))

    @extend_schema(operation_id="sources_update", tags=["Sources"], request=shapes.SourceChange)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename, enable or disable a source."""
        values = _valid(shapes.SourceChange, request)
        source = self.source()
        if "name" in values:
            source = source_services.rename_source(source=source, actor=self.actor, name=values["name"])
        if "enabled" in values:
            source = source_services.set_source_enabled(source=source, actor=self.actor, is_enabled=values["enabled"])
        return Response(_source(self, source))

    def source(self) -> Source:
        rows = Source.objects.in_space(self.space).select_related("space__workspace")
        found: Source = get_object_or_404(rows, public_id=self.kwargs["source_id"])
        return found


class SourceRotate(SourceDetail):
    http_method_names = ["post", "options"]

    @extend_schema(operation_id="sources_rotate_key", tags=["Sources"], request=None)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Give a source a new write key; the old one stops working at once."""
        return Response(_source(self, source_services.rotate_key(source=self.source(), actor=self.actor)))


class MemberList(SpaceAPIView):
    write_role = Role.OWNER
    serializer_class = shapes.MemberSerializer

    @extend_schema(operation_id="members_list", tags=["Members"], responses=shapes.MemberSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The members of the workspace."""
        return self.paginated(members_of(self.space.workspace), shapes.MemberSerializer)

    @extend_schema(
        operation_id="members_invite",
        tags=["Members"],
        request=shapes.MemberInput,
        responses={201: shapes.InvitationSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Add a person; a new one gets a temporary password, shown here once."""
        invitation = member_services.invite_member(by=self.member, **_valid(shapes.MemberInput, request))
        shown = shapes.MemberSerializer(invitation.member).data
        body = {**shown, "temporary_password": invitation.temporary_password}
        return Response(body, status=status.HTTP_201_CREATED)


class MemberDetail(SpaceAPIView):
    write_role = Role.OWNER
    serializer_class = shapes.MemberSerializer

    @extend_schema(operation_id="members_retrieve", tags=["Members"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One member."""
        return Response(shapes.MemberSerializer(self.other()).data)

    @extend_schema(operation_id="members_update", tags=["Members"], request=shapes.MemberChange)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Change what a member may do."""
        other = self.other()
        values = {"role": other.role, "has_pii_access": other.has_pii_access, **_valid(shapes.MemberChange, request)}
        return Response(
            shapes.MemberSerializer(member_services.change_member(by=self.member, member=other, **values)).data
        )

    @extend_schema(operation_id="members_remove", tags=["Members"], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Take a person out of the workspace; their tokens stop working."""
        member_services.remove_member(by=self.member, member=self.other())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def other(self) -> Member:
        return get_object_or_404(members_of(self.space.workspace), pk=self.kwargs["member_id"])


class TokenList(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = shapes.TokenSerializer

    @extend_schema(operation_id="tokens_list", tags=["API tokens"], responses=shapes.TokenSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The tokens that reach this space, without their text."""
        return self.paginated(tokens_of(self.space), shapes.TokenSerializer)

    @extend_schema(
        operation_id="tokens_create",
        tags=["API tokens"],
        request=shapes.TokenInput,
        responses={201: shapes.NewTokenSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Create a token; only this answer holds its text."""
        values = _valid(shapes.TokenInput, request)
        space = self.space if values["reach"] == "space" else None
        if space is None and isinstance(request.auth, ApiToken) and request.auth.space_id is not None:
            raise NotAllowedError("A token of one space cannot create a token for the whole workspace.")
        made = token_services.create_token(member=self.member, label=values["label"], space=space)
        return Response(shapes.NewTokenSerializer(made).data, status=status.HTTP_201_CREATED)


class TokenDetail(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = shapes.TokenSerializer

    @extend_schema(operation_id="tokens_revoke", tags=["API tokens"], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Stop a token from working, for good."""
        token = get_object_or_404(tokens_of(self.space), pk=self.kwargs["token_id"])
        token_services.revoke_token(token=token, by=self.member)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AuditTrail(SpaceAPIView):
    serializer_class = shapes.AuditEntrySerializer

    @extend_schema(
        operation_id="audit_list",
        tags=["Audit trail"],
        parameters=[
            OpenApiParameter("action", str, description="An action such as source.created, or its noun."),
            OpenApiParameter("q", str, description="Part of the name, or the id, of what was changed."),
        ],
        responses=shapes.AuditEntrySerializer(many=True),
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Who changed what, newest first."""
        action, text = (request.query_params.get(name, "").replace("\0", "") for name in ("action", "q"))
        return self.paginated(audit_entries(self.space, action=action, text=text), shapes.AuditEntrySerializer)


def _valid(shape: Any, request: Request) -> dict[str, Any]:
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _maker(request: Request, workspace: str | None) -> Member:
    """The membership with which a space is created: the token's, or the only one, or that of the named workspace."""
    token = request.auth
    if isinstance(token, ApiToken):
        if token.space_id is not None:
            raise NotAllowedError("A token of one space cannot create spaces. Use a token of the whole workspace.")
        found = [token.member]
    else:
        found = list(memberships_of(caller(request)))
    if workspace is not None:
        found = [member for member in found if member.workspace.slug == workspace]
    if not found:
        raise InvalidError.at("/workspace", "You do not belong to such a workspace.", "unknown_workspace")
    if len(found) > 1:
        raise InvalidError.at("/workspace", "You belong to several workspaces; name one by its slug.", "required")
    if not allows(found[0], Role.ADMIN):
        raise NotAllowedError(missing_right(found[0], Role.ADMIN))
    return found[0]


def _shows_keys(view: SpaceAPIView) -> bool:
    return allows(view.member, Role.ADMIN)


def _source(view: SpaceAPIView, source: Source) -> dict[str, Any]:
    return dict(shapes.SourceSerializer(source, context={"shows_keys": _shows_keys(view)}).data)
