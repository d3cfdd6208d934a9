"""What audience pages and the API read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from audiences.models import Audience, ComputeRun, Membership, MembershipCount
from delivery.models import Connection
from profiles.models import COLLECTION_NAMES, ExternalId, Profile
from spaces.models import Space


@dataclass(frozen=True, kw_only=True)
class Person:
    """A profile as lists show it: its Segment ID, what to call it, and its identifiers by type."""

    profile_id: int
    segment_id: str
    label: str
    identifiers: dict[str, list[str]]
    traits: dict[str, Any]


def audience_list(space: Space) -> QuerySet[Audience]:
    return Audience.objects.in_space(space).live().order_by("-id")


def get_audience(space: Space, public_id: str) -> Audience | None:
    return Audience.objects.in_space(space).live().select_related("space").filter(public_id=public_id).first()


def people(*, space: Space, profile_ids: list[int]) -> list[Person]:
    """The profiles in the given order; ids that are gone are left out."""
    profiles = {profile.id: profile for profile in Profile.objects.filter(space_id=space.pk, id__in=profile_ids)}
    identifiers: dict[int, dict[str, list[str]]] = {profile_id: {} for profile_id in profiles}
    rows = ExternalId.objects.filter(space_id=space.pk, profile_id__in=profile_ids).order_by("created_at", "value")
    for row in rows:
        identifiers[row.profile_id].setdefault(row.id_type, []).append(row.original)
    return [
        Person(
            profile_id=profile_id,
            segment_id=profiles[profile_id].segment_id,
            label=_label(profiles[profile_id], identifiers[profile_id]),
            identifiers=identifiers[profile_id],
            traits=profiles[profile_id].traits,
        )
        for profile_id in profile_ids
        if profile_id in profiles
    ]


def _label(profile: Profile, identifiers: dict[str, list[str]]) -> str:
    name = profile.traits.get("name")
    if isinstance(name, str) and name:
        return name
    for id_type in ("email", "user_id", "group_id", "anonymous_id"):
        if identifiers.get(id_type):
            return identifiers[id_type][0]
    return profile.segment_id


def members(*, audience: Audience, after: int = 0, limit: int = 50) -> tuple[list[Person], int | None]:
    """Members by profile id after a position, and the position of the next page (None at the end)."""
    ids = list(
        Membership.objects.filter(
            space_id=audience.space_id, audience_id=audience.pk, is_member=True, profile_id__gt=after
        )
        .order_by("profile_id")
        .values_list("profile_id", flat=True)[: limit + 1]
    )
    following = ids[limit - 1] if len(ids) > limit else None
    return people(space=audience.space, profile_ids=ids[:limit]), following


def change_24h(*, space: Space) -> dict[int, int]:
    """Net change of size in the last 24 full hours and the running one, per audience that changed."""
    since = timezone.now() - timedelta(hours=24)
    rows = (
        MembershipCount.objects.filter(space_id=space.pk, hour__gte=since)
        .values("audience_id")
        .annotate(came=Sum("entered"), went=Sum("left"))
    )
    return {row["audience_id"]: row["came"] - row["went"] for row in rows}


def open_run(audience: Audience) -> ComputeRun | None:
    return audience.runs.filter(state__in=[ComputeRun.State.WAITING, ComputeRun.State.RUNNING]).order_by("-id").first()


def progress_percent(run: ComputeRun | None) -> int | None:
    """How far a full evaluation is, in whole percent; None when none is open."""
    if run is None:
        return None
    if run.profiles_total == 0:
        return 0
    return min(99, run.profiles_done * 100 // run.profiles_total)


@dataclass(frozen=True, kw_only=True)
class ProfileAudience:
    """An audience as a profile's page shows it."""

    audience: Audience
    is_member: bool
    changed_at: datetime | None
    recheck_at: datetime | None


def audiences_of_profile(*, space: Space, profile: Profile) -> list[ProfileAudience]:
    """Every live audience of the profile's collection, members first."""
    stored = {row.audience_id: row for row in Membership.objects.filter(space_id=space.pk, profile_id=profile.id)}
    found = []
    for audience in audience_list(space).filter(collection=profile.collection):
        row = stored.get(audience.pk)
        found.append(
            ProfileAudience(
                audience=audience,
                is_member=bool(row and row.is_member),
                changed_at=row.changed_at if row else None,
                recheck_at=row.recheck_at if row else None,
            )
        )
    return sorted(found, key=lambda item: (not item.is_member, item.audience.name.lower()))


def spaces_with_due_rechecks() -> list[Space]:
    """Spaces in which a membership is due for another look."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.id FROM spaces_space s WHERE EXISTS (SELECT 1 FROM membership m "
            "WHERE m.space_id = s.id AND m.recheck_at <= now())"
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(Space.objects.filter(pk__in=ids))


def collection_name(audience: Audience) -> str:
    return COLLECTION_NAMES[audience.collection]


def destination_counts(space: Space) -> dict[str, int]:
    """Connected destinations per audience id."""
    rows = (
        Connection.objects.in_space(space)
        .filter(removed_at=None, computation_class="audience")
        .values("computation_id")
        .annotate(number=Count("id"))
    )
    return {row["computation_id"]: row["number"] for row in rows}
