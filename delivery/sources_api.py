"""REST: the destinations that are connected to a source directly (F136)."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import InvalidError
from delivery.models import SOURCE, Connection
from delivery.selectors import books
from delivery.selectors.books import Books, connection_status
from delivery.services import connections as services
from delivery.services.source_connections import connect_source, connections_of_source
from destinations.selectors import find_destination
from spaces.api_base import SpaceAPIView
from spaces.models import Role, Source


class SourceConnectionSerializer(serializers.ModelSerializer[Connection]):
    """A destination that gets the events of the source as they come, with its equation."""

    id = serializers.CharField(source="public_id", read_only=True)
    source = serializers.CharField(source="computation_id", read_only=True)  # type: ignore[assignment]  # a declared field
    destination = serializers.CharField(source="destination.public_id", read_only=True)
    destination_name = serializers.CharField(source="destination.name", read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
    status = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()

    class Meta:
        model = Connection
        fields = ["id", "source", "destination", "destination_name", "enabled", "status", "created_at", "counts"]
        read_only_fields = fields

    def get_status(self, connection: Connection) -> str:
        return connection_status(connection)

    def get_counts(self, connection: Connection) -> dict[str, int]:
        found: Books = books.books_of([connection])[connection.pk]
        return {"emitted": found.emitted, **dict(found.parts()), "unaccounted": found.unaccounted}


class SourceConnectionInput(serializers.Serializer[Any]):
    destination = serializers.CharField(max_length=40)


class SourceConnectionChange(serializers.Serializer[Any]):
    enabled = serializers.BooleanField()


class SourceConnectionView(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = SourceConnectionSerializer

    def source(self) -> Source:
        rows = Source.objects.in_space(self.space).select_related("space__workspace")
        found: Source = get_object_or_404(rows, public_id=self.kwargs["source_id"])
        return found


class SourceConnectionList(SourceConnectionView):
    @extend_schema(
        operation_id="sources_connections_list", tags=["Sources"], responses=SourceConnectionSerializer(many=True)
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The destinations that the source feeds directly, newest first."""
        rows = Connection.objects.in_space(self.space).select_related("destination", "space")
        own = rows.filter(computation_class=SOURCE, computation_id=self.source().public_id, removed_at=None)
        return self.paginated(own, SourceConnectionSerializer)

    @extend_schema(
        operation_id="sources_connections_create",
        tags=["Sources"],
        request=SourceConnectionInput,
        responses={201: SourceConnectionSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Connect an event destination to get every event from now on. Lists, and what audiences use, are refused."""
        source = self.source()
        sent = SourceConnectionInput(data=request.data)
        sent.is_valid(raise_exception=True)
        destination = find_destination(self.space, sent.validated_data["destination"])
        if destination is None:
            raise InvalidError.at("/destination", "This space has no such destination.", "not_found")
        connection = connect_source(source=source, destination=destination, actor=self.actor)
        return Response(SourceConnectionSerializer(connection).data, status=status.HTTP_201_CREATED)


class SourceConnectionDetail(SourceConnectionView):
    def connection(self) -> Connection:
        wanted = self.kwargs["connection_id"]
        found = next((one for one in connections_of_source(self.source()) if one.public_id == wanted), None)
        if found is None:
            raise Http404("This source has no such connection.")
        return found

    @extend_schema(operation_id="sources_connections_read", tags=["Sources"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One of them."""
        return Response(SourceConnectionSerializer(self.connection()).data)

    @extend_schema(
        operation_id="sources_connections_change",
        tags=["Sources"],
        request=SourceConnectionChange,
        responses=SourceConnectionSerializer,
    )
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Pause (`enabled: false`) and resume; events that come while it is paused are not sent."""
        sent = SourceConnectionChange(data=request.data)
        sent.is_valid(raise_exception=True)
        changed = services.set_enabled(
            connection=self.connection(), is_enabled=sent.validated_data["enabled"], actor=self.actor
        )
        return Response(SourceConnectionSerializer(changed).data)

    @extend_schema(operation_id="sources_connections_remove", tags=["Sources"], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Disconnect the destination; what waits is superseded."""
        services.remove(connection=self.connection(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)
