"""Writing the calls that Engage emits into a warehouse (destinations-and-sync.md §12): what is on, and its runs."""

from __future__ import annotations

from django.db import models

from common.models import SlicedRun, SpaceQuerySet, TimeStamped
from spaces.models import Space
from traits.models import WarehouseSource


class WarehouseOutput(TimeStamped):
    """That a warehouse gets the space's calls. `schedule` is that of `engine.traits.schedules`.

    `position` is the id of the last call that was written; it moves in the transaction that saw the warehouse commit.
    `schema` is that of the first Engage source, given once. `excluded` are tables that get nothing. `tables` and
    `columns` are `engine.warehouse.planning.Names`.
    """

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    source = models.OneToOneField(WarehouseSource, on_delete=models.CASCADE, related_name="output")
    is_enabled = models.BooleanField(default=True)
    schema = models.CharField(max_length=63)
    schedule = models.JSONField()
    next_run_at = models.DateTimeField(null=True, blank=True)
    excluded = models.JSONField(default=list, blank=True)
    position = models.BigIntegerField(default=0)
    tables = models.JSONField(default=dict, blank=True)
    columns = models.JSONField(default=dict, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "warehouse_output"
        indexes = [
            models.Index(
                fields=["next_run_at"], name="warehouse_output_due", condition=models.Q(next_run_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"Calls in {self.source.name}"

    @property
    def name(self) -> str:
        """For the audit trail."""
        return self.source.name

    @property
    def public_id(self) -> str:
        return self.source.public_id


class OutputRun(models.Model):
    """One run: every call after `after_id` up to `upto_id`, in blocks; a killed one is carried on.

    `upto_id` is None until the run is worked on; `waits_for` are transactions (virtual ids of PostgreSQL) that may
    still add calls up to it. A claim raises `claim`, by which a worker knows that it still has the run. `rows` counts
    what the tables got, {"schema.table": rows}: new rows, in `users` also changed ones.
    """

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        PERSON = "person", "Sync now"
        CHANGE = "change", "Switched on"
        AGAIN = "again", "Begun again"

    State = SlicedRun.State

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    output = models.ForeignKey(WarehouseOutput, on_delete=models.CASCADE, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    state = models.CharField(max_length=12, choices=SlicedRun.State.choices, default=SlicedRun.State.WAITING)
    after_id = models.BigIntegerField(default=0)
    upto_id = models.BigIntegerField(null=True, blank=True)
    waits_for = models.JSONField(default=list, blank=True)
    position = models.BigIntegerField(default=0)
    calls = models.BigIntegerField(default=0)
    rows = models.JSONField(default=dict, blank=True)
    claim = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "warehouse_output_run"
        indexes = [models.Index(fields=["state", "id"], name="warehouse_output_run_open")]
        constraints = [
            models.UniqueConstraint(
                fields=["output"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="warehouse_output_one_open_run",
            )
        ]
