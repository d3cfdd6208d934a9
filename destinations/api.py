"""REST: the catalog of connectors, destinations, their mappings, and test events."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import ConflictError
from destinations import serializers as shapes
from destinations.catalog import definition as find_definition
from destinations.catalog import definitions
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.selectors import destinations_of, find_destination, mappings_of
from destinations.services import destinations as services
from destinations.services import mappings as mapping_services
from destinations.services.tester import check_connection, send_test_event
from spaces.api_base import SpaceAPIView
from spaces.models import Role


class ConnectorList(SpaceAPIView):
    """Every connector that can be configured, with its settings and actions."""

    serializer_class = shapes.ConnectorSerializer

    @extend_schema(
        operation_id="connectors_list", tags=["Destinations"], responses=shapes.ConnectorSerializer(many=True)
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """All of them on one page."""
        found = shapes.ConnectorSerializer(list(definitions().values()), many=True).data
        return Response({"next": None, "previous": None, "results": found})


class DestinationList(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = shapes.DestinationSerializer

    @extend_schema(
        operation_id="destinations_list", tags=["Destinations"], responses=shapes.DestinationSerializer(many=True)
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        return self.paginated(destinations_of(self.space), shapes.DestinationSerializer)

    @extend_schema(
        operation_id="destinations_create",
        tags=["Destinations"],
        request=shapes.DestinationInput,
        responses={201: shapes.DestinationSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        values = _valid(shapes.DestinationInput, request)
        destination = services.create_destination(
            space=self.space,
            actor=self.actor,
            connector=values["connector"],
            name=values["name"],
            settings=values["settings"],
            is_enabled=values["enabled"],
            requests_per_second=values["requests_per_second"],
        )
        return Response(shapes.DestinationSerializer(destination).data, status=status.HTTP_201_CREATED)


class DestinationView(SpaceAPIView):
    """The base of every endpoint of one destination."""

    write_role = Role.ADMIN

    def destination(self) -> Destination:
        found = find_destination(self.space, self.kwargs["destination_id"])
        return found or get_object_or_404(Destination.objects.none())

    def mapping(self) -> MappingRow:
        rows = mappings_of(self.destination()).select_related("destination__space__workspace")
        return get_object_or_404(rows, public_id=self.kwargs["mapping_id"])


class DestinationDetail(DestinationView):
    serializer_class = shapes.DestinationSerializer

    @extend_schema(operation_id="destinations_retrieve", tags=["Destinations"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(shapes.DestinationSerializer(self.destination()).data)

    @extend_schema(operation_id="destinations_update", tags=["Destinations"], request=shapes.DestinationChange)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        values = _valid(shapes.DestinationChange, request)
        destination = self.destination()
        changes: dict[str, Any] = {key: values[key] for key in ("name", "requests_per_second") if key in values}
        if "enabled" in values:
            changes["is_enabled"] = values["enabled"]
        if "settings" in values:
            changes["settings"] = _merged(destination, values["settings"])
        destination = services.update_destination(destination=destination, actor=self.actor, **changes)
        return Response(shapes.DestinationSerializer(destination).data)

    @extend_schema(operation_id="destinations_delete", tags=["Destinations"], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        services.delete_destination(destination=self.destination(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MappingList(DestinationView):
    serializer_class = shapes.MappingSerializer

    @extend_schema(operation_id="mappings_list", tags=["Destinations"], responses=shapes.MappingSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        return self.paginated(mappings_of(self.destination()), shapes.MappingSerializer, order="id")

    @extend_schema(
        operation_id="mappings_create",
        tags=["Destinations"],
        request=shapes.MappingInput,
        responses={201: shapes.MappingSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        values = _valid(shapes.MappingInput, request)
        mapping = mapping_services.create_mapping(
            destination=self.destination(),
            actor=self.actor,
            action=values["action"],
            name=values["name"],
            trigger=values.get("trigger"),
            fields=values.get("fields"),
            enrichments=values["enrichments"],
            is_enabled=values["enabled"],
        )
        return Response(shapes.MappingSerializer(mapping).data, status=status.HTTP_201_CREATED)


class MappingDetail(DestinationView):
    serializer_class = shapes.MappingSerializer

    @extend_schema(operation_id="mappings_retrieve", tags=["Destinations"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(shapes.MappingSerializer(self.mapping()).data)

    @extend_schema(operation_id="mappings_update", tags=["Destinations"], request=shapes.MappingChange)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        values = _valid(shapes.MappingChange, request)
        mapping = mapping_services.update_mapping(
            mapping=self.mapping(),
            actor=self.actor,
            name=values.get("name"),
            trigger=values.get("trigger"),
            fields=values.get("fields"),
            enrichments=values.get("enrichments"),
            is_enabled=values.get("enabled"),
        )
        return Response(shapes.MappingSerializer(mapping).data)

    @extend_schema(operation_id="mappings_delete", tags=["Destinations"], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        mapping_services.delete_mapping(mapping=self.mapping(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MappingDuplicate(DestinationView):
    serializer_class = shapes.MappingSerializer

    @extend_schema(
        operation_id="mappings_duplicate",
        tags=["Destinations"],
        request=None,
        responses={201: shapes.MappingSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        copy = mapping_services.duplicate_mapping(mapping=self.mapping(), actor=self.actor)
        return Response(shapes.MappingSerializer(copy).data, status=status.HTTP_201_CREATED)


class DestinationTest(DestinationView):
    """Sends a real call to the destination, through the same code as a delivery."""

    write_role = Role.USER
    serializer_class = shapes.EventTestSerializer

    @extend_schema(
        operation_id="destinations_test",
        tags=["Destinations"],
        request=shapes.TestInput,
        responses=shapes.EventTestSerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        values = _valid(shapes.TestInput, request)
        test = send_test_event(
            destination=self.destination(),
            sent_by=self.actor,
            event=values["event"],
            only_mapping=values.get("mapping"),
            applies_filters=values["apply_filters"],
        )
        return Response(shapes.EventTestSerializer(test).data)


class DestinationCheck(DestinationView):
    """Asks the destination whether it takes the stored settings; sends nobody."""

    serializer_class = shapes.CheckSerializer

    @extend_schema(
        operation_id="destinations_check", tags=["Destinations"], request=None, responses=shapes.CheckSerializer
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        verdict = check_connection(self.destination())
        if verdict is None:
            raise ConflictError("This connector has no connection test. Send a test event instead.")
        is_accepted = verdict.outcome == "delivered"
        shown = {"accepted": is_accepted, "detail": "" if is_accepted else verdict.detail, "status": verdict.status}
        return Response(shapes.CheckSerializer(shown).data)


class DestinationResume(DestinationView):
    """Lets the calls of a paused destination go again."""

    serializer_class = shapes.DestinationSerializer

    @extend_schema(operation_id="destinations_resume", tags=["Destinations"], request=None)
    def post(self, request: Request, **kwargs: Any) -> Response:
        destination = services.resume_destination(destination=self.destination(), actor=self.actor)
        return Response(shapes.DestinationSerializer(destination).data)


def _valid(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = shape(data=request.data)
    given.is_valid(raise_exception=True)
    values: dict[str, Any] = given.validated_data
    return values


def _merged(destination: Destination, given: dict[str, Any]) -> dict[str, Any]:
    """What is not named stays; null removes. The service keeps the secrets that are not named."""
    definition = find_definition(destination.connector)
    hidden = definition.secret_keys if definition else frozenset()
    merged = {**destination.settings, **given}
    return {key: value for key, value in merged.items() if value is not None or key in hidden}
