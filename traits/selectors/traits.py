"""What trait pages and the API read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet

from common.models import SlicedRun
from delivery.models import Connection
from engine import traits as engine
from profiles.models import COLLECTION_NAMES, Profile
from spaces.models import Space
from traits.models import Trait, TraitValue
from traits.selectors.values import shown
from traits.services.definitions import parsed
from traits.services.origins import origin_of
from traits.services.sql_columns import keys_of


def trait_list(space: Space) -> QuerySet[Trait]:
    return Trait.objects.in_space(space).live().order_by("-id")


def get_trait(space: Space, public_id: str) -> Trait | None:
    return Trait.objects.in_space(space).live().select_related("space").filter(public_id=public_id).first()


def open_run(trait: Trait) -> SlicedRun | None:
    return origin_of(trait).open_run(trait)


def describe(trait: Trait) -> str:
    """The definition in plain English."""
    return engine.describe(parsed(trait))


def kind_label(trait: Trait) -> str:
    return engine.KINDS[trait.kind].label


def collection_name(trait: Trait) -> str:
    return COLLECTION_NAMES[trait.collection]


def destination_counts(space: Space) -> dict[str, int]:
    """Connected destinations per trait id."""
    rows = (
        Connection.objects.in_space(space)
        .filter(removed_at=None, computation_class="trait")
        .values("computation_id")
        .annotate(number=Count("id"))
    )
    return {row["computation_id"]: row["number"] for row in rows}


@dataclass(frozen=True, kw_only=True)
class ProfileTrait:
    """A trait as a profile's page shows it; `value` is None where the profile has none."""

    trait: Trait
    value: Any
    changed_at: datetime | None
    recheck_at: datetime | None

    @property
    def text(self) -> str:
        return "" if self.value is None else shown(self.value)


def traits_of_profile(*, space: Space, profile: Profile) -> list[ProfileTrait]:
    """Every live trait of the profile's collection, those with a value first."""
    stored = {row.trait_id: row for row in TraitValue.objects.filter(space_id=space.pk, profile_id=profile.id)}
    found = []
    for trait in trait_list(space).filter(collection=profile.collection):
        row = stored.get(trait.pk)
        found.append(
            ProfileTrait(
                trait=trait,
                value=row.value if row else None,
                changed_at=row.changed_at if row and row.value is not None else None,
                recheck_at=row.recheck_at if row else None,
            )
        )
    return sorted(found, key=lambda item: (item.value is None, item.trait.name.lower()))


def computed_at(*, space: Space, profile: Profile) -> dict[str, datetime]:
    """When the value that a profile shows under a key was computed, for the keys of live traits with a value."""
    rows = TraitValue.objects.filter(space_id=space.pk, profile_id=profile.id, value__isnull=False)
    times = dict(rows.values_list("trait_id", "changed_at"))
    traits = Trait.objects.in_space(space).live().filter(pk__in=times)
    return {key: times[trait.pk] for trait in traits for key in keys_of(trait)}
