"""REST: previews of definitions that need not be saved, and the people behind their numbers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audiences.models import Audience
from audiences.preview_serializers import (
    PreviewInputSerializer,
    PreviewPeopleInputSerializer,
    PreviewPeopleSerializer,
    PreviewSerializer,
)
from audiences.selectors.audiences import get_audience
from audiences.selectors.members import shown_people
from audiences.selectors.preview import preview_people, preview_report
from audiences.serializers import PersonSerializer
from common.errors import FieldError, InvalidError
from profiles.models import COLLECTION_NAMES
from spaces.api_base import SpaceAPIView


class PreviewView(SpaceAPIView):
    """Base of both."""

    def asked(self, data: dict[str, Any]) -> dict[str, Any]:
        """Arguments of the selectors. InvalidError at /audience or /overlap_with."""
        audience, other = self._named(data, "audience"), self._named(data, "overlap_with")
        definition = data["definition"]
        collection = definition.get("collection") if isinstance(definition, dict) else None
        if other is not None and COLLECTION_NAMES[other.collection] != collection:
            detail = f"{other.name} is an audience of {COLLECTION_NAMES[other.collection]}; compare alike with alike."
            raise InvalidError(detail, [FieldError(path="/overlap_with", code="other_collection", detail=detail)])
        return {
            "space": self.space,
            "definition": definition,
            "include_anonymous": audience.include_anonymous if audience else data["include_anonymous"],
            "historical_from": audience.historical_from if audience else None,
            "audience": audience,
            "overlap_with": other,
        }

    def _named(self, data: dict[str, Any], name: str) -> Audience | None:
        if not data.get(name):
            return None
        found = get_audience(self.space, data[name])
        if found is None:
            detail = f"This space has no audience with the id {data[name]}."
            raise InvalidError(detail, [FieldError(path=f"/{name}", code="not_found", detail=detail)])
        return found


class AudiencePreviewView(PreviewView):
    serializer_class = PreviewSerializer

    @extend_schema(operation_id="audiences_preview", request=PreviewInputSerializer, responses=PreviewSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Count, sample, size of each condition, identifiers, overlap and change of a definition; nothing is saved."""
        sent = PreviewInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        report = preview_report(**self.asked(dict(sent.validated_data)))
        people = shown_people(report.sample, shows_pii=self.member.has_pii_access)
        shown = PreviewSerializer(report).data | {"sample": [PersonSerializer(person).data for person in people]}
        return Response(shown)


class AudiencePreviewPeopleView(PreviewView):
    serializer_class = PreviewPeopleSerializer

    @extend_schema(
        operation_id="audiences_preview_people",
        request=PreviewPeopleInputSerializer,
        responses=PreviewPeopleSerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """The people behind one number of a preview, a page at a time."""
        sent = PreviewPeopleInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        asked = self.asked(data)
        needed = {"entered": "audience", "left": "audience", "overlap": "overlap_with"}.get(data["show"])
        if needed and asked[needed] is None:
            raise InvalidError.at(f"/{needed}", f"Give {needed} to see this list.", "required")
        page = preview_people(**asked, show=data["show"], after=data["after"], limit=data["limit"])
        people = shown_people(page.people, shows_pii=self.member.has_pii_access)
        results = [PersonSerializer(person).data for person in people]
        return Response({"count": page.total, "after": page.following, "results": results})
