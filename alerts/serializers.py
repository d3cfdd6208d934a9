"""REST shapes of alerts."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from alerts.models import AlertEvent, AlertMessage, AlertRule, Direction, Kind
from alerts.services.rules import webhook_host


class AlertRuleSerializer(serializers.ModelSerializer[AlertRule]):
    """A rule. `state`: ok, firing, waiting (not looked at yet), disabled. Of the webhook only its host is shown."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    destination = serializers.CharField(source="destination.public_id", default=None)
    audience = serializers.CharField(source="audience.public_id", default=None)
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # the name of our field
    warehouse = serializers.CharField(source="warehouse.public_id", default=None)
    webhook_host = serializers.SerializerMethodField()
    enabled = serializers.BooleanField(source="is_enabled")
    state = serializers.CharField()

    class Meta:
        model = AlertRule
        fields = [
            "id",
            "name",
            "kind",
            "destination",
            "audience",
            "source",
            "warehouse",
            "threshold",
            "direction",
            "hours",
            "least",
            "emails",
            "webhook_host",
            "in_app",
            "enabled",
            "state",
            "value",
            "detail",
            "checked_at",
            "changed_at",
            "created_at",
        ]
        read_only_fields = fields

    def get_source(self, rule: AlertRule) -> str | None:
        return rule.source.public_id if rule.source is not None else None

    def get_webhook_host(self, rule: AlertRule) -> str:
        return webhook_host(rule)


class AlertChangeSerializer(serializers.Serializer[Any]):
    """What may be changed. `webhook_url` "" removes the webhook; absent keeps it."""

    threshold = serializers.FloatField(required=False)
    direction = serializers.ChoiceField(choices=Direction.choices, required=False)
    hours = serializers.IntegerField(required=False, min_value=1, max_value=336)
    least = serializers.IntegerField(required=False, min_value=0, max_value=1_000_000_000)
    emails = serializers.ListField(child=serializers.CharField(max_length=320), required=False, max_length=10)
    webhook_url = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    in_app = serializers.BooleanField(required=False)
    enabled = serializers.BooleanField(required=False)


class AlertNewSerializer(AlertChangeSerializer):
    """A new rule; `destination`, `audience`, `source` and `warehouse` are public ids, as the kind asks for."""

    kind = serializers.ChoiceField(choices=Kind.choices)
    destination = serializers.CharField(required=False, max_length=60)
    audience = serializers.CharField(required=False, max_length=60)
    warehouse = serializers.CharField(required=False, max_length=60)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `source` would hide an attribute of the base class.
        return {**super().get_fields(), "source": serializers.CharField(required=False, max_length=60)}


class AlertMessageSerializer(serializers.ModelSerializer[AlertMessage]):
    class Meta:
        model = AlertMessage
        fields = ["channel", "address", "state", "attempts", "error", "sent_at"]
        read_only_fields = fields


class AlertEventSerializer(serializers.ModelSerializer[AlertEvent]):
    """`firing` true: the alert fired; false: it was resolved."""

    alert = serializers.CharField(source="rule.public_id", default=None)
    firing = serializers.BooleanField(source="is_firing")
    messages = AlertMessageSerializer(many=True)

    class Meta:
        model = AlertEvent
        fields = ["id", "alert", "name", "firing", "sentence", "value", "at", "messages"]
        read_only_fields = fields
