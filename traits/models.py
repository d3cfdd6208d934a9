"""Computed traits, their value for every profile, and the work of keeping those true."""

from __future__ import annotations

from django.db import models

from audiences.models import ComputeStatus
from common.ids import new_trait_id
from common.models import SlicedRun, SpaceQuerySet, TimeStamped
from profiles.models import USERS
from spaces.models import Space
from traits.predict_models import PredictionModel, PredictionRun
from traits.warehouse_models import SqlRun, SqlStagedRow, SqlTrait, WarehouseSource

__all__ = [
    "PredictionModel",
    "PredictionRun",
    "SqlRun",
    "SqlStagedRow",
    "SqlTrait",
    "Trait",
    "TraitRun",
    "TraitValue",
    "WarehouseSource",
]


class TraitQuerySet(SpaceQuerySet):
    def live(self) -> TraitQuerySet:
        """Not deleted."""
        return self.filter(deleted_at=None)

    def evaluated(self) -> TraitQuerySet:
        """Traits that real-time evaluation keeps up to date (also while their backfill runs)."""
        return self.filter(
            deleted_at=None,
            is_enabled=True,
            status__in=[ComputeStatus.PREPARING, ComputeStatus.COMPUTING, ComputeStatus.LIVE],
        )


class Trait(TimeStamped):
    """A value per profile, kept under its key among the profile's traits (definitions.md §2).

    The key never changes; `revision` grows with each edit. `kind` is one of `engine.traits.KINDS` and repeats that of
    the definition. `historical_from`: only events received at or after it count; null = all history.
    `size` counts the profiles that have a value; it is kept in the transaction that changes values.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_trait_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255, editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=40)
    collection = models.SmallIntegerField(default=USERS)
    definition = models.JSONField()
    include_historical = models.BooleanField(default=True)
    historical_from = models.DateTimeField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=ComputeStatus.choices, default=ComputeStatus.PREPARING)
    status_detail = models.TextField(blank=True)
    size = models.BigIntegerField(default=0)
    revision = models.IntegerField(default=1)
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    last_computed_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TraitQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "key"], name="trait_key_once_a_space")]

    def __str__(self) -> str:
        return self.name


class TraitValue(models.Model):
    """What is stored of a profile and a trait; the profile's traits show the same value under the trait's key.

    A row exists for profiles with a value, for those that had one (`value` null), and for those whose value can change
    with time alone; `recheck_at` is the next instant at which it can, polled by its index.
    """

    pk = models.CompositePrimaryKey("space_id", "trait_id", "profile_id")
    space_id = models.IntegerField()
    trait_id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    value = models.JSONField(null=True)
    changed_at = models.DateTimeField()
    recheck_at = models.DateTimeField(null=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "trait_value"
        indexes = [
            models.Index(
                fields=["space_id", "recheck_at"],
                name="trait_value_recheck",
                condition=models.Q(recheck_at__isnull=False),
            ),
            models.Index(fields=["space_id", "profile_id"], name="trait_value_profile"),
        ]


class TraitRun(SlicedRun):
    """A full computation of a trait: at creation, after an edit, on enabling, or when a person asks (Refresh)."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    trait = models.ForeignKey(Trait, on_delete=models.CASCADE, related_name="runs")

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="trait_run_open")]
