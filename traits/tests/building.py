"""Traits, their computing and their calls, for tests."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from audiences.models import ChangedProfiles
from profiles.models import Event, Profile
from spaces.models import Space
from tests import factories
from traits.models import Trait, TraitValue
from traits.services.backfill import claim_run, work
from traits.services.traits import create_trait

REVENUE = {
    "version": 1,
    "collection": "users",
    "kind": "aggregation",
    "aggregate": "sum",
    "event": {"event": "Order Completed"},
    "property": "revenue",
}
ORDERS = {"version": 1, "collection": "users", "kind": "event_counter", "event": {"event": "Order Completed"}}


def make_trait(*, space: Space, name: str = "Total revenue", definition: Any = None, **options: Any) -> Trait:
    """A trait computed over everybody there is."""
    trait = create_trait(space=space, name=name, definition=definition or REVENUE, created_by=None, **options)
    run_backfill()
    trait.refresh_from_db()
    return trait


def run_backfill(**options: Any) -> None:
    while run := claim_run():
        work(run, **options)


def order(profile: Profile, revenue: Any = 10, **options: Any) -> Event:
    options.setdefault("ts", timezone.now())
    properties = options.pop("properties", {"revenue": revenue})
    return factories.make_event(profile=profile, name="Order Completed", properties=properties, **options)


def touch(space: Space, *profiles: Profile, events: Any = ("track:Order Completed",), traits: Any = ()) -> None:
    ChangedProfiles.objects.create(
        space_id=space.pk,
        profile_ids=[profile.id for profile in profiles],
        events=None if events is None else list(events),
        traits=None if traits is None else list(traits),
        max_received_at=timezone.now(),
    )


def shown(profile: Profile) -> dict[str, Any]:
    """The traits of a profile as they are now."""
    return Profile.objects.get(id=profile.id).traits


def values(trait: Trait) -> dict[int, Any]:
    rows = TraitValue.objects.filter(trait_id=trait.pk, value__isnull=False)
    return dict(rows.values_list("profile_id", "value"))
