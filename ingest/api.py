"""REST: the counts of a source and the messages that were rejected."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ingest import selectors
from ingest.models import RejectedMessage
from ingest.readable import readable
from spaces.api_base import SpaceAPIView
from spaces.models import Source


class CountsSerializer(serializers.Serializer[selectors.Counts]):
    """The running hour and the 23 before it: received = stored + duplicate + rejected."""

    received = serializers.IntegerField()
    stored = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()


class RejectedSerializer(serializers.ModelSerializer[RejectedMessage]):
    """`message` is the text as it came, cut at 32 KB; masked for members without access to personal data."""

    message = serializers.SerializerMethodField()

    class Meta:
        model = RejectedMessage
        fields = ["id", "received_at", "code", "detail", "message_id", "message"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.ANY)
    def get_message(self, row: RejectedMessage) -> object:
        return readable(row.message, shows_pii=self.context["member"].has_pii_access)


class SourceView(SpaceAPIView):
    """What the views of one source share."""

    def source(self) -> Source:
        found: Source = get_object_or_404(Source.objects.in_space(self.space), public_id=self.kwargs["source_id"])
        return found


class SourceCounts(SourceView):
    serializer_class = CountsSerializer

    @extend_schema(operation_id="sources_counts", tags=["Sources"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Messages of the last 24 hours by what became of them."""
        source = self.source()
        counts = selectors.counts_by_source(self.space, now=timezone.now()).get(source.pk, selectors.Counts())
        return Response(CountsSerializer(counts).data)


class SourceRejected(SourceView):
    serializer_class = RejectedSerializer

    @extend_schema(operation_id="sources_rejected", tags=["Sources"], responses=RejectedSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Messages that were not stored, with the reason, newest first."""
        return self.paginated(selectors.rejected_of(self.source()), RejectedSerializer)
