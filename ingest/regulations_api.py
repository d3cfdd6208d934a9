"""REST: requests to suppress or delete people."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import InvalidError
from destinations.models import DeletionForward
from ingest.deletion import requests
from ingest.regulations import percent
from profiles.models import Profile, Regulation
from profiles.selectors.search import profile_by_segment_id
from spaces.api_base import SpaceAPIView
from spaces.models import Role


class ForwardSerializer(serializers.ModelSerializer[DeletionForward]):
    destination = serializers.CharField(source="destination.public_id")
    name = serializers.CharField(source="destination.name")

    class Meta:
        model = DeletionForward
        fields = ["destination", "name", "state", "attempts", "detail", "finished_at"]
        read_only_fields = fields


class LeftSerializer(serializers.Serializer[Any]):
    what = serializers.CharField()
    name = serializers.CharField()


class RegulationSerializer(serializers.ModelSerializer[Regulation]):
    """A request about a person. It names nobody: `identifiers` says how many there are of which type.

    `counts` are rows by table; `left` what people have to change themselves; `percent` null when it is over.
    """

    id = serializers.CharField(source="public_id", read_only=True)
    profile = serializers.CharField(source="segment_id", read_only=True)
    asked_by = serializers.SerializerMethodField()
    identifiers = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    left = LeftSerializer(many=True, read_only=True)
    percent = serializers.SerializerMethodField()
    destinations = ForwardSerializer(source="forwards", many=True, read_only=True)

    class Meta:
        model = Regulation
        fields = [
            *("id", "kind", "state", "step", "percent", "profile", "identifiers", "counts", "left", "destinations"),
            *("asked_by", "error", "created_at", "finished_at"),
        ]
        read_only_fields = fields

    def get_asked_by(self, row: Regulation) -> str | None:
        return row.asked_by.email if row.asked_by is not None else None

    def get_percent(self, row: Regulation) -> int | None:
        return percent(row)


class IdentifierSerializer(serializers.Serializer[Any]):
    type = serializers.CharField(max_length=60)
    value = serializers.CharField(max_length=600)


class RegulationInput(serializers.Serializer[Any]):
    """Name a profile by its Segment ID, or identifiers; all identifiers of the profile they belong to count."""

    kind = serializers.ChoiceField(choices=Regulation.Kind.choices)
    profile = serializers.CharField(max_length=40, required=False)
    identifiers = IdentifierSerializer(many=True, required=False)


class RegulationList(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = RegulationSerializer

    @extend_schema(
        operation_id="regulations_list",
        tags=["Profiles"],
        parameters=[OpenApiParameter("kind", str, enum=list(Regulation.Kind.values))],
        responses=RegulationSerializer(many=True),
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Requests about people, newest first."""
        rows = Regulation.objects.in_space(self.space).select_related("asked_by")
        kind = request.query_params.get("kind")
        if kind:
            if kind not in Regulation.Kind.values:
                raise InvalidError.at("/kind", f"Use one of {', '.join(Regulation.Kind.values)}.", "invalid")
            rows = rows.filter(kind=kind)
        return self.paginated(rows.prefetch_related("forwards__destination"), RegulationSerializer)

    @extend_schema(
        operation_id="regulations_create",
        tags=["Profiles"],
        request=RegulationInput,
        responses={201: RegulationSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Suppress, unsuppress or delete a person. Deletions run in the background; ask for them by their id."""
        given = RegulationInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        pairs = [(one["type"], one["value"]) for one in values.get("identifiers", [])]
        row = requests.ask(
            space=self.space,
            actor=self.actor,
            kind=values["kind"],
            profile=self._profile(values["profile"]) if values.get("profile") else None,
            identifiers=requests.checked_identifiers(self.space, pairs),
        )
        return Response(RegulationSerializer(row).data, status=status.HTTP_201_CREATED)

    def _profile(self, segment_id: str) -> Profile:
        found = profile_by_segment_id(self.space, segment_id.replace("\0", ""))
        if found is None:
            raise Http404("This space has no profile with this Segment ID.")
        return found


class RegulationDetail(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = RegulationSerializer

    def row(self) -> Regulation:
        rows = Regulation.objects.in_space(self.space).select_related("asked_by", "space__workspace")
        found: Regulation = get_object_or_404(rows, public_id=self.kwargs["regulation_id"])
        return found

    @extend_schema(operation_id="regulations_retrieve", tags=["Profiles"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(RegulationSerializer(self.row()).data)


class RegulationLift(RegulationDetail):
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="regulations_lift", tags=["Profiles"], request=None, responses={201: RegulationSerializer}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Take in the calls again that this request refuses. The answer is the request that tells of it."""
        made = requests.lift_regulation(regulation=self.row(), actor=self.actor)
        return Response(RegulationSerializer(made).data, status=status.HTTP_201_CREATED)
