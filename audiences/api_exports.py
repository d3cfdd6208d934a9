"""REST: explain a profile, CSV files of the members, clones."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from audiences.api import AudienceView
from audiences.export_serializers import (
    CloneSerializer,
    ExplanationSerializer,
    ExportInputSerializer,
    ExportSerializer,
)
from audiences.models import AudienceExport
from audiences.selectors import exports as selectors
from audiences.selectors.explaining import explain_membership
from audiences.serializers import AudienceSerializer
from audiences.services import exports as services
from audiences.services.cloning import clone_audience
from common.errors import InvalidError, NotAllowedError
from profiles.models import Profile
from profiles.selectors.search import search_profiles
from spaces.access import allows, membership, missing_right
from spaces.api_base import refuse_other_space
from spaces.models import Role, Space


def named_profile(space: Space, request: Request, *, collection: int) -> Profile:
    """The profile of `?profile=`, a Segment ID or `type:value`; InvalidError without it, 404 for an unknown one."""
    text = request.query_params.get("profile", "")
    if not text:
        raise InvalidError.at("/profile", "Name the profile by its Segment ID or as type:value.", "required")
    found = search_profiles(space, text=text, collection=collection, exact=True, size=2).matches
    if not found:
        raise Http404("This space has no such profile.")
    return found[0].profile


class AudienceExplainView(AudienceView):
    serializer_class = ExplanationSerializer

    @extend_schema(
        operation_id="audiences_explain",
        parameters=[OpenApiParameter("profile", str, required=True, description="Segment ID, or `type:value`.")],
        responses=ExplanationSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Why a profile is or is not in the audience: a verdict and the evidence at every node of the definition."""
        audience = self.audience()
        profile = named_profile(self.space, request, collection=audience.collection)
        explained = explain_membership(audience=audience, profile=profile, shows_pii=self.member.has_pii_access)
        return Response(
            {
                "profile": profile.segment_id,
                "sentence": explained.sentence,
                "at": explained.at,
                "is_member": explained.is_member,
                "stored": explained.stored,
                "since": explained.since,
                "changes_at": explained.changes_at,
                "caveat": explained.caveat,
                "where": explained.root.as_json(),
            }
        )


class AudienceExportsView(AudienceView):
    serializer_class = ExportSerializer

    @extend_schema(operation_id="audiences_exports", responses=ExportSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The latest CSV files, newest first."""
        rows = ExportSerializer(selectors.exports_of(self.audience()), many=True).data
        return Response({"next": None, "previous": None, "results": rows})

    @extend_schema(operation_id="audiences_export", request=ExportInputSerializer, responses={202: ExportSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Generate a CSV file in the background. 409 while one is open and within five minutes of the last."""
        sent = ExportInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        made = services.start_export(
            audience=self.audience(),
            started_by=self.actor,
            shows_pii=self.member.has_pii_access,
            export_format=data["format"],
            identifiers=data["identifiers"],
            traits=data["traits"],
        )
        return Response(ExportSerializer(made).data, status=status.HTTP_202_ACCEPTED)


class ExportView(AudienceView):
    """Base of what concerns one file."""

    def export(self) -> AudienceExport:
        found = selectors.get_export(self.audience(), self.kwargs["export"])
        if found is None:
            raise Http404("This audience has no such file.")
        return found


class AudienceExportView(ExportView):
    serializer_class = ExportSerializer

    @extend_schema(operation_id="audiences_export_read", responses=ExportSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One file with its progress."""
        return Response(ExportSerializer(self.export()).data)

    @extend_schema(operation_id="audiences_export_cancel", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Stop generating it. 409 when it is over."""
        services.cancel_export(export=self.export())
        return Response(status=status.HTTP_204_NO_CONTENT)


class AudienceExportDownloadView(ExportView):
    @extend_schema(operation_id="audiences_export_download", responses={(200, "text/csv"): OpenApiTypes.BINARY})
    def get(self, request: Request, **kwargs: Any) -> FileResponse:
        """The file. One with personal data takes the right to see it."""
        export = self.export()
        if export.shows_pii and not self.member.has_pii_access:
            raise NotAllowedError("This file holds personal data, which the membership does not include.")
        path = services.open_file(export)
        if path is None:
            raise Http404("This file is not there (any more).")
        return FileResponse(
            path.open("rb"),
            as_attachment=True,
            filename=selectors.file_name(export),
            content_type="text/csv; charset=utf-8",
        )


class AudienceCloneView(AudienceView):
    @extend_schema(operation_id="audiences_clone", request=CloneSerializer, responses={201: AudienceSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """A copy with a name and key of its own and no destinations, here or in another space."""
        sent = CloneSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        space, slug = self.space, data.pop("space", None)
        if slug and slug != space.slug:
            space, member = membership(self.actor, slug)
            refuse_other_space(request, space)
            if not allows(member, Role.USER):
                raise NotAllowedError(missing_right(member, Role.USER))
        made = clone_audience(audience=self.audience(), space=space, cloned_by=self.actor, **data)
        return Response(AudienceSerializer(made).data, status=status.HTTP_201_CREATED)
