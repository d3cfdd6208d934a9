"""REST: dead letters by reason, replay runs, and the trace of any identifier."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import InvalidError
from delivery.models import ReplayItem, ReplayRun
from delivery.selectors import dead_letters, tracing
from delivery.selectors.calls import CallRow, get_call
from delivery.selectors.dead_letters import Selection
from delivery.selectors.lookups import dead_selection, shows, told
from delivery.selectors.reasons import reason
from delivery.selectors.replays import ITEM_STATES, find_run, item_page
from delivery.serializers import CallSerializer
from delivery.services import replay_runs, single_calls
from delivery.services.replay_previews import preview
from delivery.services.replay_words import selection_words
from spaces.api_base import SpaceAPIView

OUTCOMES = [name for name in ITEM_STATES if name]
FILTERS = [
    OpenApiParameter(name, str)
    for name in ("connection", "destination", "reason", "person", "profile", "message_id", "from", "to")
]


class DeadLetterGroupSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField()
    title = serializers.CharField()
    remedy = serializers.CharField()
    connection = serializers.CharField(allow_null=True)
    calls = serializers.IntegerField()
    oldest = serializers.DateTimeField()
    newest = serializers.DateTimeField()
    detail = serializers.CharField()
    cannot_be_replayed = serializers.CharField(help_text="Why not now; empty when they can.")


class DeadLettersSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    groups = DeadLetterGroupSerializer(many=True)


class ReplaySelectionSerializer(serializers.Serializer[Any]):
    """Which dead letters; a member that is absent chooses all. `from` and `to` bound the time of the failure."""

    connection = serializers.CharField(required=False)
    destination = serializers.CharField(required=False)
    reason = serializers.CharField(required=False, max_length=200)
    person = serializers.CharField(required=False, max_length=500)
    profile = serializers.CharField(required=False, max_length=60)
    message_id = serializers.CharField(required=False, max_length=500)
    ids = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False, max_length=10_000)
    rate = serializers.IntegerField(
        required=False, help_text=f"Calls a second, {replay_runs.LOWEST_RATE} to {replay_runs.HIGHEST_RATE}."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # "from" cannot be the name of an attribute.
        return {
            **super().get_fields(),
            "from": serializers.DateTimeField(required=False),
            "to": serializers.DateTimeField(required=False),
        }


class ReplaySampleSerializer(serializers.Serializer[Any]):
    message_id = serializers.CharField()
    detail = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    requests = serializers.JSONField()
    problem = serializers.CharField()


class LeftOutSerializer(serializers.Serializer[Any]):
    calls = serializers.IntegerField()
    why = serializers.CharField()


class ReplayPreviewSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    rate = serializers.IntegerField()
    seconds = serializers.IntegerField()
    left_out = LeftOutSerializer(many=True)
    samples = ReplaySampleSerializer(many=True)


class ReplayRunSerializer(serializers.ModelSerializer[ReplayRun]):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField(source="words")
    on_the_way = serializers.IntegerField()

    class Meta:
        model = ReplayRun
        fields = [
            "id",
            "name",
            "state",
            "rate",
            "total",
            "handed_over",
            "delivered",
            "failed",
            "other",
            "on_the_way",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class ReplayItemSerializer(serializers.ModelSerializer[ReplayItem]):
    id = serializers.IntegerField(source="delivery_id")

    class Meta:
        model = ReplayItem
        fields = ["id", "message_id", "handed_over_at", "outcome", "reason"]
        read_only_fields = fields


class ReplayItemPageSerializer(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    results = ReplayItemSerializer(many=True)


class TracedEventSerializer(serializers.Serializer[Any]):
    message_id = serializers.CharField()
    type = serializers.CharField()
    name = serializers.CharField()
    received_at = serializers.DateTimeField()


class TraceSerializer(serializers.Serializer[Any]):
    """`found` is call, event, person or "" for nothing."""

    found = serializers.CharField()
    profile = serializers.CharField(allow_null=True)
    event = TracedEventSerializer(allow_null=True)
    calls = CallSerializer(many=True)
    has_more = serializers.BooleanField()


class DeadLettersView(SpaceAPIView):
    serializer_class = DeadLettersSerializer

    @extend_schema(operation_id="dead_letters_read", parameters=FILTERS, responses=DeadLettersSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Calls that failed for good or were skipped while their destination was off, by reason and connection."""
        groups = dead_letters.groups(self.space, dead_selection(self.space, request.query_params.get))
        groups = told(self.member, groups)
        return Response(
            {
                "total": sum(group.calls for group in groups),
                "groups": [
                    {
                        "reason": group.reason,
                        "title": reason(group.reason).title,
                        "remedy": reason(group.reason).remedy,
                        "connection": group.connection.public_id if group.connection is not None else None,
                        "calls": group.calls,
                        "oldest": group.oldest,
                        "newest": group.newest,
                        "detail": group.detail,
                        "cannot_be_replayed": dead_letters.why_not(group.connection),
                    }
                    for group in groups
                ],
            }
        )


class ReplaySelectionView(SpaceAPIView):
    serializer_class: Any = ReplaySelectionSerializer

    def selection(self, request: Request) -> tuple[Selection, int | None]:
        sent = ReplaySelectionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = sent.validated_data
        texts = {name: str(value) for name, value in data.items() if name not in {"ids", "rate", "from", "to"}}
        texts |= {name: data[name].isoformat() for name in ("from", "to") if name in data}
        selection = dead_selection(self.space, texts.get)
        if data.get("ids"):
            selection = Selection.from_json(selection.as_json() | {"ids": data["ids"]})
        return selection, data.get("rate")


class ReplayPreviewView(ReplaySelectionView):
    @extend_schema(operation_id="replays_preview", request=ReplaySelectionSerializer, responses=ReplayPreviewSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """What a replay would do: nothing is sent."""
        selection, rate = self.selection(request)
        _check_rate(rate)
        found = preview(space=self.space, selection=selection, rate=rate)
        show = shows(self.member)
        return Response(
            {
                "count": found.count,
                "rate": found.rate,
                "seconds": found.seconds,
                "left_out": [{"calls": one.calls, "why": one.why} for one in found.left_out],
                "samples": [
                    {
                        "message_id": one.message_id,
                        "detail": one.detail,
                        "before": show(one.before) if one.before is not None else None,
                        "requests": [show(made) for made in one.requests],
                        "problem": one.problem,
                    }
                    for one in told(self.member, found.samples)
                ],
            }
        )


class ReplayListView(ReplaySelectionView):
    @extend_schema(operation_id="replays_list", responses=ReplayRunSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Replay runs, newest first."""
        return self.paginated(ReplayRun.objects.in_space(self.space), ReplayRunSerializer)

    @extend_schema(
        operation_id="replays_start", request=ReplaySelectionSerializer, responses={201: ReplayRunSerializer}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Send the selected dead letters again, at most `rate` a second; 409 when there is nothing to send."""
        selection, rate = self.selection(request)
        _check_rate(rate)
        run = replay_runs.start(
            space=self.space,
            actor=self.actor,
            selection=selection,
            rate=rate or preview(space=self.space, selection=selection).rate,
            words=selection_words(self.space, selection),
        )
        return Response(ReplayRunSerializer(run).data, status=status.HTTP_201_CREATED)


class ReplayRunView(SpaceAPIView):
    serializer_class: Any = ReplayRunSerializer

    def run(self) -> ReplayRun:
        found = find_run(self.space, self.kwargs["run"])
        if found is None:
            raise Http404("This space has no such replay.")
        return found

    @extend_schema(operation_id="replays_read", responses=ReplayRunSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """How far a replay is."""
        return Response(ReplayRunSerializer(self.run()).data)


class ReplayPauseView(ReplayRunView):
    http_method_names = ["post", "options"]

    @extend_schema(operation_id="replays_pause", request=None, responses=ReplayRunSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Hand nothing more over for now."""
        return Response(ReplayRunSerializer(replay_runs.pause(run=self.run(), actor=self.actor)).data)


class ReplayResumeView(ReplayRunView):
    http_method_names = ["post", "options"]

    @extend_schema(operation_id="replays_resume", request=None, responses=ReplayRunSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Go on after a pause."""
        return Response(ReplayRunSerializer(replay_runs.resume(run=self.run(), actor=self.actor)).data)


class ReplayCancelView(ReplayRunView):
    http_method_names = ["post", "options"]

    @extend_schema(operation_id="replays_cancel", request=None, responses=ReplayRunSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """End it: what was not handed over stays a dead letter."""
        return Response(ReplayRunSerializer(replay_runs.cancel(run=self.run(), actor=self.actor)).data)


class ReplayItemsView(ReplayRunView):
    serializer_class = ReplayItemPageSerializer

    @extend_schema(
        operation_id="replays_messages",
        parameters=[OpenApiParameter("outcome", str, enum=OUTCOMES), OpenApiParameter("after", str)],
        responses=ReplayItemPageSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The outcome of each message that was handed over, in their order."""
        state = request.query_params.get("outcome", "")
        if state not in ITEM_STATES:
            raise InvalidError.at("/outcome", f"Use one of {', '.join(OUTCOMES)}.")
        page = item_page(self.run(), state=state, after=request.query_params.get("after", ""))
        return Response({"next": page.after, "results": ReplayItemSerializer(page.rows, many=True).data})


class DeliveryView(SpaceAPIView):
    serializer_class = CallSerializer
    http_method_names = ["post", "options"]

    def row(self) -> CallRow:
        found = get_call(self.space, self.kwargs["delivery"])
        if found is None:
            raise Http404("This space has no such delivery.")
        return found

    def shown(self) -> Response:
        return Response(CallSerializer(self.row(), context={"show": shows(self.member)}).data)


class DeliveryRetryView(DeliveryView):
    @extend_schema(operation_id="deliveries_retry", request=None, responses=CallSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Try a waiting call at once, or queue a dead letter again."""
        single_calls.retry_now(space=self.space, row=self.row(), actor=self.actor)
        return self.shown()


class DeliveryCancelView(DeliveryView):
    @extend_schema(operation_id="deliveries_cancel", request=None, responses=CallSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Take a waiting call out of the outbox; it is superseded."""
        single_calls.cancel(space=self.space, row=self.row(), actor=self.actor)
        return self.shown()


class TraceView(SpaceAPIView):
    serializer_class = TraceSerializer

    @extend_schema(
        operation_id="trace", parameters=[OpenApiParameter("q", str, required=True)], responses=TraceSerializer
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The calls behind any messageId, user id, e-mail address or other identifier, over the whole retention."""
        found = tracing.trace(self.space, request.query_params.get("q", ""))
        event = found.event
        context = {"show": shows(self.member)}
        return Response(
            {
                "found": found.kind,
                "profile": found.profile.segment_id if found.profile is not None else None,
                "event": None
                if event is None
                else {
                    "message_id": event.message_id,
                    "type": tracing.type_name(event),
                    "name": event.name,
                    "received_at": event.received_at,
                },
                "calls": [CallSerializer(row, context=context).data for row in found.calls],
                "has_more": found.has_more,
            }
        )


def _check_rate(rate: int | None) -> None:
    if rate is not None and not replay_runs.LOWEST_RATE <= rate <= replay_runs.HIGHEST_RATE:
        raise InvalidError.at("/rate", f"Use {replay_runs.LOWEST_RATE} to {replay_runs.HIGHEST_RATE:,} calls a second.")
