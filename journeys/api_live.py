"""REST: the numbers of a journey's steps, and the runs of a profile."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import InvalidError
from journeys.models import Journey, JourneyVersion
from journeys.selectors.analytics import Basis, date_range, journey_numbers
from journeys.selectors.journeys import get_journey, get_version
from journeys.selectors.live import StepNumbers, step_counts
from journeys.selectors.overview import shown_version
from journeys.selectors.runs import Here, RunRow, run_status, runs_of
from profiles.models import Profile
from profiles.selectors.search import clean_query, search_profiles
from spaces.api_base import SpaceAPIView


class StepNumbersSerializer(serializers.Serializer[StepNumbers]):
    """People at a step. `here` and `waiting` are now; the rest is what happened, in the range when one is given."""

    id = serializers.CharField(source="facts.step_id")
    type = serializers.CharField(source="facts.type")
    name = serializers.CharField(source="facts.title")
    key = serializers.SerializerMethodField(help_text="The computation key of a step that sends, else null.")
    here = serializers.IntegerField(help_text="Joined and not left.")
    waiting = serializers.IntegerField(help_text="Arrived, its condition does not hold yet.")
    entered = serializers.IntegerField(source="joined")
    unique = serializers.IntegerField(help_text="People whose first entry it was.")
    left = serializers.IntegerField(source="passed")
    share_of_previous = serializers.FloatField(source="previous_share", allow_null=True)
    share_of_entry = serializers.FloatField(source="entry_share", allow_null=True)
    branches = serializers.DictField(child=serializers.IntegerField(), help_text="By branch id: whom a split sent.")

    def get_key(self, row: StepNumbers) -> str | None:
        return row.facts.row.key or None if row.facts.row else None


class JourneyStepsSerializer(serializers.Serializer[dict[str, Any]]):
    version = serializers.IntegerField()
    entered = serializers.IntegerField()
    in_progress = serializers.IntegerField()
    completed = serializers.IntegerField()
    exited = serializers.IntegerField(help_text="Exited without having completed.")
    ended = serializers.IntegerField(help_text="Ended by a merge, a deletion or another version, without either.")
    results = StepNumbersSerializer(many=True)


class HereSerializer(serializers.Serializer[Here]):
    step = serializers.CharField(source="facts.step_id")
    name = serializers.CharField(source="facts.title")
    since = serializers.DateTimeField()
    waiting = serializers.BooleanField(source="is_waiting")
    until = serializers.DateTimeField(source="wake_at", allow_null=True)


class RunSerializer(serializers.Serializer[RunRow]):
    id = serializers.IntegerField(source="run.id")
    version = serializers.IntegerField(source="version.number")
    profile = serializers.SerializerMethodField(help_text="Segment ID.")
    status = serializers.SerializerMethodField(help_text="in_progress, completed, or why the run ended.")
    entered_at = serializers.DateTimeField(source="run.entered_at")
    completed_at = serializers.DateTimeField(source="run.completed_at", allow_null=True)
    exit_at = serializers.DateTimeField(source="run.exit_at", allow_null=True)
    ended_at = serializers.DateTimeField(source="run.ended_at", allow_null=True)
    steps = HereSerializer(source="here", many=True)

    def get_profile(self, row: RunRow) -> str | None:
        return row.person.profile.segment_id if row.person else None

    def get_status(self, row: RunRow) -> str:
        return run_status(row.run)


class RunsSerializer(serializers.Serializer[dict[str, Any]]):
    results = RunSerializer(many=True)


class LiveView(SpaceAPIView):
    """Below one journey, the URL parameter `journey`."""

    def journey(self) -> Journey:
        found = get_journey(self.space, self.kwargs["journey"])
        if found is None:
            raise Http404("This space has no such journey.")
        return found

    def version(self, journey: Journey, number: str) -> JourneyVersion:
        if not number:
            return shown_version(list(journey.versions.select_related("journey__space", "entry_audience")))
        found = get_version(journey, int(number)) if number.isascii() and number.isdigit() and len(number) < 5 else None
        if found is None:
            raise InvalidError.at("/version", "This journey has no such version.", "not_found")
        return found


class JourneySteps(LiveView):
    serializer_class = JourneyStepsSerializer

    @extend_schema(
        operation_id="journeys_steps",
        parameters=[
            OpenApiParameter("version", int, description="A version's number; without it the one people go through."),
            OpenApiParameter("range", str, description="today, yesterday, 7d, 30d, 90d, 180d or custom; else all."),
            OpenApiParameter("from", str, description="First day of a custom range, UTC."),
            OpenApiParameter("to", str, description="Last day of a custom range, at most 180 days, UTC."),
        ],
        responses=JourneyStepsSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """People at every step, and the totals of the version."""
        asked = request.query_params
        journey = self.journey()
        version = self.version(journey, asked.get("version", ""))
        span = date_range(asked.dict(), timezone.now()) if asked.get("range") else None
        numbers = journey_numbers(version, span)
        body = {
            "version": version.number,
            "entered": numbers.entered,
            "in_progress": numbers.in_progress,
            "completed": numbers.completed,
            "exited": numbers.exited,
            "ended": numbers.ended,
            "results": step_counts(version, Basis(span=span)),
        }
        return Response(JourneyStepsSerializer(body).data)


class JourneyRuns(LiveView):
    serializer_class = RunsSerializer

    @extend_schema(
        operation_id="journeys_runs",
        parameters=[
            OpenApiParameter(
                "profile", str, required=True, description="A Segment ID, or any identifier as value or `type:value`."
            )
        ],
        responses=RunsSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The runs of a profile in all versions, latest first, and where the open ones are."""
        journey = self.journey()
        text = clean_query(request.query_params.get("profile", ""))
        if not text:
            raise InvalidError.at("/profile", "Name a profile by its Segment ID or any identifier.", "required")
        profile = self._profile(text)
        rows = runs_of(space=self.space, journey=journey, profile=profile)
        return Response(RunsSerializer({"results": rows}).data)

    def _profile(self, text: str) -> Profile:
        found = search_profiles(self.space, text=text, exact=True).matches
        if not found:
            raise InvalidError.at("/profile", "This space has no profile with this identifier.", "not_found")
        if len(found) > 1:
            raise InvalidError.at(
                "/profile", "Several profiles have such an identifier. Name its type, as in email:ada@example.com."
            )
        return found[0].profile
