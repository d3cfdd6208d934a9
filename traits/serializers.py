"""The JSON of computed traits in the REST API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.errors import FieldError, InvalidError
from delivery.models import Connection
from delivery.serializers import IdentifierMappingsField, TraitMappingsField
from destinations.models import Destination
from engine.payloads import TRAIT_EVENT
from spaces.models import Space
from traits.models import Trait
from traits.selectors.preview import PreviewReport
from traits.selectors.traits import collection_name, describe
from traits.selectors.values import Common, Distribution, Valued
from traits.services.connections import ConnectionSpec


class TraitSerializer(serializers.ModelSerializer[Trait]):
    """A computed trait. `status` is one of the six compute statuses; `size` counts profiles with a value now."""

    id = serializers.CharField(source="public_id", read_only=True)
    collection = serializers.SerializerMethodField()
    sentence = serializers.SerializerMethodField()
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)

    class Meta:
        model = Trait
        fields = [
            "id",
            "key",
            "name",
            "description",
            "kind",
            "collection",
            "definition",
            "sentence",
            "include_historical",
            "enabled",
            "status",
            "status_detail",
            "size",
            "revision",
            "created_at",
            "updated_at",
            "last_computed_at",
        ]
        read_only_fields = fields

    def get_collection(self, trait: Trait) -> str:
        return collection_name(trait)

    def get_sentence(self, trait: Trait) -> str:
        return describe(trait)


class TraitConnectionInputSerializer(serializers.Serializer[Any]):
    """What connects a trait to an event destination; `destination` is its id, `event_name` that of the Track call."""

    destination = serializers.CharField(max_length=40)
    send_identify = serializers.BooleanField(default=True)
    send_track = serializers.BooleanField(default=False)
    send_group = serializers.BooleanField(default=False)
    send_mobile_ids = serializers.BooleanField(default=False)
    event_name = serializers.CharField(max_length=255, default=TRAIT_EVENT)
    settings = serializers.DictField(default=dict)
    setup = serializers.ChoiceField(choices=Connection.Setup.choices, default=Connection.Setup.DEFAULT)
    trait_mappings = TraitMappingsField(default=list)
    identifier_mappings = IdentifierMappingsField(default=list)


class TraitInputSerializer(serializers.Serializer[Any]):
    """What creates a trait. `key` is made from the name unless given; `definition`: /api/v1/schemas/trait.json."""

    name = serializers.CharField(max_length=255)
    definition = serializers.JSONField()
    key = serializers.CharField(max_length=255, required=False)
    description = serializers.CharField(default="", allow_blank=True, max_length=5000)
    include_historical = serializers.BooleanField(default=True)
    destinations = TraitConnectionInputSerializer(many=True, default=list)


class TraitChangeSerializer(serializers.Serializer[Any]):
    """What changes a trait; with `revision` only if nobody else changed it meanwhile."""

    name = serializers.CharField(max_length=255, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    definition = serializers.JSONField(required=False)
    enabled = serializers.BooleanField(required=False)
    revision = serializers.IntegerField(required=False)


class TraitPreviewInputSerializer(serializers.Serializer[Any]):
    definition = serializers.JSONField()


class ValuedSerializer(serializers.Serializer[Valued]):
    """A profile and its value."""

    id = serializers.CharField(source="person.segment_id")
    label = serializers.CharField(source="person.label")  # type: ignore[assignment]
    value = serializers.JSONField()
    changed_at = serializers.DateTimeField(allow_null=True)


class CommonValueSerializer(serializers.Serializer[Common]):
    value = serializers.JSONField()
    profiles = serializers.IntegerField()
    percent = serializers.IntegerField()


class BucketSerializer(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    profiles = serializers.IntegerField()


class DistributionSerializer(serializers.Serializer[Distribution]):
    """Figures and ten equal ranges of numbers; the most common of all other values, those of lists one by one."""

    total = serializers.IntegerField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    median = serializers.FloatField(source="middle", allow_null=True)
    sum = serializers.FloatField(allow_null=True)
    buckets = BucketSerializer(many=True)
    common = CommonValueSerializer(many=True)


class TraitPreviewSerializer(serializers.Serializer[PreviewReport]):
    count = serializers.IntegerField(source="total")
    sentence = serializers.CharField()
    sample = ValuedSerializer(many=True)
    distribution = DistributionSerializer()


class TraitExplanationSerializer(serializers.Serializer[Any]):
    """`value` is computed now, `stored` kept since `since`; `changes_at` is when time alone makes it `becomes`.

    One of `events` (checks, window, events that count and that do not), `row` (runs of a query) and `score` (run,
    figures and probability of a prediction) is the evidence; `next_run_at` is when the latter two are looked at again.
    """

    profile = serializers.CharField()
    sentence = serializers.CharField()
    at = serializers.DateTimeField()
    value = serializers.JSONField(allow_null=True)
    stored = serializers.JSONField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)
    changes_at = serializers.DateTimeField(allow_null=True)
    becomes = serializers.JSONField(allow_null=True)
    next_run_at = serializers.DateTimeField(allow_null=True)
    caveat = serializers.CharField(allow_blank=True)
    events = serializers.DictField(allow_null=True)
    row = serializers.DictField(allow_null=True)
    score = serializers.DictField(allow_null=True)


class TraitValuesSerializer(serializers.Serializer[Any]):
    """A page of profiles and their values; `next` is the URL of the following page."""

    next = serializers.CharField(allow_null=True)
    results = ValuedSerializer(many=True)


def connection_spec(space: Space, data: dict[str, Any]) -> ConnectionSpec:
    """The validated input as a spec. InvalidError when the space has no such destination."""
    wanted = data["destination"]
    destination = Destination.objects.in_space(space).filter(public_id=wanted, deleted_at=None).first()
    if destination is None:
        detail = f"This space has no destination with the id {wanted}."
        raise InvalidError(detail, [FieldError(path="/destination", code="not_found", detail=detail)])
    return ConnectionSpec(destination=destination, **{name: data[name] for name in data if name != "destination"})


class TraitConnectionSerializer(serializers.ModelSerializer[Connection]):
    """A connection as the trait shows it."""

    id = serializers.CharField(source="public_id", read_only=True)
    destination = serializers.CharField(source="destination.public_id", read_only=True)
    destination_name = serializers.CharField(source="destination.name", read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
    event_name = serializers.CharField(source="enter_event", read_only=True)
    trait_mappings = TraitMappingsField(read_only=True)
    identifier_mappings = IdentifierMappingsField(read_only=True)

    class Meta:
        model = Connection
        fields = [
            "id",
            "destination",
            "destination_name",
            "enabled",
            "send_identify",
            "send_track",
            "send_group",
            "send_mobile_ids",
            "event_name",
            "settings",
            "setup",
            "trait_mappings",
            "identifier_mappings",
            "created_at",
        ]
        read_only_fields = fields
