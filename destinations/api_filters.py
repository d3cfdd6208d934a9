"""REST: the filters of a destination, in the shape of Segment's Destination Filters API."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import InvalidError
from destinations.api import DestinationView
from destinations.filter_rules import field_paths, grouped_fields
from destinations.models import DestinationFilter
from destinations.services import filters as services

Kind = DestinationFilter.Kind


class FilterSerializer(serializers.Serializer[DestinationFilter]):
    """`actions` holds one: `{"type": "DROP"}`, `{"type": "SAMPLE", "percent": 0.25, "path": "messageId"}`,
    `{"type": "DROP_PROPERTIES" or "ALLOW_PROPERTIES", "fields": {"properties": ["email"], "": ["userId"]}}`.
    """

    id = serializers.CharField(source="public_id", read_only=True)
    title = serializers.CharField(source="name", read_only=True)
    description = serializers.CharField(read_only=True)
    actions = serializers.SerializerMethodField()
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # "if" is no name that a class body can declare.
        return {**super().get_fields(), "if": serializers.CharField(source="condition", read_only=True)}

    def get_actions(self, row: DestinationFilter) -> list[dict[str, Any]]:
        if row.kind == Kind.SAMPLE:
            return [{"type": row.kind, "percent": row.sample_percent / 100, "path": row.sample_path}]
        if row.kind == Kind.DROP:
            return [{"type": row.kind}]
        return [{"type": row.kind, "fields": grouped_fields(row.fields)}]


class FilterInput(serializers.Serializer[DestinationFilter]):
    """`destinationId` is in the address."""

    title = serializers.CharField(max_length=255)
    description = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    actions = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=1)
    enabled = serializers.BooleanField(default=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "if": serializers.CharField(max_length=10_000)}


class FilterPreviewInput(FilterInput):
    """A filter, saved or not, and the event to judge."""

    title = serializers.CharField(required=False, default="Preview", max_length=255)
    event = serializers.DictField()


class FilterPreview(serializers.Serializer[Any]):
    """`event` is what is left of it, null when it is stopped."""

    verdict = serializers.ChoiceField(choices=["passed", "stopped", "changed"])
    detail = serializers.CharField()
    event = serializers.DictField(allow_null=True)


class FilterList(DestinationView):
    serializer_class = FilterSerializer

    @extend_schema(operation_id="filters_list", tags=["Destinations"], responses=FilterSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        return self.paginated(self.destination().filters.all(), FilterSerializer, order="id")

    @extend_schema(
        operation_id="filters_create", tags=["Destinations"], request=FilterInput, responses={201: FilterSerializer}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        destination = self.destination()
        given = FilterInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = services.create_filter(destination=destination, actor=self.actor, **read_filter(given.validated_data))
        return Response(FilterSerializer(row).data, status=status.HTTP_201_CREATED)


class FilterDetail(DestinationView):
    serializer_class = FilterSerializer

    def filter(self) -> DestinationFilter:
        rows = DestinationFilter.objects.select_related("destination__space__workspace")
        return get_object_or_404(rows, destination=self.destination(), public_id=self.kwargs["filter_id"])

    @extend_schema(operation_id="filters_retrieve", tags=["Destinations"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(FilterSerializer(self.filter()).data)

    @extend_schema(operation_id="filters_update", tags=["Destinations"], request=FilterInput(partial=True))
    def patch(self, request: Request, **kwargs: Any) -> Response:
        row = self.filter()
        given = FilterInput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        row = services.update_filter(row=row, actor=self.actor, changes=read_filter(given.validated_data))
        return Response(FilterSerializer(row).data)

    @extend_schema(operation_id="filters_delete", tags=["Destinations"], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        services.delete_filter(row=self.filter(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class FilterTrial(DestinationView):
    """What a filter would do with an event; nothing is saved."""

    serializer_class = FilterPreview

    @extend_schema(
        operation_id="filters_preview", tags=["Destinations"], request=FilterPreviewInput, responses=FilterPreview
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        given = FilterPreviewInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = DestinationFilter(destination=self.destination(), **read_filter(given.validated_data))
        problems, judgement = services.preview_filter(row, given.validated_data["event"])
        if judgement is None:
            raise InvalidError("The filter is not valid.", problems)
        [finding] = judgement.findings
        left = None if judgement.stopped else judgement.event
        return Response({"verdict": finding.state, "detail": finding.sentence, "event": left})


def read_filter(given: dict[str, Any]) -> dict[str, Any]:
    """What of a body was given, as the services take it."""
    names = {"title": "name", "description": "description", "if": "condition", "enabled": "is_enabled"}
    values = {ours: given[theirs] for theirs, ours in names.items() if theirs in given}
    for action in given.get("actions", ()):
        values["kind"] = str(action.get("type", ""))
        if "percent" in action:
            values["sample_percent"] = 100 * _number(action["percent"])
        if "path" in action:
            values["sample_path"] = str(action["path"])
        if "fields" in action:
            values["fields"] = field_paths(_grouped(action["fields"]))
    return values


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidError.at("/actions/0/percent", "percent is a number between 0 and 1.", "type")
    return float(value)


def _grouped(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict) or not all(isinstance(names, list) for names in value.values()):
        detail = 'fields is an object of lists: {"properties": ["email"], "": ["userId"]}.'
        raise InvalidError.at("/actions/0/fields", detail, "type")
    return value
