"""REST: the drift of a list, the people on each side, and its repair."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import page_limit
from common.errors import InvalidError
from delivery.api import ConnectionView
from delivery.models import Connection
from delivery.selectors.drift import SIDES, Drift, drift_of, drift_page
from delivery.services.calls import UnknownConnectorError, connector_of
from delivery.services.repair import repair
from profiles.masking import masked_identifier


class DriftSerializer(serializers.Serializer[Drift]):
    """`acknowledged`, `missing`, `extra` and what waits count entries (identifiers), the `…_people` their people."""

    members = serializers.IntegerField()
    unreachable = serializers.IntegerField(help_text="Members without an identifier that the destination takes.")
    acknowledged = serializers.IntegerField()
    acknowledged_people = serializers.IntegerField()
    waiting_adds = serializers.IntegerField()
    waiting_removes = serializers.IntegerField()
    missing = serializers.IntegerField()
    missing_people = serializers.IntegerField()
    extra = serializers.IntegerField()
    extra_people = serializers.IntegerField()


class DriftReportSerializer(serializers.Serializer[Any]):
    """`drift` is null when there is too much to count in a few seconds."""

    drift = DriftSerializer(allow_null=True)
    repair_asked_at = serializers.DateTimeField(allow_null=True)


class DriftPersonSerializer(serializers.Serializer[Any]):
    """`last_call` is the id of the last delivery about the person, `outcome` and `detail` what became of it."""

    profile = serializers.CharField()
    entries = serializers.ListField(child=serializers.DictField())
    last_call = serializers.IntegerField(allow_null=True)
    outcome = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)


class DriftPageSerializer(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    results = DriftPersonSerializer(many=True)


class ListView(ConnectionView):
    """Base: one connection to a list."""

    def connection(self) -> Connection:
        connection = super().connection()
        try:
            is_list = connector_of(connection.destination).kind == "list"
        except UnknownConnectorError:
            is_list = False
        if connection.removed_at is not None or not is_list:
            raise Http404("Only a connected list has a drift report.")
        return connection

    def report(self, connection: Connection, found: Drift | None) -> dict[str, Any]:
        shown = None if found is None else DriftSerializer(found).data
        return {"drift": shown, "repair_asked_at": connection.repair_asked_at}


class ConnectionDriftView(ListView):
    serializer_class = DriftReportSerializer

    @extend_schema(operation_id="connections_drift_read", responses=DriftReportSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """What the destination acknowledged against the members, in numbers."""
        connection = self.connection()
        return Response(self.report(connection, drift_of(connection)))

    @extend_schema(operation_id="connections_drift_repair", request=None, responses={202: DriftReportSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Repair: send exactly the difference with the next sync. Answers with the difference as it was."""
        connection = self.connection()
        found = repair(connection=connection, actor=self.actor)
        connection.refresh_from_db(fields=["repair_asked_at"])
        return Response(self.report(connection, found), status=status.HTTP_202_ACCEPTED)


class ConnectionDriftPeopleView(ListView):
    serializer_class = DriftPageSerializer

    @extend_schema(
        operation_id="connections_drift_people",
        parameters=[
            OpenApiParameter("side", str, enum=SIDES),
            OpenApiParameter("after", str),
            OpenApiParameter("limit", int),
        ],
        responses=DriftPageSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The people of one side: `missing` (the default) or `extra`."""
        query = request.query_params
        side = query.get("side", "missing")
        if side not in SIDES:
            raise InvalidError.at("/side", f"Use one of {', '.join(SIDES)}.")
        page = drift_page(self.connection(), side, after=query.get("after", ""), size=page_limit(request))
        has_pii = self.member.has_pii_access
        rows = [
            {
                "profile": person.segment_id,
                "entries": [
                    {"type": id_type, "value": value if has_pii else masked_identifier(id_type, value)}
                    for id_type, value in person.entries
                ],
                "last_call": person.call_id,
                "outcome": person.outcome,
                "detail": person.detail,
            }
            for person in page.rows
        ]
        following = None
        if page.after is not None:
            more = query.copy()
            more["after"] = page.after
            following = f"{request.build_absolute_uri(request.path)}?{more.urlencode()}"
        return Response({"next": following, "results": rows})
