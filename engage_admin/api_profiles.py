"""REST: the audiences of a profile, at an address of profiles, an app that may not know of audiences."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audiences.selectors.audiences import ProfileAudience, audiences_of_profile
from profiles.selectors.search import profile_by_segment_id
from spaces.api_base import SpaceAPIView


class ProfileAudienceSerializer(serializers.Serializer[ProfileAudience]):
    id = serializers.CharField(source="audience.public_id")
    key = serializers.CharField(source="audience.key")
    name = serializers.CharField(source="audience.name")
    is_member = serializers.BooleanField()
    changed_at = serializers.DateTimeField(allow_null=True, help_text="When the profile last entered or left.")
    recheck_at = serializers.DateTimeField(allow_null=True, help_text="When time alone may change the verdict.")


class ProfileAudiences(SpaceAPIView):
    serializer_class = ProfileAudienceSerializer

    @extend_schema(operation_id="profiles_audiences", responses=ProfileAudienceSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Every live audience of the profile's collection and whether the profile is a member, members first."""
        profile = profile_by_segment_id(self.space, self.kwargs["segment_id"])
        if profile is None:
            raise Http404("This space has no profile with this Segment ID.")
        rows = audiences_of_profile(space=self.space, profile=profile)
        return Response(ProfileAudienceSerializer(rows, many=True).data)  # type: ignore[arg-type]
