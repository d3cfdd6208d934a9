"""REST: the event filters of a space."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from profiles.models import EventFilter
from profiles.services import event_filters as services
from spaces.api_base import SpaceAPIView
from spaces.models import Role


class EventFilterSerializer(serializers.ModelSerializer[EventFilter]):
    """Events for which the condition `if` holds are dropped before identity resolution."""

    id = serializers.CharField(source="public_id", read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)

    class Meta:
        model = EventFilter
        fields = ["id", "name", "enabled", "created_at", "updated_at"]
        read_only_fields = fields

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # "if" is no name that a class body can declare.
        return {**super().get_fields(), "if": serializers.CharField(source="condition", read_only=True)}


class EventFilterChange(serializers.Serializer[EventFilter]):
    name = serializers.CharField(max_length=255, required=False)
    enabled = serializers.BooleanField(required=False)


class EventFilterInput(serializers.Serializer[EventFilter]):
    name = serializers.CharField(max_length=255)
    enabled = serializers.BooleanField(default=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "if": serializers.CharField(max_length=10_000)}


class EventFilterList(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = EventFilterSerializer

    @extend_schema(operation_id="event_filters_list", tags=["Spaces"], responses=EventFilterSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        return self.paginated(EventFilter.objects.in_space(self.space), EventFilterSerializer, order="id")

    @extend_schema(
        operation_id="event_filters_create",
        tags=["Spaces"],
        request=EventFilterInput,
        responses={201: EventFilterSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        given = EventFilterInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        row = services.create_event_filter(
            space=self.space,
            actor=self.actor,
            name=values["name"],
            condition=values["if"],
            is_enabled=values["enabled"],
        )
        return Response(EventFilterSerializer(row).data, status=status.HTTP_201_CREATED)


class EventFilterDetail(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = EventFilterSerializer

    def row(self) -> EventFilter:
        rows = EventFilter.objects.in_space(self.space).select_related("space__workspace")
        found: EventFilter = get_object_or_404(rows, public_id=self.kwargs["filter_id"])
        return found

    @extend_schema(operation_id="event_filters_retrieve", tags=["Spaces"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(EventFilterSerializer(self.row()).data)

    @extend_schema(operation_id="event_filters_update", tags=["Spaces"], request=EventFilterChange)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename it, or switch it on or off. Its condition does not change."""
        row = self.row()
        given = EventFilterChange(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        row = services.update_event_filter(
            row=row, actor=self.actor, name=values.get("name"), is_enabled=values.get("enabled")
        )
        return Response(EventFilterSerializer(row).data)

    @extend_schema(operation_id="event_filters_delete", tags=["Spaces"], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        services.delete_event_filter(row=self.row(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)
