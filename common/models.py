"""Base models. No tables, no business words."""

from __future__ import annotations

from typing import Self

from django.db import models


class SpaceQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Every read of a page or the API starts with `in_space`."""

    def in_space(self, space: models.Model) -> Self:
        return self.filter(space_id=space.pk)


class TimeStamped(models.Model):
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class SlicedRun(models.Model):
    """Work over all profiles in slices of their ids; a killed one is carried on from `next_profile_id`.

    A claim sets `lease_until`; a lease that ran out is claimed again. `revision` is that of the definition it is of.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    revision = models.IntegerField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    next_profile_id = models.BigIntegerField(default=0)
    last_profile_id = models.BigIntegerField(default=0)
    profiles_done = models.BigIntegerField(default=0)
    profiles_total = models.BigIntegerField(default=0)
    attempts = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
