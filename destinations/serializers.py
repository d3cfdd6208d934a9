"""Shapes of the REST API for connectors, destinations, mappings and tests. Secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from destinations.catalog import definition as find_definition
from destinations.models import Destination, EventTest
from destinations.models import Mapping as MappingRow
from engine.mapping.fields import Choice, Field


class DestinationSerializer(serializers.ModelSerializer[Destination]):
    """`settings` are those that are not secret; `hidden_settings` lists the secret ones there are, by name only."""

    id = serializers.CharField(source="public_id", read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
    kind = serializers.SerializerMethodField()
    hidden_settings = serializers.SerializerMethodField()

    class Meta:
        model = Destination
        fields = [
            "id",
            "name",
            "connector",
            "kind",
            "settings",
            "hidden_settings",
            "enabled",
            "paused_at",
            "pause_reason",
            "requests_per_second",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_kind(self, destination: Destination) -> str:
        definition = find_definition(destination.connector)
        return definition.kind if definition else ""

    def get_hidden_settings(self, destination: Destination) -> list[str]:
        definition = find_definition(destination.connector)
        return sorted(definition.secret_keys) if definition else []


class CheckSerializer(serializers.Serializer[Any]):
    """What the destination says to the stored settings; `detail` is a sentence when it does not accept them."""

    accepted = serializers.BooleanField()
    detail = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)


class DestinationInput(serializers.Serializer[Destination]):
    name = serializers.CharField(max_length=120)
    connector = serializers.CharField(max_length=60, help_text="A slug of `connectors/`, or a name.")
    settings = serializers.DictField(default=dict, help_text="The connector's settings, secret ones included.")
    enabled = serializers.BooleanField(default=True)
    requests_per_second = serializers.IntegerField(required=False, allow_null=True, default=None)


class DestinationChange(serializers.Serializer[Destination]):
    """`settings` are merged: a key that is not named stays, null removes it."""

    name = serializers.CharField(max_length=120, required=False)
    settings = serializers.DictField(required=False)
    enabled = serializers.BooleanField(required=False)
    requests_per_second = serializers.IntegerField(required=False, allow_null=True)


class MappingSerializer(serializers.ModelSerializer[MappingRow]):
    id = serializers.CharField(source="public_id", read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)

    class Meta:
        model = MappingRow
        fields = [
            "id",
            "name",
            "action",
            "trigger",
            "fields",
            "enrichments",
            "enabled",
            "position",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class _WithFields(serializers.Serializer[MappingRow]):
    """A member called "fields" cannot be declared in a class body: Serializer has a property of that name."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "fields": serializers.DictField(required=False)}


class MappingInput(_WithFields):
    """Trigger and fields default to those of the action."""

    name = serializers.CharField(max_length=120)
    action = serializers.CharField(max_length=60)
    trigger = serializers.CharField(required=False, max_length=10_000)
    enrichments = serializers.ListField(
        child=serializers.CharField(max_length=255), default=list, help_text="Keys of traits that calls carry along."
    )
    enabled = serializers.BooleanField(default=False)


class MappingChange(_WithFields):
    name = serializers.CharField(max_length=120, required=False)
    trigger = serializers.CharField(required=False, max_length=10_000)
    enrichments = serializers.ListField(
        child=serializers.CharField(max_length=255), required=False, help_text="Keys of traits that calls carry along."
    )
    enabled = serializers.BooleanField(required=False)


class TestInput(serializers.Serializer[EventTest]):
    event = serializers.DictField(help_text="A Segment call: type, userId, event, properties …")
    mapping = serializers.CharField(required=False, help_text="Test this mapping only, also a disabled one.")
    apply_filters = serializers.BooleanField(default=False, help_text="Let destination filters stop the event.")


class EventTestSerializer(serializers.ModelSerializer[EventTest]):
    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = EventTest
        fields = ["id", "event", "result", "sent_at"]
        read_only_fields = fields


class ConnectorSerializer(serializers.Serializer[Any]):
    """What the catalog says of a connector."""

    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    framework = serializers.CharField()
    description = serializers.CharField()
    supported = serializers.ListField(child=serializers.CharField())
    identifiers = serializers.CharField()
    needs_schema_column = serializers.BooleanField()
    requests_per_second = serializers.IntegerField(allow_null=True)
    list_interval_minutes = serializers.SerializerMethodField()
    settings = serializers.SerializerMethodField()
    audience_settings = serializers.SerializerMethodField()
    actions = serializers.SerializerMethodField()

    def get_list_interval_minutes(self, definition: Any) -> int | None:
        return definition.list_interval_minutes if definition.kind == "list" else None

    def get_settings(self, definition: Any) -> list[dict[str, Any]]:
        return [field_shape(field) for field in definition.settings]

    def get_audience_settings(self, definition: Any) -> list[dict[str, Any]]:
        return [field_shape(field) for field in definition.audience_settings]

    def get_actions(self, definition: Any) -> list[dict[str, Any]]:
        return [
            {
                "key": action.key,
                "title": action.title,
                "description": action.description,
                "default_trigger": action.default_trigger,
                "fields": [field_shape(field) for field in action.fields if not field.hidden],
                "hooks": [
                    {
                        "key": hook.key,
                        "label": hook.label,
                        "description": hook.description,
                        "inputs": [field_shape(field) for field in hook.inputs],
                        "outputs": [field_shape(field) for field in hook.outputs],
                    }
                    for hook in action.hooks
                ],
            }
            for action in definition.actions
        ]


def field_shape(field: Field) -> dict[str, Any]:
    choices = field.choices
    return {
        "key": field.key,
        "label": field.label,
        "type": field.type,
        "description": field.description,
        "required": field.required is True,
        "secret": field.is_secret,
        "multiple": field.multiple,
        "default": field.default,
        "choices": None
        if choices is None
        else [choice.value if isinstance(choice, Choice) else choice for choice in choices],
    }
