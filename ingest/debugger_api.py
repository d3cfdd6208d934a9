"""REST: the incoming side of the debugger."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import page_limit
from ingest.readable import readable
from ingest.received import STATUSES, TYPES, Received, read_incoming, received_page
from profiles.masking import masked
from spaces.api_base import SpaceAPIView
from spaces.models import Source


class ReceivedSerializer(serializers.Serializer[Received]):
    """`message` is the JSON as it came, masked for members without access to personal data; text where it is none."""

    id = serializers.CharField()
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # the name on the wire
    received_at = serializers.DateTimeField()
    type = serializers.CharField(source="kind")
    name = serializers.CharField()
    message_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=list(STATUSES))
    code = serializers.CharField()
    detail = serializers.CharField()
    message = serializers.SerializerMethodField()

    def get_source(self, row: Received) -> str | None:
        found: str | None = self.context["sources"].get(row.source_id)
        return found

    @extend_schema_field(OpenApiTypes.ANY)
    def get_message(self, row: Received) -> object:
        shows_pii = self.context["member"].has_pii_access
        if not row.event:
            return readable(row.text, shows_pii=shows_pii)
        return row.event if shows_pii else masked(dict(row.event))


class ReceivedPageSerializer(serializers.Serializer[Any]):
    """`is_cut`: few messages match and the search took too long; `next` goes on from there."""

    next = serializers.CharField(allow_null=True)
    is_cut = serializers.BooleanField()
    results = ReceivedSerializer(many=True)


class IncomingView(SpaceAPIView):
    serializer_class = ReceivedPageSerializer

    @extend_schema(
        operation_id="debugger_incoming",
        tags=["Debugger"],
        parameters=[
            OpenApiParameter("source", str, description="Id of a source."),
            OpenApiParameter("type", str, enum=list(TYPES)),
            OpenApiParameter("status", str, enum=list(STATUSES)),
            *(OpenApiParameter(name, str) for name in ("name", "user", "q", "after")),
            OpenApiParameter("limit", int),
        ],
        responses=ReceivedPageSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """What the sources received, newest first: stored, duplicate or rejected. `q` is looked for in the message."""
        wanted = read_incoming(self.space, request.query_params.get)
        page = received_page(wanted, after=request.query_params.get("after", ""), size=page_limit(request))
        following = None
        if page.after is not None:
            query = request.query_params.copy()
            query["after"] = page.after
            following = f"{request.build_absolute_uri(request.path)}?{query.urlencode()}"
        context = {
            "member": self.member,
            "sources": dict(Source.objects.in_space(self.space).values_list("pk", "public_id")),
        }
        results = [ReceivedSerializer(row, context=context).data for row in page.rows]
        return Response({"next": following, "is_cut": page.is_cut, "results": results})
