"""Shapes of profiles and events in the REST API. Personal data is masked for members without the PII right."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from profiles.masking import masked_identifier, masked_traits
from profiles.models import COLLECTION_NAMES, ExternalId, Profile


class IdentitySerializer(serializers.Serializer[ExternalId]):
    type = serializers.CharField()
    value = serializers.CharField()
    created_at = serializers.DateTimeField()


class ProfileSerializer(serializers.Serializer[Profile]):
    """`id` is the Segment ID."""

    id = serializers.CharField()
    collection = serializers.ChoiceField(choices=list(COLLECTION_NAMES.values()))
    traits = serializers.DictField()
    identities = IdentitySerializer(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ProfileDetailSerializer(ProfileSerializer):
    merged_ids = serializers.ListField(
        child=serializers.CharField(), help_text="Segment IDs that were merged into this profile."
    )


class EventSerializer(serializers.Serializer[Any]):
    """A Segment call as it was received, with the identifiers of its profile."""

    type = serializers.ChoiceField(choices=["track", "page", "screen"])
    event = serializers.CharField(required=False, help_text="Of track calls.")
    name = serializers.CharField(required=False, help_text="Of page and screen calls.")
    messageId = serializers.CharField()  # noqa: N815
    timestamp = serializers.DateTimeField()
    receivedAt = serializers.DateTimeField()  # noqa: N815
    userId = serializers.CharField(allow_null=True)  # noqa: N815
    anonymousId = serializers.CharField(allow_null=True)  # noqa: N815
    properties = serializers.DictField()
    context = serializers.DictField()  # type: ignore[assignment]
    external_ids = serializers.ListField(child=serializers.DictField())


class ProfilePageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ProfileSerializer(many=True)


class EventPageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = EventSerializer(many=True)


def profile_body(profile: Profile, identifiers: list[ExternalId], *, shows_pii: bool) -> dict[str, Any]:
    """What ProfileSerializer describes."""
    return {
        "id": profile.segment_id,
        "collection": COLLECTION_NAMES[profile.collection],
        "traits": profile.traits if shows_pii else masked_traits(profile.traits, space_id=profile.space_id),
        "identities": [
            {
                "type": row.id_type,
                "value": row.original if shows_pii else masked_identifier(row.id_type, row.original),
                "created_at": row.created_at,
            }
            for row in identifiers
        ],
        "created_at": profile.created_at,
        "updated_at": profile.updated_at,
    }
