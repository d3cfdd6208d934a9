"""REST shapes of connections and calls."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from delivery.models import Connection, FirstSync
from delivery.selectors.books import Books, connection_status
from delivery.selectors.calls import CallRow
from delivery.services.activation import STRATEGIES


class TraitMappingSerializer(serializers.Serializer[Any]):
    """A trait that calls carry: its key (dots lead into objects), and its name at the destination (else the same)."""

    segment = serializers.CharField(max_length=255)
    destination = serializers.CharField(max_length=255, required=False, allow_blank=True)


class IdentifierMappingSerializer(serializers.Serializer[Any]):
    """An identifier type that is sent, its name at the destination (else the same), and which of its values."""

    segment = serializers.CharField(max_length=255)
    destination = serializers.CharField(max_length=255, required=False, allow_blank=True)
    strategy = serializers.ChoiceField(choices=list(STRATEGIES))


@extend_schema_field(TraitMappingSerializer(many=True))
class TraitMappingsField(serializers.ListField):
    """Rows as they came: the service checks them, so that all problems are told at once."""


@extend_schema_field(IdentifierMappingSerializer(many=True))
class IdentifierMappingsField(serializers.ListField):
    """Rows as they came: the service checks them, so that all problems are told at once."""


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    """A connection with its equation."""

    trait_mappings = TraitMappingsField(read_only=True)
    identifier_mappings = IdentifierMappingsField(read_only=True)

    id = serializers.CharField(source="public_id", read_only=True)
    destination = serializers.CharField(source="destination.public_id", read_only=True)
    destination_name = serializers.CharField(source="destination.name", read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
    status = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()

    class Meta:
        model = Connection
        fields = [
            "id",
            "destination",
            "destination_name",
            "computation_id",
            "computation_key",
            "computation_class",
            "enabled",
            "status",
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
            "removed_at",
            "counts",
        ]
        read_only_fields = fields

    def get_status(self, connection: Connection) -> str:
        return connection_status(connection)

    def get_counts(self, connection: Connection) -> dict[str, int]:
        books: Books = self.context["books"][connection.pk]
        return {"emitted": books.emitted, **dict(books.parts()), "unaccounted": books.unaccounted}


class ConnectionChangeSerializer(serializers.Serializer[Any]):
    """What may be changed; absent members stay as they are."""

    enabled = serializers.BooleanField(required=False)
    send_identify = serializers.BooleanField(required=False)
    send_track = serializers.BooleanField(required=False)
    send_group = serializers.BooleanField(required=False)
    send_mobile_ids = serializers.BooleanField(required=False)
    enter_event = serializers.CharField(required=False, max_length=255)
    exit_event = serializers.CharField(required=False, max_length=255)
    settings = serializers.DictField(required=False)
    value_format = serializers.ChoiceField(required=False, choices=Connection.ValueFormat.choices)
    include_audience_key = serializers.BooleanField(required=False)
    setup = serializers.ChoiceField(required=False, choices=Connection.Setup.choices)
    trait_mappings = TraitMappingsField(required=False)
    identifier_mappings = IdentifierMappingsField(required=False)


class DestinationTraitsSerializer(serializers.Serializer[Any]):
    trait_mappings = TraitMappingsField()


class FirstSyncSerializer(serializers.ModelSerializer[FirstSync]):
    class Meta:
        model = FirstSync
        fields = ["state", "profiles_done", "profiles_total", "error", "created_at", "finished_at"]
        read_only_fields = fields


class SyncProgressSerializer(serializers.Serializer[Any]):
    """`seconds_left` is an estimate at the cap, null as long as there is no telling."""

    people_done = serializers.IntegerField()
    people_total = serializers.IntegerField()
    calls_done = serializers.IntegerField()
    calls_total = serializers.IntegerField()
    seconds_left = serializers.FloatField(allow_null=True)


class SyncSerializer(serializers.Serializer[Any]):
    """How far the connection is: its first sync, and for lists the last run and the next."""

    first_sync = FirstSyncSerializer(allow_null=True)
    progress = SyncProgressSerializer(allow_null=True)
    last_list_sync = serializers.DictField(allow_null=True)
    next_list_sync_at = serializers.DateTimeField(allow_null=True)


class CallSerializer(serializers.Serializer[CallRow]):
    """An emitted call and what became of it. `status`: delivered, filtered, failed, superseded, waiting, in_flight."""

    id = serializers.IntegerField()
    message_id = serializers.CharField()
    status = serializers.CharField()
    connection = serializers.CharField(source="connection.public_id", default=None)
    destination = serializers.CharField(source="connection.destination.public_id", default=None)
    kind = serializers.CharField()
    attempts = serializers.IntegerField()
    reason = serializers.CharField(allow_null=True)
    detail = serializers.SerializerMethodField()
    response_status = serializers.IntegerField(source="answered", allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.SerializerMethodField()
    payload = serializers.SerializerMethodField()

    def get_next_attempt_at(self, row: CallRow) -> str | None:
        return None if row.next_attempt_at is None or row.is_held else row.next_attempt_at.isoformat()

    def get_detail(self, row: CallRow) -> str | None:
        shown: str | None = self.context["show"](row.detail)
        return shown

    def get_payload(self, row: CallRow) -> dict[str, Any]:
        shown: dict[str, Any] = self.context["show"](row.event)
        return shown


class CallPageSerializer(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = CallSerializer(many=True)


class ReplaySerializer(serializers.Serializer[Any]):
    """Which dead letters to send again: by id, those of a connection, or (neither) all of the space."""

    ids = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False, max_length=1000)
    connection = serializers.CharField(required=False)
