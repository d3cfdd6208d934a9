"""REST for the mapping editor: what a mapping would do, before it is saved."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import ConflictError, InvalidError
from destinations import mapping_shapes as shapes
from destinations.api import DestinationView
from destinations.catalog import definition as find_definition
from destinations.comparing import compare
from destinations.drafts import Draft, draft_of
from destinations.enrichment import sample_values, trait_samples
from destinations.kit.definition import Action, DestinationDefinition
from destinations.models import Destination
from destinations.previews import preview
from destinations.recent_events import recent_events
from destinations.services.asking import field_choices, run_hook
from destinations.services.tester import checked_event
from destinations.services.trying import try_mapping
from destinations.suggestions import suggest
from spaces.models import Role

TRIGGER = OpenApiParameter("trigger", str, description="FQL; only events that match it.")
ACTION = OpenApiParameter("action", str, required=True)
FIELD = OpenApiParameter("field", str, required=True)


class _DraftView(DestinationView):
    """The base of those that take a mapping in the body: `action`, `trigger`, `fields`, `enrichments`."""

    write_role: ClassVar[Role] = Role.ADMIN

    def draft(self, destination: Destination, values: dict[str, Any]) -> Draft:
        action = action_of(destination, values["action"])
        return Draft(
            destination=destination,
            action=action,
            trigger=values.get("trigger", action.default_trigger),
            fields=values.get("fields", action.default_fields()),
            enrichments=values.get("enrichments", ()),
        )

    def traits(self, draft: Draft) -> dict[str, Any]:
        samples = trait_samples(self.space, shows_pii=self.member.has_pii_access)
        return sample_values(samples, draft.enrichments)


class MappingPreview(_DraftView):
    """What a mapping makes of an event. Saves and sends nothing."""

    write_role = Role.READ_ONLY
    serializer_class = shapes.PreviewSerializer

    @extend_schema(
        operation_id="mappings_preview",
        tags=["Destinations"],
        request=shapes.PreviewInput,
        responses=shapes.PreviewSerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        values = valid(shapes.PreviewInput, request)
        draft = self.draft(self.destination(), values)
        shown = preview(draft, checked_event(values["event"]), traits=self.traits(draft))
        return Response(shapes.PreviewSerializer(shown.as_dict()).data)


class MappingSuggest(_DraftView):
    """Values for the fields that a mapping leaves empty, by their names in an event."""

    serializer_class = shapes.SuggestionsSerializer

    @extend_schema(
        operation_id="mappings_suggest",
        tags=["Destinations"],
        request=shapes.PreviewInput,
        responses=shapes.SuggestionsSerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        values = valid(shapes.PreviewInput, request)
        draft = self.draft(self.destination(), {**values, "fields": values.get("fields", {})})
        samples = trait_samples(self.space, shows_pii=self.member.has_pii_access)
        traits = [key for seen in samples.values() for key in seen]
        found = suggest(draft.action, draft.fields, checked_event(values["event"]), traits=traits)
        return Response({"fields": found})


class MappingTry(_DraftView):
    """Builds, or with `send` really makes, the call of a mapping for one event, saved or not."""

    serializer_class = shapes.TrialSerializer

    @extend_schema(
        operation_id="mappings_test",
        tags=["Destinations"],
        request=shapes.TrialInput,
        responses=shapes.TrialSerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        values = valid(shapes.TrialInput, request)
        draft = self.draft(self.destination(), values)
        result = try_mapping(
            draft,
            event=values["event"],
            payload=values.get("payload"),
            traits=self.traits(draft),
            sent_by=self.actor,
            is_sent=values["send"],
        )
        return Response({"result": result})


class MappingHook(_DraftView):
    """Makes or chooses at the tool what a mapping needs, such as a list of its own. A real call; nothing is stored."""

    serializer_class = shapes.HookSerializer

    @extend_schema(
        operation_id="mappings_hook",
        tags=["Destinations"],
        request=shapes.HookInput,
        responses=shapes.HookSerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        values = valid(shapes.HookInput, request)
        destination = self.destination()
        action = action_of(destination, values["action"])
        found = run_hook(destination=destination, action=action.key, hook=values["hook"], inputs=values["inputs"])
        return Response(shapes.HookSerializer(found).data)


class MappingCompare(_DraftView):
    """The stored mapping and an edit of it, for the five newest events that either takes: changed paths only."""

    serializer_class = shapes.ComparisonsSerializer

    @extend_schema(
        operation_id="mappings_compare",
        tags=["Destinations"],
        request=shapes.MappingEdit,
        responses=shapes.ComparisonsSerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        values = valid(shapes.MappingEdit, request)
        row = self.mapping()
        before = draft_of(row, action_of(row.destination, row.action))
        after = Draft(
            destination=row.destination,
            action=before.action,
            trigger=values.get("trigger", row.trigger),
            fields=values.get("fields", row.fields),
            enrichments=values.get("enrichments", row.enrichments),
        )
        found = compare(before, after, traits=self.traits(after), shows_pii=self.member.has_pii_access)
        return Response({"results": [one.as_dict() for one in found]})


class RecentEvents(DestinationView):
    """The last 20 events to try a mapping with: calls to the destination, and stored events of the space."""

    serializer_class = shapes.RecentEventSerializer

    @extend_schema(
        operation_id="destinations_recent_events",
        tags=["Destinations"],
        parameters=[TRIGGER],
        responses=shapes.RecentEventSerializer(many=True),
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        found = recent_events(
            self.destination(),
            trigger=request.query_params.get("trigger", ""),
            shows_pii=self.member.has_pii_access,
        )
        return Response({"results": shapes.RecentEventSerializer(found, many=True).data})


class FieldChoices(DestinationView):
    """The values that a field of an action can be given: its own choices, or what the tool says now."""

    read_role = Role.ADMIN
    serializer_class = shapes.ChoiceSerializer

    @extend_schema(
        operation_id="mappings_choices",
        tags=["Destinations"],
        parameters=[ACTION, FIELD],
        responses=shapes.ChoiceSerializer(many=True),
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        destination = self.destination()
        action = action_of(destination, request.query_params.get("action", ""))
        choices = field_choices(destination, action, request.query_params.get("field", ""), {})
        return Response({"results": [shapes.ChoiceSerializer(choice).data for choice in choices]})


def action_of(destination: Destination, key: str) -> Action:
    definition: DestinationDefinition | None = find_definition(destination.connector)
    if definition is None or not definition.actions:
        raise ConflictError(f"{destination.name} takes every call as it is and has no mappings.")
    action = definition.action(key)
    if action is None:
        known = ", ".join(one.key for one in definition.actions)
        raise InvalidError.at("/action", f"{definition.name} has no action {key!r}. Those there are: {known}.")
    return action


def valid(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = shape(data=request.data)
    given.is_valid(raise_exception=True)
    values: dict[str, Any] = given.validated_data
    return values
