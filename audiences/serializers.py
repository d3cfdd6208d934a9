"""The JSON of audiences in the REST API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from audiences.models import Audience
from audiences.selectors.audiences import Person, collection_name
from audiences.services.connections import ConnectionSpec
from common.errors import FieldError, InvalidError
from delivery.models import Connection
from delivery.serializers import IdentifierMappingsField, TraitMappingsField
from destinations.models import Destination
from spaces.models import Space


class AudienceSerializer(serializers.ModelSerializer[Audience]):
    """An audience. `status` is one of the six compute statuses; `size` counts members now."""

    id = serializers.CharField(source="public_id", read_only=True)
    folder = serializers.CharField(source="folder.public_id", read_only=True, default=None, allow_null=True)
    collection = serializers.SerializerMethodField()
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)

    class Meta:
        model = Audience
        fields = [
            "id",
            "key",
            "name",
            "description",
            "folder",
            "collection",
            "definition",
            "include_anonymous",
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

    def get_collection(self, audience: Audience) -> str:
        return collection_name(audience)


class ConnectionInputSerializer(serializers.Serializer[Any]):
    """What connects an audience to a destination; `destination` is its id."""

    destination = serializers.CharField(max_length=40)
    send_identify = serializers.BooleanField(default=True)
    send_track = serializers.BooleanField(required=False)  # of accounts off unless asked for (F159)
    send_group = serializers.BooleanField(default=False)
    send_mobile_ids = serializers.BooleanField(default=False)
    enter_event = serializers.CharField(max_length=255, default="Audience Entered")
    exit_event = serializers.CharField(max_length=255, default="Audience Exited")
    settings = serializers.DictField(default=dict)
    value_format = serializers.ChoiceField(
        choices=Connection.ValueFormat.choices, default=Connection.ValueFormat.BOOLEAN
    )
    include_audience_key = serializers.BooleanField(default=True)
    setup = serializers.ChoiceField(choices=Connection.Setup.choices, default=Connection.Setup.DEFAULT)
    trait_mappings = TraitMappingsField(default=list)
    identifier_mappings = IdentifierMappingsField(default=list)


class AudienceInputSerializer(serializers.Serializer[Any]):
    """What creates an audience. `key` is made from the name unless given."""

    name = serializers.CharField(max_length=255)
    definition = serializers.JSONField()
    key = serializers.CharField(max_length=255, required=False)
    description = serializers.CharField(default="", allow_blank=True, max_length=5000)
    include_anonymous = serializers.BooleanField(default=False)
    include_historical = serializers.BooleanField(default=True)
    destinations = ConnectionInputSerializer(many=True, default=list)


class AudienceChangeSerializer(serializers.Serializer[Any]):
    """What changes an audience; with `revision` only if nobody else changed it meanwhile. `folder` null: main list."""

    name = serializers.CharField(max_length=255, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    definition = serializers.JSONField(required=False)
    enabled = serializers.BooleanField(required=False)
    folder = serializers.CharField(required=False, allow_null=True, max_length=60)
    revision = serializers.IntegerField(required=False)


class PersonSerializer(serializers.Serializer[Person]):
    """A profile in a list."""

    id = serializers.CharField(source="segment_id")
    label = serializers.CharField()  # type: ignore[assignment]
    identifiers = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    traits = serializers.DictField()


class MembersSerializer(serializers.Serializer[Any]):
    """A page of members; `next` is the URL of the following page."""

    next = serializers.CharField(allow_null=True)
    results = PersonSerializer(many=True)


def connection_spec(space: Space, data: dict[str, Any]) -> ConnectionSpec:
    """The validated input as a spec. InvalidError when the space has no such destination."""
    wanted = data["destination"]
    destination = Destination.objects.in_space(space).filter(public_id=wanted, deleted_at=None).first()
    if destination is None:
        detail = f"This space has no destination with the id {wanted}."
        raise InvalidError(detail, [FieldError(path="/destination", code="not_found", detail=detail)])
    return ConnectionSpec(destination=destination, **{name: data[name] for name in data if name != "destination"})


class AudienceConnectionSerializer(serializers.ModelSerializer[Connection]):
    """A connection as the audience shows it."""

    id = serializers.CharField(source="public_id", read_only=True)
    destination = serializers.CharField(source="destination.public_id", read_only=True)
    destination_name = serializers.CharField(source="destination.name", read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
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
            "enter_event",
            "exit_event",
            "settings",
            "value_format",
            "include_audience_key",
            "setup",
            "trait_mappings",
            "identifier_mappings",
            "external_audience_id",
            "created_at",
        ]
        read_only_fields = fields
