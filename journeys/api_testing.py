"""REST: test a person on a virtual clock, dry run over stored history. Nothing is sent, no state changes."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from journeys import serializers as shapes
from journeys.api import JourneyAPIView, sent
from journeys.models import DryRun, JourneyVersion
from journeys.selectors import journeys as selectors
from journeys.services import dry_runs, testing
from journeys.services.definitions import canonical
from journeys.services.histories import Traits
from journeys.services.testing_requests import read_request


class JourneyTestInput(serializers.Serializer[Any]):
    """Who, and what happens to them; read and checked by `testing_requests.read_request`, all problems at once.

    `profile` is a stored person, else one is made of `traits` and `identifiers`. `offset`s and `days` move the virtual
    clock from `from` (default: now). `send`: really send the calls. `definition` is tested instead of a version's.
    """

    __test__ = False

    profile = serializers.CharField(required=False)
    traits = serializers.DictField(required=False)
    identifiers = serializers.DictField(required=False)
    events = serializers.ListField(
        required=False,
        child=serializers.DictField(),
        help_text="{offset: {hours: 2} or seconds, event, type, properties} or {offset, type: identify, traits}",
    )
    days = serializers.IntegerField(required=False)
    send = serializers.BooleanField(required=False)
    version = serializers.IntegerField(required=False)
    definition = serializers.DictField(required=False)


class TestedView(JourneyAPIView):
    def tested_version(self, number: Any) -> JourneyVersion:
        """The named version, else the draft, else as `shown_of`: tests come before publishing."""
        draft = selectors.draft_of(self.journey()) if number in (None, "") else None
        return draft or self.asked_version(number)


class JourneyTest(TestedView):
    @extend_schema(operation_id="journeys_test", request=JourneyTestInput, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Walk one person through the journey: every decision with its evidence, every payload."""
        body: Any = request.data
        asked = read_request(body)
        version = self.tested_version(body.get("version"))
        definition = version.definition
        if body.get("definition") is not None:
            definition = canonical(body["definition"])
        result = testing.test_person(
            space=self.space,
            journey=version.journey,
            definition=definition,
            request=asked,
            now=timezone.now(),
            tested_by=self.actor,
        )
        return Response(shapes.shown_result(result.as_json(), shows_pii=self.member.has_pii_access))


class JourneyDryRuns(TestedView):
    @extend_schema(operation_id="journeys_dry_runs", responses=shapes.DryRunSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The kept dry runs of all versions, newest first."""
        rows = DryRun.objects.filter(version__journey=self.journey()).select_related("version")
        return self.paginated(rows, shapes.DryRunSerializer)

    @extend_schema(
        operation_id="journeys_dry_run", request=shapes.DryRunInput, responses={202: shapes.DryRunSerializer}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Start a dry run of the draft (or the named version) over a period of the past."""
        data = sent(shapes.DryRunInput, request)
        version = self.tested_version(data.get("version"))
        run = dry_runs.start(
            version=version,
            from_at=data["from"],
            to_at=data["to"],
            started_by=self.actor,
            traits=Traits(data["traits"]),
        )
        return Response(
            shapes.DryRunSerializer(run, context={"member": self.member}).data, status=status.HTTP_202_ACCEPTED
        )


class JourneyDryRun(JourneyAPIView):
    def dry_run(self) -> DryRun:
        run = dry_runs.get_run(self.space, self.kwargs["run"])
        if run is None or run.version.journey_id != self.journey().pk:
            raise Http404("This journey has no such dry run.")
        return run

    @extend_schema(operation_id="journeys_dry_run_read", responses={200: shapes.DryRunSerializer})
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Its progress, and the result once it is done."""
        return Response(shapes.DryRunSerializer(self.dry_run(), context={"member": self.member}).data)

    @extend_schema(operation_id="journeys_dry_run_cancel", request=None, responses={200: shapes.DryRunSerializer})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Stop it; what was counted so far is dropped."""
        run = dry_runs.cancel(run=self.dry_run())
        return Response(shapes.DryRunSerializer(run, context={"member": self.member}).data)
