"""Shapes of the REST API for mappings that are being edited."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from engine.mapping.fields import Choice

Fields = dict[str, serializers.Field[Any, Any, Any, Any]]


class MappingEdit(serializers.Serializer[Any]):
    """What is not given is that of the stored mapping."""

    trigger = serializers.CharField(required=False, max_length=10_000, allow_blank=True)
    enrichments = serializers.ListField(
        child=serializers.CharField(max_length=255), required=False, help_text="Keys of traits that calls carry along."
    )

    def get_fields(self) -> Fields:
        # A member called "fields" cannot be declared in a class body: Serializer has a property of that name.
        return {**super().get_fields(), "fields": serializers.DictField(required=False)}


@extend_schema_serializer(component_name="MappingPreviewInput")
class PreviewInput(MappingEdit):
    """Trigger and fields default to those of the action."""

    action = serializers.CharField(max_length=60)
    event = serializers.DictField(help_text="A Segment call: type, userId, event, properties …")


@extend_schema_serializer(component_name="MappingTrialInput")
class TrialInput(PreviewInput):
    payload = serializers.DictField(required=False, help_text="Sent in place of what the fields make of the event.")
    send = serializers.BooleanField(default=False, help_text="Make the call; otherwise it is only built.")


class HookInput(serializers.Serializer[Any]):
    """`hook` and its `inputs` are those that `connectors/` tells for the action."""

    action = serializers.CharField(max_length=60)
    hook = serializers.CharField(max_length=60)
    inputs = serializers.DictField(default=dict)


class HookSerializer(serializers.Serializer[Any]):
    """To be stored, as it is, in the mapping's `fields` under the key of the hook."""

    inputs = serializers.DictField()
    outputs = serializers.DictField()


@extend_schema_serializer(component_name="MappingProblem")
class ProblemSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ConditionSerializer(serializers.Serializer[Any]):
    words = serializers.CharField()
    holds = serializers.BooleanField()
    found = serializers.CharField(help_text='Of one that does not hold: "it is …".')


@extend_schema_serializer(component_name="MappingPreview")
class PreviewSerializer(serializers.Serializer[Any]):
    """`problems` keep the mapping from being saved, `errors` the payload from being complete."""

    problems = ProblemSerializer(many=True)
    matches = serializers.BooleanField()
    detail = serializers.CharField()
    conditions = ConditionSerializer(many=True)
    payload = serializers.JSONField(allow_null=True)
    request = serializers.JSONField(allow_null=True)

    def get_fields(self) -> Fields:
        more: Fields = {
            "fields": serializers.JSONField(),
            "errors": serializers.ListField(child=serializers.CharField()),
        }
        return {**super().get_fields(), **more}


class SuggestionsSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> Fields:
        return {**super().get_fields(), "fields": serializers.DictField(help_text="Mapping values by field key.")}


class TrialSerializer(serializers.Serializer[Any]):
    result = serializers.JSONField(help_text="As the result of a test event.")


class ChangeSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    sign = serializers.ChoiceField(choices=["+", "-", "~"])
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class ComparisonSerializer(serializers.Serializer[Any]):
    event = serializers.JSONField()
    before = serializers.JSONField()
    after = serializers.JSONField()
    changes = ChangeSerializer(many=True)


class ComparisonsSerializer(serializers.Serializer[Any]):
    results = ComparisonSerializer(many=True)


class RecentEventSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    title = serializers.CharField()
    origin = serializers.ChoiceField(choices=["Engage", "Source"])
    at = serializers.DateTimeField()
    event = serializers.JSONField()


class ChoiceSerializer(serializers.Serializer[Choice]):
    value = serializers.JSONField()

    def get_fields(self) -> Fields:
        # "label" is an argument of every serializer.
        return {**super().get_fields(), "label": serializers.CharField()}
