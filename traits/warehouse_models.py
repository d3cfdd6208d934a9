"""Warehouses, the SQL traits that read them, and the runs of those. `traits.models` imports them."""

from __future__ import annotations

from django.db import models

from common.ids import new_short_id
from common.models import SlicedRun, SpaceQuerySet, TimeStamped
from spaces.models import Space


class WarehouseSource(TimeStamped):
    """A database that queries of SQL traits read. `connector` is a key of `traits.warehouses.catalog.CONNECTORS`.

    `settings` holds what may be seen, `secrets` one token of `common.secrets`. `checked_at` and `problem` tell how the
    last connection went ("" = well).
    """

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    connector = models.CharField(max_length=40)
    settings = models.JSONField(default=dict)
    secrets = models.BinaryField(default=bytes)
    checked_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True)
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "name"], name="warehouse_name_once_a_space")]

    def __str__(self) -> str:
        return self.name


class SqlTrait(models.Model):
    """What a trait of kind "sql" has besides its definition: the warehouse and when its query runs.

    `schedule` is that of `engine.traits.schedules`; `next_run_at` None = only when a person asks.
    """

    trait = models.OneToOneField("traits.Trait", on_delete=models.CASCADE, primary_key=True, related_name="sql")
    source = models.ForeignKey(WarehouseSource, on_delete=models.RESTRICT, related_name="sql_traits")
    schedule = models.JSONField()
    next_run_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_run_at"], name="sql_trait_due", condition=models.Q(next_run_at__isnull=False))
        ]


class SqlRun(SlicedRun):
    """One run of a query: read everything, find the profiles, write what changed, take away what is gone.

    Reading changes nothing that anybody sees: rows go to `sql_staged_row`, and a mistake in them ends the run there. A
    killed run reads again, or goes on where it was writing: `position` is the number (finding) or profile id (writing,
    removing) that was done last. `profiles_total` are the rows to be written, `profiles_done` those that are.
    """

    class Stage(models.TextChoices):
        READING = "reading", "Reading the warehouse"
        FINDING = "finding", "Finding profiles"
        WRITING = "writing", "Writing values"
        REMOVING = "removing", "Removing what is gone"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        PERSON = "person", "Run now"
        CHANGE = "change", "Created or changed"

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    trait = models.ForeignKey("traits.Trait", on_delete=models.CASCADE, related_name="sql_runs")
    trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.CHANGE)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.READING)
    position = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    rows_read = models.BigIntegerField(default=0)
    rows_matched = models.BigIntegerField(default=0)
    rows_created = models.BigIntegerField(default=0)
    rows_unmatched = models.BigIntegerField(default=0)
    rows_discarded = models.BigIntegerField(default=0)
    values_changed = models.BigIntegerField(default=0)
    values_removed = models.BigIntegerField(default=0)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="sql_run_open")]


class SqlStagedRow(models.Model):
    """A row that a run has read: the identifier as given and as it is looked up, and its columns as an object.

    `value` is None of a row that was discarded: the profile keeps what it has.
    """

    pk = models.CompositePrimaryKey("run_id", "number")
    run_id = models.BigIntegerField()
    number = models.BigIntegerField()
    original = models.TextField()
    looked_up = models.TextField()
    value = models.JSONField(null=True)
    profile_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "sql_staged_row"
        indexes = [
            models.Index(fields=["run_id", "looked_up"], name="sql_staged_row_identifier"),
            models.Index(fields=["run_id", "profile_id"], name="sql_staged_row_profile"),
        ]
