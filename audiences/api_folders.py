"""REST: folders of the audience list."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from audiences.export_serializers import (
    FolderChangeSerializer,
    FolderInputSerializer,
    FolderSerializer,
    MoveSerializer,
)
from audiences.models import AudienceFolder
from audiences.selectors.folders import folder_list, get_folder
from audiences.services import folders as services
from spaces.api_base import SpaceAPIView


class FolderListView(SpaceAPIView):
    serializer_class = FolderSerializer

    @extend_schema(operation_id="audience_folders_list", responses=FolderSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The folders of the space, by name."""
        rows = FolderSerializer(folder_list(self.space), many=True).data
        return Response({"next": None, "previous": None, "results": rows})

    @extend_schema(
        operation_id="audience_folders_create", request=FolderInputSerializer, responses={201: FolderSerializer}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """A new folder, with audiences in it or none."""
        sent = FolderInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        folder = services.create_folder(
            space=self.space, created_by=self.actor, audience_ids=data.pop("audiences"), **data
        )
        return Response(FolderSerializer(folder).data, status=status.HTTP_201_CREATED)


class _FolderView(SpaceAPIView):
    serializer_class = FolderSerializer

    def folder(self) -> AudienceFolder:
        found = get_folder(self.space, self.kwargs["folder"])
        if found is None:
            raise Http404("This space has no such folder.")
        return found


class FolderView(_FolderView):
    @extend_schema(operation_id="audience_folders_read", responses=FolderSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One folder."""
        return Response(FolderSerializer(self.folder()).data)

    @extend_schema(operation_id="audience_folders_change", request=FolderChangeSerializer, responses=FolderSerializer)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename or describe."""
        sent = FolderChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        folder = services.update_folder(folder=self.folder(), changed_by=self.actor, **sent.validated_data)
        return Response(FolderSerializer(folder).data)

    @extend_schema(operation_id="audience_folders_disband", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Disband: its audiences return to the main list."""
        services.disband_folder(folder=self.folder(), disbanded_by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class FolderAudiencesView(_FolderView):
    @extend_schema(operation_id="audience_folders_move", request=MoveSerializer, responses=FolderSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Move audiences into the folder. PATCH an audience with `folder` null to return it to the main list."""
        sent = MoveSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        folder = self.folder()
        services.move_audiences(
            space=self.space, audience_ids=sent.validated_data["audiences"], folder=folder, moved_by=self.actor
        )
        return Response(FolderSerializer(folder).data)
