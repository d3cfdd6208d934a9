"""The JSON of warehouses, SQL traits and their runs in the REST API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.traits.schedules import DEFAULT
from engine.traits.sql import IDENTIFIERS
from profiles.masking import MASK
from traits.models import SqlTrait, WarehouseSource
from traits.selectors.sql import ShownRun, schedule_of
from traits.serializers import TraitConnectionInputSerializer, TraitSerializer
from traits.services.sql_preview import SqlPreview
from traits.warehouses.catalog import CONNECTORS
from traits.warehouses.interface import Connector, Setting


class SettingSerializer(serializers.Serializer[Setting]):
    """A setting of a connector; `kind` is text, number, password or choice."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    help = serializers.CharField()
    default = serializers.CharField()
    required = serializers.BooleanField(source="is_required")  # type: ignore[assignment]
    choices = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))


class WarehouseConnectorSerializer(serializers.Serializer[Connector]):
    """A kind of warehouse and what it asks for."""

    slug = serializers.CharField()
    name = serializers.CharField()
    summary = serializers.CharField()
    settings = SettingSerializer(many=True)


class WarehouseSerializer(serializers.ModelSerializer[WarehouseSource]):
    """A warehouse; passwords are never answered. `problem` tells how the last connection went, "" = well."""

    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = WarehouseSource
        fields = ["id", "name", "connector", "settings", "checked_at", "problem", "created_at", "updated_at"]
        read_only_fields = fields


class WarehouseInputSerializer(serializers.Serializer[Any]):
    """What adds a warehouse; `settings` as `warehouses/connectors/` names them, passwords among them."""

    name = serializers.CharField(max_length=255)
    connector = serializers.ChoiceField(choices=[(slug, one.name) for slug, one in CONNECTORS.items()])
    settings = serializers.DictField()


class WarehouseChangeSerializer(serializers.Serializer[Any]):
    """What changes a warehouse; settings that are left out stay, an empty password too."""

    name = serializers.CharField(max_length=255, required=False)
    settings = serializers.DictField(required=False)


class WarehouseTestSerializer(serializers.Serializer[Any]):
    """Who answered."""

    answer = serializers.CharField()


class SqlPreviewInputSerializer(serializers.Serializer[Any]):
    """A query to try; `source` is the id of a warehouse."""

    source = serializers.CharField(max_length=20)  # type: ignore[assignment]
    query = serializers.CharField(trim_whitespace=False, max_length=50_000)
    collection = serializers.ChoiceField(choices=list(IDENTIFIERS), default="users")

    def definition(self) -> dict[str, Any]:
        data = self.validated_data
        return {"version": 1, "kind": "sql", **{name: data[name] for name in ("collection", "source", "query")}}


class SqlTraitInputSerializer(SqlPreviewInputSerializer):
    """What creates a SQL trait. `schedule`: {"every": "hours", "hours": 12}, {"every": "day", "at": ["06:00"]} (UTC) or
    {"every": "never"}."""

    name = serializers.CharField(max_length=255)
    key = serializers.CharField(max_length=255, required=False)
    description = serializers.CharField(default="", allow_blank=True, max_length=5000)
    schedule = serializers.JSONField(default=lambda: dict(DEFAULT))
    destinations = TraitConnectionInputSerializer(many=True, default=list)


class SqlTraitChangeSerializer(serializers.Serializer[Any]):
    """What changes a SQL trait; the warehouse stays. With `revision` only if nobody else changed the query."""

    query = serializers.CharField(required=False, trim_whitespace=False, max_length=50_000)
    schedule = serializers.JSONField(required=False)
    revision = serializers.IntegerField(required=False)


class SqlTraitSerializer(serializers.Serializer[SqlTrait]):
    """A SQL trait: the trait itself, where its query runs and when."""

    def to_representation(self, row: SqlTrait) -> dict[str, Any]:
        return {
            **TraitSerializer(row.trait).data,
            "source": row.source.public_id,
            "source_name": row.source.name,
            "schedule": row.schedule,
            "schedule_sentence": schedule_of(row).sentence(),
            "next_run_at": serializers.DateTimeField().to_representation(row.next_run_at) if row.next_run_at else None,
        }


class SqlRunSerializer(serializers.Serializer[ShownRun]):
    """A run. `stage` is what an open run does; counts of rows and of profiles whose values changed."""

    id = serializers.IntegerField(source="run.pk")
    state = serializers.CharField()
    stage = serializers.CharField(source="run.stage")
    trigger = serializers.CharField(source="run.trigger")
    attempts = serializers.IntegerField(source="run.attempts")
    rows_read = serializers.IntegerField(source="run.rows_read")
    rows_matched = serializers.IntegerField(source="run.rows_matched")
    rows_created = serializers.IntegerField(source="run.rows_created")
    rows_unmatched = serializers.IntegerField(source="run.rows_unmatched")
    rows_discarded = serializers.IntegerField(source="run.rows_discarded")
    values_changed = serializers.IntegerField(source="run.values_changed")
    values_removed = serializers.IntegerField(source="run.values_removed")
    error = serializers.CharField()
    created_at = serializers.DateTimeField(source="run.created_at")
    started_at = serializers.DateTimeField(source="run.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="run.finished_at", allow_null=True)


def shown_preview(preview: SqlPreview, *, shows_pii: bool) -> dict[str, Any]:
    """The preview as JSON; values and identifiers are masked for people without the right to see them."""
    return {
        "columns": [
            {
                "name": column.name,
                "type": column.kind or None,
                "database_type": column.type_name,
                "problem": preview.problem_of(column.name),
            }
            for column in preview.all_columns
        ],
        "rows": [
            {
                "identifier": row.identifier if shows_pii else MASK,
                "values": row.values if shows_pii else [MASK] * len(row.values),
                "profile": row.segment_id or None,
                "too_large": row.is_too_large,
            }
            for row in preview.rows
        ],
        "checked_rows": preview.checked_rows,
        "has_more": preview.has_more,
        "matched": preview.matched,
        "unmatched": preview.unmatched,
        "problems": [{"path": one.path, "code": one.code, "detail": one.detail} for one in preview.problems],
    }


class SqlPreviewSerializer(serializers.Serializer[Any]):
    """Columns with what is wrong with each, the first rows, and whom the first 1,000 name."""

    columns = serializers.ListField(child=serializers.DictField())
    rows = serializers.ListField(child=serializers.DictField())
    checked_rows = serializers.IntegerField()
    has_more = serializers.BooleanField()
    matched = serializers.IntegerField()
    unmatched = serializers.IntegerField()
    problems = serializers.ListField(child=serializers.DictField())
