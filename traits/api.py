"""REST: computed traits, their values, previews and connections, through the same services as the pages."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from audiences.api_exports import named_profile
from common.api import page_limit, whole_number
from common.errors import InvalidError
from engine import traits as engine
from engine.traits.sql import SQL
from spaces.api_base import SpaceAPIView
from traits.models import Trait
from traits.selectors import traits as selectors
from traits.selectors.explaining import explain_value
from traits.selectors.masking import shown_distribution, shown_report, shown_values
from traits.selectors.preview import preview_report
from traits.selectors.values import distribution, profiles_with
from traits.serializers import (
    DistributionSerializer,
    TraitChangeSerializer,
    TraitConnectionInputSerializer,
    TraitConnectionSerializer,
    TraitExplanationSerializer,
    TraitInputSerializer,
    TraitPreviewInputSerializer,
    TraitPreviewSerializer,
    TraitSerializer,
    TraitValuesSerializer,
    ValuedSerializer,
    connection_spec,
)
from traits.services import traits as services
from traits.services.connections import connect, live_connections


class TraitListView(SpaceAPIView):
    serializer_class = TraitSerializer

    @extend_schema(operation_id="traits_list", responses=TraitSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The computed traits of the space, newest first."""
        return self.paginated(selectors.trait_list(self.space), TraitSerializer)

    @extend_schema(operation_id="traits_create", request=TraitInputSerializer, responses={201: TraitSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Create a trait and start computing it; with `destinations`, values are sent as they are computed."""
        sent = TraitInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        _refuse_sql(data["definition"])
        specs = [connection_spec(self.space, item) for item in data.pop("destinations")]
        trait = services.create_trait(space=self.space, created_by=self.actor, destinations=specs, **data)
        return Response(TraitSerializer(trait).data, status=status.HTTP_201_CREATED)


def _refuse_sql(definition: Any) -> None:
    """The query of a SQL trait is tried before it is stored, which has its own address."""
    if isinstance(definition, dict) and definition.get("kind") == SQL:
        raise InvalidError.at("/definition/kind", "Create and change SQL traits at sql-traits/.", "other_address")


class TraitView(SpaceAPIView):
    """Base of everything below one trait."""

    serializer_class: type[BaseSerializer[Any]] = TraitSerializer

    def trait(self) -> Trait:
        trait = selectors.get_trait(self.space, self.kwargs["trait"])
        if trait is None:
            raise Http404("This space has no such trait.")
        return trait


class TraitDetailView(TraitView):
    @extend_schema(operation_id="traits_read", responses=TraitSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One trait."""
        return Response(TraitSerializer(self.trait()).data)

    @extend_schema(operation_id="traits_change", request=TraitChangeSerializer, responses=TraitSerializer)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename, describe, redefine, enable or disable. 409 when `revision` is not the stored one."""
        sent = TraitChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        enabled = data.pop("enabled", None)
        trait = self.trait()
        if "definition" in data:
            _refuse_sql(data["definition"])
            _refuse_sql(trait.definition)
        if data:
            trait = services.update_trait(trait=trait, changed_by=self.actor, **data)
        if enabled is not None:
            trait = services.set_enabled(trait=trait, is_enabled=enabled, changed_by=self.actor)
        return Response(TraitSerializer(trait).data)

    @extend_schema(operation_id="traits_delete", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Delete a disabled trait. Its key stays reserved, its last values stay on the profiles as a custom trait."""
        services.delete_trait(trait=self.trait(), deleted_by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TraitRefreshView(TraitView):
    @extend_schema(operation_id="traits_refresh", request=None, responses={202: TraitSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Compute everybody again; only values that differ are sent."""
        trait = services.refresh_trait(trait=self.trait(), refreshed_by=self.actor)
        return Response(TraitSerializer(trait).data, status=status.HTTP_202_ACCEPTED)


class TraitCancelView(TraitView):
    @extend_schema(operation_id="traits_cancel", request=None, responses=TraitSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Stop a full computation that is under way."""
        return Response(TraitSerializer(services.cancel_run(trait=self.trait(), cancelled_by=self.actor)).data)


class TraitValuesView(TraitView):
    @extend_schema(
        operation_id="traits_values",
        parameters=[OpenApiParameter("after", int), OpenApiParameter("limit", int)],
        responses=TraitValuesSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Profiles and their values, a keyset page at a time."""
        limit, after = page_limit(request), whole_number(request, "after", default=0)
        trait = self.trait()
        rows, following = profiles_with(trait, after=after, limit=limit)
        rows = shown_values(rows, trait=trait, shows_pii=self.member.has_pii_access)
        url = None
        if following is not None:
            url = f"{request.build_absolute_uri(request.path)}?after={following}&limit={limit}"
        return Response({"next": url, "results": [ValuedSerializer(row).data for row in rows]})


class TraitExplainView(TraitView):
    serializer_class = TraitExplanationSerializer

    @extend_schema(
        operation_id="traits_explain",
        parameters=[OpenApiParameter("profile", str, required=True, description="Segment ID, or `type:value`.")],
        responses=TraitExplanationSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Why a profile has its value: the events, row or figures behind it, and when it changes by itself."""
        trait = self.trait()
        profile = named_profile(self.space, request, collection=trait.collection)
        explained = explain_value(trait=trait, profile=profile, shows_pii=self.member.has_pii_access)
        return Response({"profile": profile.segment_id, **explained.as_json()})


class TraitDistributionView(TraitView):
    @extend_schema(operation_id="traits_distribution", responses=DistributionSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """How the stored values are distributed."""
        trait = self.trait()
        found = shown_distribution(distribution(trait), trait=trait, shows_pii=self.member.has_pii_access)
        return Response(DistributionSerializer(found).data)


class TraitConnectionsView(TraitView):
    @extend_schema(operation_id="traits_connections", responses=TraitConnectionSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The destinations this trait is connected to."""
        rows = live_connections(self.trait())
        return Response({"next": None, "previous": None, "results": TraitConnectionSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="traits_connect",
        request=TraitConnectionInputSerializer,
        responses={201: TraitConnectionSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Connect an event destination; the initial sync begins at once."""
        sent = TraitConnectionInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        spec = connection_spec(self.space, dict(sent.validated_data))
        connection = connect(trait=self.trait(), spec=spec, connected_by=self.actor)
        return Response(TraitConnectionSerializer(connection).data, status=status.HTTP_201_CREATED)


class TraitPreviewView(SpaceAPIView):
    serializer_class = TraitPreviewSerializer

    @extend_schema(operation_id="traits_preview", request=TraitPreviewInputSerializer, responses=TraitPreviewSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Count, sample values and distribution of a definition; nothing is saved."""
        sent = TraitPreviewInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        definition = sent.validated_data["definition"]
        report = preview_report(space=self.space, definition=definition)
        report = shown_report(report, definition=definition, shows_pii=self.member.has_pii_access)
        return Response(TraitPreviewSerializer(report).data)


class TraitSchemaView(APIView):
    @extend_schema(operation_id="schemas_trait", responses={200: dict})
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The JSON Schema of a computed trait (definitions.md §2)."""
        return Response(engine.schema())
