"""Taking one identifier off a profile (ingestion-and-profiles.md §6)."""

from __future__ import annotations

from typing import ClassVar

from django.db import transaction

from common.errors import InvalidError, ProductError
from profiles.models import ExternalId, Profile
from profiles.services.locks import share_profiles
from spaces import audit
from spaces.models import Space, User

USER_ID, GROUP_ID = "user_id", "group_id"


class UnsupportedIdentifierError(InvalidError):
    """A group ID, the last user ID, or the identifier by which the profile was looked up."""

    code: ClassVar[str] = "unsupported_eid_type"


class UnknownIdentifierError(ProductError):
    code: ClassVar[str] = "eid_not_found"
    status: ClassVar[int] = 404


@transaction.atomic
def delete_identifier(
    *, space: Space, profile: Profile, id_type: str, value: str, looked_up_by: str, actor: User | None
) -> None:
    """Unbind the identifier; a later call with it makes or finds another profile. Nothing is sent to destinations.

    `looked_up_by` is the user ID that named the profile, which stays.
    """
    share_profiles(space.pk)
    Profile.objects.in_space(space).select_for_update().get(id=profile.id)
    if id_type == GROUP_ID:
        raise UnsupportedIdentifierError("A group_id cannot be deleted.")
    wanted = value.lower()
    own = ExternalId.objects.in_space(space).filter(profile_id=profile.id, collection=profile.collection)
    if id_type == USER_ID and wanted == looked_up_by.lower():
        raise UnsupportedIdentifierError("The identifier by which the profile is looked up cannot be deleted.")
    if not own.filter(id_type=id_type, value=wanted).exists():
        raise UnknownIdentifierError("The profile has no such identifier.")
    if id_type == USER_ID and own.filter(id_type=USER_ID).count() == 1:
        raise UnsupportedIdentifierError("The last user_id of a profile cannot be deleted.")
    own.filter(id_type=id_type, value=wanted).delete()
    audit.record(
        space=space,
        actor=actor,
        action="profile.identifier_deleted",
        target=profile,
        after={"profile": profile.segment_id, "type": id_type},
    )
