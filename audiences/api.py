"""REST: audiences, their members, previews and connections, through the same services as the pages."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audiences.models import Audience
from audiences.selectors import audiences as selectors
from audiences.selectors.preview import preview_report
from audiences.serializers import (
    AudienceChangeSerializer,
    AudienceConnectionSerializer,
    AudienceInputSerializer,
    AudienceSerializer,
    ConnectionInputSerializer,
    MembersSerializer,
    PersonSerializer,
    PreviewInputSerializer,
    PreviewSerializer,
    connection_spec,
)
from audiences.services import audiences as services
from audiences.services.connections import connect, live_connections
from common.api import page_limit, whole_number
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

    serializer_class = AudienceSerializer

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
        if data:
            audience = services.update_audience(audience=audience, changed_by=self.actor, **data)
        if enabled is not None:
            audience = services.set_enabled(audience=audience, is_enabled=enabled, changed_by=self.actor)
        return Response(AudienceSerializer(audience).data)

    @extend_schema(operation_id="audiences_delete", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Delete a disabled audience. Its key stays reserved."""
        services.delete_audience(audience=self.audience(), deleted_by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AudienceMembersView(AudienceView):
    @extend_schema(
        operation_id="audiences_members",
        parameters=[OpenApiParameter("after", int), OpenApiParameter("limit", int)],
        responses=MembersSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The members, a keyset page at a time."""
        limit, after = page_limit(request), whole_number(request, "after", default=0)
        people, following = selectors.members(audience=self.audience(), after=after, limit=limit)
        url = None
        if following is not None:
            url = f"{request.build_absolute_uri(request.path)}?after={following}&limit={limit}"
        return Response({"next": url, "results": [PersonSerializer(person).data for person in people]})


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


class AudiencePreviewView(SpaceAPIView):
    serializer_class = PreviewSerializer

    @extend_schema(operation_id="audiences_preview", request=PreviewInputSerializer, responses=PreviewSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Count and sample of a definition; nothing is saved."""
        sent = PreviewInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        preview = preview_report(space=self.space, **sent.validated_data)
        return Response(PreviewSerializer(preview).data)


class ConditionSchemaView(APIView):
    @extend_schema(operation_id="schemas_condition", responses={200: dict})
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The JSON Schema of a condition (definitions.md §1)."""
        return Response(conditions.schema())
