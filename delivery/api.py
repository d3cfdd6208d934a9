"""REST: connections, their sync state, and every emitted call."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from common.api import page_limit
from common.errors import NotAllowedError
from delivery.models import Connection
from delivery.selectors import books
from delivery.selectors.calls import STATUSES, call_page
from delivery.selectors.lookups import call_filter, find_connection, shows
from delivery.selectors.sync_progress import sync_progress
from delivery.serializers import (
    CallPageSerializer,
    CallSerializer,
    ConnectionChangeSerializer,
    ConnectionSerializer,
    DestinationTraitsSerializer,
    FirstSyncSerializer,
    ReplaySerializer,
    SyncProgressSerializer,
    SyncSerializer,
)
from delivery.services import connections as services
from delivery.services.destination_traits import always_sent, set_always_sent
from delivery.services.replay import replay
from destinations.models import Destination
from destinations.selectors import find_destination
from spaces.access import allows, missing_right
from spaces.api_base import SpaceAPIView
from spaces.models import Role


class ConnectionView(SpaceAPIView):
    """Base of everything below one connection; removed ones are shown but not changed."""

    serializer_class: type[BaseSerializer[Any]] = ConnectionSerializer

    def connection(self) -> Connection:
        return find_connection(self.space, self.kwargs["connection"])

    def changeable(self) -> Connection:
        """NotAllowedError: what a source feeds is a setting of the space (engage-domain.md §5)."""
        connection = self.connection()
        if connection.is_direct and not allows(self.member, Role.ADMIN):
            raise NotAllowedError(missing_right(self.member, Role.ADMIN))
        return connection

    def shown(self, connection: Connection) -> dict[str, Any]:
        context = {"books": books.books_of([connection])}
        return dict(ConnectionSerializer(connection, context=context).data)


class ConnectionDetailView(ConnectionView):
    @extend_schema(operation_id="connections_read", responses=ConnectionSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One connection with its settings and counts."""
        return Response(self.shown(self.connection()))

    @extend_schema(
        operation_id="connections_change", request=ConnectionChangeSerializer, responses=ConnectionSerializer
    )
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Change what is sent, or pause (`enabled: false`) and resume."""
        sent = ConnectionChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        enabled = data.pop("enabled", None)
        connection = self.changeable()
        if data:
            connection = services.update(connection=connection, actor=self.actor, **data)
        if enabled is not None:
            connection = services.set_enabled(connection=connection, is_enabled=enabled, actor=self.actor)
        return Response(self.shown(connection))

    @extend_schema(operation_id="connections_remove", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Remove the destination from the computation; what waits is superseded."""
        services.remove(connection=self.changeable(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ConnectionSyncView(ConnectionView):
    serializer_class = SyncSerializer

    def shown_sync(self, connection: Connection) -> dict[str, Any]:
        run = connection.first_syncs.order_by("-id").first()
        last = books.last_list_sync(connection)
        progress = sync_progress(connection, run, books.books_of([connection])[connection.pk])
        return {
            "first_sync": FirstSyncSerializer(run).data if run else None,
            "progress": None if progress is None else SyncProgressSerializer(progress).data,
            "last_list_sync": None
            if last is None
            else {
                "state": last.state,
                "adds": last.adds,
                "removes": last.removes,
                "delivered": last.delivered,
                "failed": last.failed,
                "error": last.error,
                "started_at": last.started_at,
                "finished_at": last.finished_at,
            },
            "next_list_sync_at": books.next_list_sync(connection),
        }

    @extend_schema(operation_id="connections_sync_read", responses=SyncSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """How far the first sync is, and the runs of a list."""
        return Response(self.shown_sync(self.connection()))

    @extend_schema(operation_id="connections_sync_start", request=None, responses={202: SyncSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Resync: send the members that this connection has not sent yet, and missed exits."""
        connection = services.resync(connection=self.connection(), actor=self.actor)
        return Response(self.shown_sync(connection), status=status.HTTP_202_ACCEPTED)


class DestinationTraitsView(SpaceAPIView):
    serializer_class = DestinationTraitsSerializer
    write_role = Role.ADMIN

    def destination(self) -> Destination:
        found = find_destination(self.space, self.kwargs["destination"])
        if found is None:
            raise Http404("This space has no such destination.")
        return found

    @extend_schema(operation_id="destinations_traits_read", responses=DestinationTraitsSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The traits that every connection of the destination sends along."""
        return Response({"trait_mappings": always_sent(self.destination())})

    @extend_schema(
        operation_id="destinations_traits_change",
        request=DestinationTraitsSerializer,
        responses=DestinationTraitsSerializer,
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        """Replace them; they reach the calls queued from now on."""
        destination = self.destination()
        sent = DestinationTraitsSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        rows = set_always_sent(destination=destination, traits=sent.validated_data["trait_mappings"], actor=self.actor)
        return Response({"trait_mappings": rows})


LIST_FILTERS = (
    *("connection", "destination", "computation", "profile", "person", "message_id", "reason", "kind"),
    *("from", "to", "after", "before"),
)


class DeliveryListView(SpaceAPIView):
    serializer_class = CallPageSerializer

    @extend_schema(
        operation_id="deliveries_list",
        parameters=[
            OpenApiParameter("status", str, enum=STATUSES),
            *(OpenApiParameter(name, str) for name in LIST_FILTERS),
            OpenApiParameter("limit", int),
        ],
        responses=CallPageSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Emitted calls, newest first. `profile` is a Segment ID."""
        query = request.query_params
        wanted = call_filter(self.space, query.get)
        page = call_page(
            self.space, wanted, after=query.get("after", ""), before=query.get("before", ""), size=page_limit(request)
        )
        context = {"show": shows(self.member)}
        return Response(
            {
                "next": self._link(request, "after", page.after),
                "previous": self._link(request, "before", page.before),
                "results": [CallSerializer(row, context=context).data for row in page.rows],
            }
        )

    def _link(self, request: Request, name: str, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        query = request.query_params.copy()
        query.pop("after", None)
        query.pop("before", None)
        query[name] = cursor
        return f"{request.build_absolute_uri(request.path)}?{query.urlencode()}"


class ReplayView(SpaceAPIView):
    serializer_class = ReplaySerializer

    @extend_schema(operation_id="deliveries_replay", request=ReplaySerializer, responses={202: None})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Queue dead letters again under their own messageIds. Replaying twice sends once."""
        sent = ReplaySerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = sent.validated_data
        connection = find_connection(self.space, data["connection"]) if "connection" in data else None
        count = replay(space=self.space, actor=self.actor, call_ids=data.get("ids"), connection=connection)
        return Response({"replayed": count}, status=status.HTTP_202_ACCEPTED)
