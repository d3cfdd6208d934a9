"""The JSON of explanations, CSV exports, folders and clones in the REST API."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from audiences.models import AudienceExport, AudienceFolder


class ExplanationSerializer(serializers.Serializer[Any]):
    """`changes_at`: when time alone makes the verdict another; `where` is the tree, each node with its evidence."""

    profile = serializers.CharField()
    sentence = serializers.CharField()
    at = serializers.DateTimeField()
    is_member = serializers.BooleanField()
    stored = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True)
    changes_at = serializers.DateTimeField(allow_null=True)
    caveat = serializers.CharField(allow_blank=True)
    where = serializers.DictField()


class ExportInputSerializer(serializers.Serializer[Any]):
    """`identifiers` and `traits` are the columns."""

    format = serializers.ChoiceField(
        choices=AudienceExport.Format.choices, default=AudienceExport.Format.FORMATTED.value
    )
    identifiers = serializers.ListField(child=serializers.CharField(max_length=255), default=list, max_length=200)
    traits = serializers.ListField(child=serializers.CharField(max_length=255), default=list, max_length=200)


class ExportSerializer(serializers.ModelSerializer[AudienceExport]):
    """A CSV file; `download_url` once it is done, null otherwise."""

    id = serializers.CharField(source="public_id", read_only=True)
    download_url = serializers.SerializerMethodField()

    class Meta:
        model = AudienceExport
        fields = [
            "id",
            "format",
            "identifiers",
            "traits",
            "state",
            "rows_done",
            "rows_total",
            "bytes",
            "error",
            "created_at",
            "snapshot_at",
            "finished_at",
            "expires_at",
            "download_url",
        ]
        read_only_fields = fields

    def get_download_url(self, export: AudienceExport) -> str | None:
        if export.state != AudienceExport.State.DONE:
            return None
        where = {
            "space": export.space.slug,
            "audience": export.audience.public_id,
            "export": export.public_id,
        }
        return reverse("audience_export_download", kwargs=where)


class FolderSerializer(serializers.ModelSerializer[AudienceFolder]):
    """A folder; `size` counts its audiences."""

    id = serializers.CharField(source="public_id", read_only=True)
    size = serializers.SerializerMethodField()

    class Meta:
        model = AudienceFolder
        fields = ["id", "name", "description", "size", "created_at"]
        read_only_fields = fields

    def get_size(self, folder: AudienceFolder) -> int:
        return folder.audiences.filter(deleted_at=None).count()


class FolderInputSerializer(serializers.Serializer[Any]):
    """`audiences` are ids of audiences to put in."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(default="", allow_blank=True, max_length=5000)
    audiences = serializers.ListField(child=serializers.CharField(max_length=60), default=list, max_length=1000)


class FolderChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)


class MoveSerializer(serializers.Serializer[Any]):
    """Ids of audiences to move here."""

    audiences = serializers.ListField(child=serializers.CharField(max_length=60), max_length=1000)


class CloneSerializer(serializers.Serializer[Any]):
    """`space` is the slug of another space of the workspace; the same one by default."""

    name = serializers.CharField(max_length=255)
    key = serializers.CharField(max_length=255, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    space = serializers.CharField(max_length=80, required=False)
