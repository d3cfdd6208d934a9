"""The Delete identifier API (ingestion-and-profiles.md §6)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from audiences.models import ChangedProfiles
from audiences.tasks import compute
from common.errors import ProductError
from common.tasks import enqueue
from engage_admin.profile_api.base import ProfileAPIView
from profiles.models import USERS
from profiles.services.identifiers import delete_identifier
from spaces.access import allows, missing_right
from spaces.models import ApiToken, Role

BAD_BODY = 'Send {"delete_external_ids": [{"id": "…", "type": "…"}]} with exactly one identifier.'


class DeleteIdentifier(ProfileAPIView):
    """`POST …/users/profiles/user_id:<value>/external_ids/delete`. A member needs the role that changes settings."""

    def post(self, request: Request, **kwargs: Any) -> Response:
        assert isinstance(request.auth, ApiToken)
        member = request.auth.member
        if not allows(member, Role.ADMIN):
            return _refused(403, "forbidden", missing_right(member, Role.ADMIN))
        kind, colon, looked_up_by = kwargs["lookup"].partition(":")
        if kind != "user_id" or not colon or self.profile.collection != USERS:
            return _refused(400, "bad_request", "Look the profile up by user_id:<value>.")
        given = request.data.get("delete_external_ids") if isinstance(request.data, dict) else None
        one = given[0] if isinstance(given, list) and len(given) == 1 else None
        id_type, value = (one.get("type"), one.get("id")) if isinstance(one, dict) else (None, None)
        if not isinstance(id_type, str) or not isinstance(value, str) or not value or "\0" in id_type + value:
            return _refused(400, "bad_request", BAD_BODY)
        try:
            with transaction.atomic():
                delete_identifier(
                    space=self.space,
                    profile=self.profile,
                    id_type=id_type,
                    value=value,
                    looked_up_by=looked_up_by,
                    actor=member.user,
                )
                # Conditions may ask for the identifier.
                ChangedProfiles.objects.create(
                    space_id=self.space.pk, profile_ids=[self.profile.id], max_received_at=timezone.now()
                )
                enqueue(compute)
        except ProductError as error:
            return _refused(error.status, error.code, error.detail)
        return Response({"status": "success"})


def _refused(number: int, code: str, message: str) -> Response:
    return Response({"error": {"code": code, "message": message}}, status=number)
