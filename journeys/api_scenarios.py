"""REST: the tests that are kept with a journey."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api import sent
from journeys.api_testing import JourneyTestInput, TestedView
from journeys.models import JourneyScenario
from journeys.services import scenarios


class ScenarioInput(serializers.Serializer[Any]):
    """`test` is the body of `test/`, without `send`, `version` and `definition`."""

    name = serializers.CharField()
    test = JourneyTestInput()
    version = serializers.IntegerField(required=False)


class RunInput(serializers.Serializer[Any]):
    version = serializers.IntegerField(required=False)


class ScenarioSerializer(serializers.Serializer[Any]):
    """`expected`: what came of the test when it was saved; `result`: of the last run, with its differences."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    expected = serializers.DictField()
    result = serializers.DictField()
    created_at = serializers.DateTimeField()


class JourneyScenarios(TestedView):
    @extend_schema(operation_id="journeys_scenarios", responses=ScenarioSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """All of them with their last results."""
        return self.paginated(JourneyScenario.objects.filter(journey=self.journey()), ScenarioSerializer)

    @extend_schema(operation_id="journeys_scenario_save", request=ScenarioInput, responses={201: ScenarioSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Run a test and keep it; what comes of it now is expected from then on. The same name replaces."""
        data = sent(ScenarioInput, request)
        body: Any = request.data
        saved = scenarios.save_scenario(
            version=self.tested_version(data.get("version")),
            name=data["name"],
            body=body["test"],
            now=timezone.now(),
            saved_by=self.actor,
        )
        return Response(ScenarioSerializer(saved).data, status=status.HTTP_201_CREATED)


class JourneyScenarioRun(TestedView):
    @extend_schema(
        operation_id="journeys_scenarios_run", request=RunInput, responses={200: ScenarioSerializer(many=True)}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Run all with the draft, or the named version."""
        data = sent(RunInput, request)
        done = scenarios.run_all(version=self.tested_version(data.get("version")), now=timezone.now())
        return Response({"results": ScenarioSerializer(done, many=True).data})


class JourneyScenarioDetail(TestedView):
    @extend_schema(operation_id="journeys_scenario_delete", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        found = JourneyScenario.objects.filter(journey=self.journey(), public_id=self.kwargs["scenario"]).first()
        if found is None:
            raise Http404("This journey has no such scenario.")
        found.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
