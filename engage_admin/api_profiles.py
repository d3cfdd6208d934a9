"""REST: the audiences and journeys of a profile, at addresses of profiles, an app that may not know of either."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audiences.selectors.audiences import ProfileAudience, audiences_of_profile
from journeys.api_live import HereSerializer
from journeys.selectors.profile import JourneyValue, ProfileJourney, journey_values, journeys_of_profile
from profiles.models import Profile
from profiles.selectors.search import profile_by_segment_id
from spaces.api_base import SpaceAPIView


class ProfileAudienceSerializer(serializers.Serializer[ProfileAudience]):
    id = serializers.CharField(source="audience.public_id")
    key = serializers.CharField(source="audience.key")
    name = serializers.CharField(source="audience.name")
    is_member = serializers.BooleanField()
    changed_at = serializers.DateTimeField(allow_null=True, help_text="When the profile last entered or left.")
    recheck_at = serializers.DateTimeField(allow_null=True, help_text="When time alone may change the verdict.")


class ProfileJourneySerializer(serializers.Serializer[ProfileJourney]):
    """A journey that the profile entered, by its latest run."""

    id = serializers.CharField(source="journey.public_id")
    name = serializers.CharField(source="journey.name")
    version = serializers.IntegerField(source="version.number")
    status = serializers.CharField(help_text="in_progress, completed, or why the run ended.")
    entries = serializers.IntegerField()
    entered_at = serializers.DateTimeField(source="run.entered_at")
    ended_at = serializers.DateTimeField(source="run.ended_at", allow_null=True)
    run = serializers.IntegerField(source="run.id")
    steps = HereSerializer(source="here", many=True, help_text="Where the person is, or waits.")


class JourneyKeySerializer(serializers.Serializer[JourneyValue]):
    """The value of a sending step's key: true once sent, false after an exit or removal (F012)."""

    key = serializers.CharField()
    value = serializers.BooleanField()
    changed_at = serializers.DateTimeField()
    step = serializers.CharField(source="step.name")
    journey = serializers.CharField(source="journey.public_id")


class ProfileJourneysSerializer(serializers.Serializer[dict[str, Any]]):
    results = ProfileJourneySerializer(many=True)
    keys = JourneyKeySerializer(many=True)


class _ProfileView(SpaceAPIView):
    def profile(self) -> Profile:
        profile = profile_by_segment_id(self.space, self.kwargs["segment_id"])
        if profile is None:
            raise Http404("This space has no profile with this Segment ID.")
        return profile


class ProfileJourneys(_ProfileView):
    serializer_class = ProfileJourneysSerializer

    @extend_schema(operation_id="profiles_journeys", responses=ProfileJourneysSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The journeys that the profile is or was in, and the values of the journey keys."""
        profile = self.profile()
        body = {
            "results": journeys_of_profile(space=self.space, profile=profile),
            "keys": journey_values(space=self.space, profile=profile),
        }
        return Response(ProfileJourneysSerializer(body).data)


class ProfileAudiences(_ProfileView):
    serializer_class = ProfileAudienceSerializer

    @extend_schema(operation_id="profiles_audiences", responses=ProfileAudienceSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Every live audience of the profile's collection and whether the profile is a member, members first."""
        rows = audiences_of_profile(space=self.space, profile=self.profile())
        return Response(ProfileAudienceSerializer(rows, many=True).data)  # type: ignore[arg-type]
