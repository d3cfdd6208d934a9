"""The JSON of previews in the REST API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from audiences.selectors.preview import SHOWS
from audiences.serializers import PersonSerializer


class PreviewInputSerializer(serializers.Serializer[Any]):
    """`audience` is the one whose definition this would become; `overlap_with` another one to compare with (ids)."""

    definition = serializers.JSONField()
    include_anonymous = serializers.BooleanField(default=False)
    audience = serializers.CharField(required=False, max_length=60)
    overlap_with = serializers.CharField(required=False, max_length=60)


class PreviewPeopleInputSerializer(PreviewInputSerializer):
    """`entered` and `left` need `audience`, `overlap` needs `overlap_with`."""

    show = serializers.ChoiceField(choices=SHOWS, default="members")
    after = serializers.IntegerField(default=0, min_value=0)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)


class PartSerializer(serializers.Serializer[Any]):
    """A condition or group of the outermost group by itself."""

    sentence = serializers.CharField()
    size = serializers.IntegerField()


class CoverageSerializer(serializers.Serializer[Any]):
    """How many of those who match have an identifier of the type."""

    id_type = serializers.CharField()
    size = serializers.IntegerField()
    percent = serializers.IntegerField()


class OverlapSerializer(serializers.Serializer[Any]):
    """Who is in both; `percent` of those who match, `percent_of_other` of the other's members."""

    audience = serializers.CharField(source="other.public_id")
    size = serializers.IntegerField()
    percent = serializers.IntegerField()
    percent_of_other = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Any]):
    """`entered` and `left`: who would come and go if this became the definition of `audience`; null without one."""

    count = serializers.IntegerField(source="total")
    sample = PersonSerializer(many=True)
    parts = PartSerializer(many=True)
    coverage = CoverageSerializer(many=True)
    entered = serializers.IntegerField(allow_null=True)
    left = serializers.IntegerField(allow_null=True)
    overlap = OverlapSerializer(allow_null=True)
    computed_at = serializers.DateTimeField()


class PreviewPeopleSerializer(serializers.Serializer[Any]):
    """`after` is to be sent for the next page, null at the end."""

    count = serializers.IntegerField()
    after = serializers.IntegerField(allow_null=True)
    results = PersonSerializer(many=True)
