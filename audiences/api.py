"""REST: audiences, their members and connections, through the same services as the pages."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from audiences.models import Audience
from audiences.selectors import audiences as selectors
from audiences.selectors.folders import get_folder
from audiences.selectors.members import member_page
from audiences.serializers import (
    AudienceChangeSerializer,
    AudienceConnectionSerializer,
    AudienceInputSerializer,
    AudienceSerializer,
    ConnectionInputSerializer,
    MembersSerializer,
    PersonSerializer,
    connection_spec,
)
from audiences.services import audiences as services
from audiences.services.connections import connect, live_connections
from audiences.services.folders import move_audiences
from common.api import page_limit, whole_number
from common.errors import InvalidError
from engine import conditions
from spaces.api_base import SpaceAPIView


class AudienceListView(SpaceAPIView):
    serializer_class = AudienceSerializer

    @extend_schema(operation_id="audiences_list", responses=AudienceSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The audiences of the space, newest first."""
        return self.paginated(selectors.audience_list(self.space), AudienceSerializer)

    @extend_schema(
        operation_id="audiences_create", request=AudienceInputSerializer, responses={201: AudienceSerializer}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Create an audience and start computing it; with `destinations`, members are sent at once."""
        sent = AudienceInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        specs = [connection_spec(self.space, item) for item in data.pop("destinations")]
        audience = services.create_audience(space=self.space, created_by=self.actor, destinations=specs, **data)
        return Response(AudienceSerializer(audience).data, status=status.HTTP_201_CREATED)


class AudienceView(SpaceAPIView):
    """Base of everything below one audience."""

    serializer_class: type[BaseSerializer[Any]] = AudienceSerializer

    def audience(self) -> Audience:
        audience = selectors.get_audience(self.space, self.kwargs["audience"])
        if audience is None:
            raise Http404("This space has no such audience.")
        return audience


class AudienceDetailView(AudienceView):
    @extend_schema(operation_id="audiences_read", responses=AudienceSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One audience."""
        return Response(AudienceSerializer(self.audience()).data)

    @extend_schema(operation_id="audiences_change", request=AudienceChangeSerializer, responses=AudienceSerializer)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename, describe, redefine, enable or disable. 409 when `revision` is not the stored one."""
        sent = AudienceChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        enabled = data.pop("enabled", None)
        audience = self.audience()
        if "folder" in data:
            self._move(audience, data.pop("folder"))
        if data:
            audience = services.update_audience(audience=audience, changed_by=self.actor, **data)
        if enabled is not None:
            audience = services.set_enabled(audience=audience, is_enabled=enabled, changed_by=self.actor)
        audience.refresh_from_db(fields=["folder"])
        return Response(AudienceSerializer(audience).data)

    def _move(self, audience: Audience, wanted: str | None) -> None:
        folder = get_folder(self.space, wanted) if wanted else None
        if wanted and folder is None:
            raise InvalidError.at("/folder", f"This space has no folder with the id {wanted}.", "not_found")
        move_audiences(space=self.space, audience_ids=[audience.public_id], folder=folder, moved_by=self.actor)

    @extend_schema(operation_id="audiences_delete", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Delete a disabled audience. Its key stays reserved."""
        services.delete_audience(audience=self.audience(), deleted_by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AudienceMembersView(AudienceView):
    @extend_schema(
        operation_id="audiences_members",
        parameters=[
            OpenApiParameter("after", int),
            OpenApiParameter("limit", int),
            OpenApiParameter("q", str, description="The beginning of any identifier; answers one page of at most 200."),
        ],
        responses=MembersSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The members, a keyset page at a time."""
        limit, after = page_limit(request), whole_number(request, "after", default=0)
        page = member_page(
            audience=self.audience(),
            shows_pii=self.member.has_pii_access,
            after=after,
            limit=limit,
            text=request.query_params.get("q", ""),
        )
        url = None
        if page.following is not None:
            url = f"{request.build_absolute_uri(request.path)}?after={page.following}&limit={limit}"
        return Response({"next": url, "results": [PersonSerializer(row.person).data for row in page.rows]})


class AudienceConnectionsView(AudienceView):
    @extend_schema(operation_id="audiences_connections", responses=AudienceConnectionSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The destinations this audience is connected to."""
        rows = live_connections(self.audience())
        return Response({"next": None, "previous": None, "results": AudienceConnectionSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="audiences_connect",
        request=ConnectionInputSerializer,
        responses={201: AudienceConnectionSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Connect a destination; the initial sync begins at once."""
        sent = ConnectionInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        spec = connection_spec(self.space, dict(sent.validated_data))
        connection = connect(audience=self.audience(), spec=spec, connected_by=self.actor)
        return Response(AudienceConnectionSerializer(connection).data, status=status.HTTP_201_CREATED)


class ConditionSchemaView(APIView):
    @extend_schema(operation_id="schemas_condition", responses={200: dict})
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The JSON Schema of a condition (definitions.md §1)."""
        return Response(conditions.schema())
