"""REST: the Delivery Overview, Event Delivery, the messages behind each number, and the outgoing debugger."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import page_limit
from delivery.selectors.event_delivery import event_delivery, sent_and_said
from delivery.selectors.lookups import shows
from delivery.selectors.messages import STATUSES, MessagePage, behind, message_page
from delivery.selectors.outgoing import KINDS, outgoing_page, read_outgoing, source_rows
from delivery.selectors.overview import DISCARDS, STEPS, Line, Overview, overview
from delivery.selectors.overview_scope import Choice, read_choice, read_step
from delivery.selectors.periods import RANGES
from delivery.serializers import CallPageSerializer, CallSerializer
from delivery.services import engage_sources
from destinations.selectors import find_destination
from spaces.api_base import SpaceAPIView

FILTERS = [
    OpenApiParameter("destination", str, description="Id of a destination."),
    OpenApiParameter("computation", str, description="Id of an audience, trait or journey step."),
    OpenApiParameter("mapping", str, description="Id of a mapping of the destination."),
    OpenApiParameter("range", str, enum=list(RANGES)),
    OpenApiParameter("from", str, description="ISO 8601; with `to` in place of a range."),
    OpenApiParameter("to", str),
    OpenApiParameter("kind", str, enum=list(KINDS), description="Event type."),
    OpenApiParameter("event", str, description="Event name."),
    OpenApiParameter("passed", str, enum=["0"], description="0 leaves out calls that were for other destinations."),
]


class LineSerializer(serializers.Serializer[Line]):
    """A reason (`code`, `title`, `remedy`) or an event (`kind`, `event`). `change` is in percent points."""

    code = serializers.CharField(required=False)
    title = serializers.CharField(required=False)
    remedy = serializers.CharField(required=False)
    kind = serializers.CharField(required=False)
    event = serializers.CharField(required=False)
    count = serializers.IntegerField()
    change = serializers.FloatField(allow_null=True)


class StepSerializer(serializers.Serializer[Any]):
    step = serializers.ChoiceField(choices=list(STEPS))
    name = serializers.CharField()
    count = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True, help_text="Of the events received.")
    change = serializers.FloatField(allow_null=True)
    series = serializers.ListField(child=serializers.IntegerField())
    reasons = LineSerializer(many=True)
    events = LineSerializer(many=True)


class PendingSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField()
    retrying = serializers.IntegerField()
    in_flight = serializers.IntegerField()


class OverviewSerializer(serializers.Serializer[Any]):
    """Calls emitted from `since` to `until`. `unaccounted` is always 0."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    points = serializers.ListField(child=serializers.DateTimeField())
    steps = StepSerializer(many=True)
    pending = PendingSerializer()
    unaccounted = serializers.IntegerField()


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    title = serializers.CharField()
    remedy = serializers.CharField()
    calls = serializers.IntegerField()
    sent = serializers.JSONField(allow_null=True)
    request = serializers.JSONField(allow_null=True)
    response = serializers.JSONField(allow_null=True)


class EventDeliverySerializer(serializers.Serializer[Any]):
    delivered = serializers.IntegerField()
    not_delivered = serializers.IntegerField()
    p95_seconds = serializers.FloatField(allow_null=True)
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]  # the name on the wire


class MessagePageSerializer(CallPageSerializer):
    """`is_cut`: few messages match and the search took too long; `next` goes on from there."""

    is_cut = serializers.BooleanField()


class EngageSourceSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    destinations = serializers.ListField(child=serializers.DictField())


class OverviewView(SpaceAPIView):
    serializer_class = OverviewSerializer

    @extend_schema(
        operation_id="delivery_overview_read",
        tags=["Delivery Overview"],
        parameters=FILTERS,
        responses=OverviewSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Every step of the pipeline with its reasons and events; the equation."""
        found = overview(_choice(self, request).scope)
        return Response(OverviewSerializer(_shown(found)).data)


class OverviewMessagesView(SpaceAPIView):
    serializer_class = MessagePageSerializer

    @extend_schema(
        operation_id="delivery_overview_messages",
        tags=["Delivery Overview"],
        parameters=[
            *FILTERS,
            OpenApiParameter("step", str, enum=list(STEPS), required=True),
            *(OpenApiParameter(name, str) for name in ("reason", "after", "before")),
            OpenApiParameter("limit", int),
        ],
        responses=MessagePageSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The messages that the number of a step, or of one of its reasons, counts."""
        step, code = read_step(request.query_params.get)
        wanted = behind(_choice(self, request).scope, step, code)
        return _page(self, request, message_page(wanted, **_place(request)))


class EventDeliveryView(SpaceAPIView):
    serializer_class = EventDeliverySerializer

    @extend_schema(
        operation_id="destinations_event_delivery",
        tags=["Delivery Overview"],
        parameters=FILTERS[1:],
        responses=EventDeliverySerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Delivered, not delivered, the 95th percentile of latency, and errors with the newest sample of each."""
        destination = find_destination(self.space, kwargs["destination"])
        if destination is None:
            raise Http404("This space has no such destination.")
        choice = read_choice(self.space, request.query_params.get, now=timezone.now(), destination=destination)
        found = event_delivery(choice.scope)
        show = shows(self.member)
        errors = []
        for error in found.errors:
            sent, said = sent_and_said(error.sample)
            errors.append(
                {
                    "code": error.code,
                    "title": error.reason.title,
                    "remedy": error.reason.remedy,
                    "calls": error.calls,
                    "sent": show(error.sample.event) if error.sample else None,
                    "request": show(sent),
                    "response": show(said),
                }
            )
        shown = {
            "delivered": found.delivered,
            "not_delivered": found.not_delivered,
            "p95_seconds": found.p95,
            "errors": errors,
        }
        return Response(EventDeliverySerializer(shown).data)


class EngageSourcesView(SpaceAPIView):
    serializer_class = EngageSourceSerializer

    @extend_schema(operation_id="debugger_sources", tags=["Debugger"], responses=EngageSourceSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The Engage sources of the space and the destinations on each."""
        return Response(
            [
                {
                    "id": row.source.public_id,
                    "name": str(row.source),
                    "destinations": [{"id": one.public_id, "name": one.name} for one in row.destinations],
                }
                for row in source_rows(self.space)
            ]
        )


class OutgoingView(SpaceAPIView):
    serializer_class = MessagePageSerializer

    @extend_schema(
        operation_id="debugger_outgoing",
        tags=["Debugger"],
        parameters=[
            OpenApiParameter("source", str, description="Id of an Engage source."),
            OpenApiParameter("destination", str),
            OpenApiParameter("type", str, enum=list(KINDS)),
            OpenApiParameter("status", str, enum=list(STATUSES)),
            *(OpenApiParameter(name, str) for name in ("name", "user", "q", "after", "before")),
            OpenApiParameter("limit", int),
        ],
        responses=MessagePageSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """What the Engage sources emitted, newest first, over the whole retention. `q` is looked for in the payload."""
        wanted = read_outgoing(self.space, request.query_params.get)
        return _page(self, request, outgoing_page(wanted, **_place(request)))


def _choice(view: SpaceAPIView, request: Request) -> Choice:
    engage_sources.sources_of(view.space)
    return read_choice(view.space, request.query_params.get, now=timezone.now())


def _place(request: Request) -> dict[str, Any]:
    query = request.query_params
    return {"after": query.get("after", ""), "before": query.get("before", ""), "size": page_limit(request)}


def _page(view: SpaceAPIView, request: Request, page: MessagePage) -> Response:
    context = {"show": shows(view.member)}
    return Response(
        {
            "next": _link(request, "after", page.after),
            "previous": _link(request, "before", page.before),
            "is_cut": page.is_cut,
            "results": [CallSerializer(row, context=context).data for row in page.rows],
        }
    )


def _link(request: Request, name: str, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = request.query_params.copy()
    query.pop("after", None)
    query.pop("before", None)
    query[name] = cursor
    return f"{request.build_absolute_uri(request.path)}?{query.urlencode()}"


def _shown(found: Overview) -> dict[str, Any]:
    return {
        "since": found.scope.period.since,
        "until": found.scope.period.until,
        "points": found.points,
        "steps": [
            {
                "step": step,
                "name": name,
                "count": found.now.steps[step],
                "share": found.now.share(step),
                "change": found.change(step),
                "series": found.series[step],
                "reasons": [_line(line) for line in found.reasons(step)] if step in DISCARDS else [],
                "events": [_line(line) for line in found.events(step)],
            }
            for step, name in STEPS.items()
        ],
        "pending": asdict(found.now.pending),
        "unaccounted": found.now.unaccounted,
    }


def _line(line: Line) -> dict[str, Any]:
    shown: dict[str, Any] = {"count": line.count, "change": line.change}
    if line.reason is not None:
        return shown | asdict(line.reason)
    return shown | {"kind": line.kind, "event": line.event}
