"""The JSON of warehouse output in the REST API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from warehouse_output.selectors import ShownRun


class OutputChangeSerializer(serializers.Serializer[Any]):
    """What changes it; what is left out stays. `schedule`: {"every": "hours", "hours": 1}, {"every": "day", "at":
    ["06:00"]} (UTC) or {"every": "never"}. `excluded`: tables that get nothing."""

    is_enabled = serializers.BooleanField(required=False)
    schedule = serializers.JSONField(required=False)
    excluded = serializers.ListField(child=serializers.CharField(max_length=255, allow_blank=True), required=False)


class OutputSerializer(serializers.Serializer[Any]):
    """Whether Engage's calls are written to a warehouse, when, and into which schemas and tables."""

    is_enabled = serializers.BooleanField()
    schedule = serializers.DictField()
    schedule_sentence = serializers.CharField()
    next_run_at = serializers.DateTimeField(allow_null=True)
    schemas = serializers.ListField(child=serializers.CharField())
    tables = serializers.ListField(child=serializers.CharField())
    excluded = serializers.ListField(child=serializers.CharField())


class OutputRunSerializer(serializers.Serializer[ShownRun]):
    """A run. `rows` are by table, {"schema.table": rows}; `percent` null while nobody knows how far it is."""

    id = serializers.IntegerField(source="run.pk")
    state = serializers.CharField()
    trigger = serializers.CharField(source="run.trigger")
    percent = serializers.IntegerField(allow_null=True)
    calls = serializers.IntegerField(source="run.calls")
    rows = serializers.DictField(source="run.rows", child=serializers.IntegerField())
    failures = serializers.IntegerField(source="run.failures")
    error = serializers.CharField()
    created_at = serializers.DateTimeField(source="run.created_at")
    started_at = serializers.DateTimeField(source="run.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="run.finished_at", allow_null=True)
