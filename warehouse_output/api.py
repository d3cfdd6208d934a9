"""REST: writing Engage's calls into a warehouse, through the same services as the pages."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import page_limit
from traits.warehouse_api import WarehouseView
from warehouse_output import selectors
from warehouse_output.models import OutputRun
from warehouse_output.serializers import OutputChangeSerializer, OutputRunSerializer, OutputSerializer
from warehouse_output.services import outputs as services


class OutputView(WarehouseView):
    serializer_class = OutputSerializer

    @extend_schema(operation_id="warehouse_output_read", responses=OutputSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Whether, when and where calls are written."""
        return Response(self._shown())

    @extend_schema(operation_id="warehouse_output_change", request=OutputChangeSerializer, responses=OutputSerializer)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Switch it on or off, change the schedule, leave tables out. Switching on starts a run."""
        sent = OutputChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        services.save_output(source=self.source(), changed_by=self.actor, **sent.validated_data)
        return Response(self._shown())

    def _shown(self) -> dict[str, Any]:
        source = self.source()
        output = services.output_of(source)
        return dict(
            OutputSerializer(
                {
                    "is_enabled": output is not None and output.is_enabled,
                    "schedule": output.schedule if output else services.DEFAULT,
                    "schedule_sentence": selectors.sentence_of(output.schedule if output else services.DEFAULT),
                    "next_run_at": output.next_run_at if output else None,
                    "schemas": selectors.schemas_of(output) if output else [],
                    "tables": services.known_tables(self.space, output),
                    "excluded": output.excluded if output else [],
                }
            ).data
        )


class OutputRunsView(WarehouseView):
    serializer_class = OutputRunSerializer

    @extend_schema(operation_id="warehouse_output_runs", responses=OutputRunSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The latest runs, at most `limit` of them."""
        rows = OutputRun.objects.in_space(self.space).filter(output__source=self.source()).order_by("-id")
        shows_pii = self.member.has_pii_access
        found = [
            OutputRunSerializer(selectors.shown_run(run, shows_pii=shows_pii)).data
            for run in rows[: page_limit(request)]
        ]
        return Response({"next": None, "previous": None, "results": found})

    @extend_schema(operation_id="warehouse_output_sync", request=None, responses={202: OutputRunSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Write what was emitted since the last run now. 409 while it is off, or a run is under way."""
        run = services.sync_now(source=self.source(), asked_by=self.actor)
        return _accepted(run)


class OutputAgainView(WarehouseView):
    serializer_class = OutputRunSerializer

    @extend_schema(operation_id="warehouse_output_begin_again", request=None, responses={202: OutputRunSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Write every call that is stored once more; rows that are there stay. 409 as for a run."""
        return _accepted(services.begin_again(source=self.source(), asked_by=self.actor))


def _accepted(run: OutputRun) -> Response:
    shown = selectors.shown_run(run, shows_pii=True)
    return Response(OutputRunSerializer(shown).data, status=status.HTTP_202_ACCEPTED)
