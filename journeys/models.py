"""Journeys, their versions and steps, who is at which step, and what was counted.

A `Journey` holds its versions; a published version never changes (but for the texts and destinations of its send
steps). A `Run` is one pass of one profile through a version, a `Position` its stay at one step. `run` and `position`
carry `space_id` and `profile_id` in their keys and have no foreign keys, like the other big tables (design.md §8).
"""

from __future__ import annotations

from django.db import models

from audiences.models import Audience
from common.ids import new_audience_id, new_short_id
from common.models import SpaceQuerySet, TimeStamped
from spaces.models import Space

ENTRY = "entry"
"""The step id of the entry condition, which is the first step of every journey."""


class Journey(TimeStamped):
    """The container of all versions (journeys.md §5.2). `key` is the snake_case name that step keys begin with."""

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=73)
    description = models.TextField(blank=True)
    key = models.CharField(max_length=255, editable=False)
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["space", "name"], condition=models.Q(deleted_at=None), name="journey_name_once_a_space"
            )
        ]

    def __str__(self) -> str:
        return self.name


class VersionState(models.TextChoices):
    """journeys.md §5. A published version whose entry cannot be computed is shown as *Failed*."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    PAUSED = "paused", "Paused"
    DRAINING = "draining", "Draining"
    ARCHIVED = "archived", "Archived"


class JourneyVersion(TimeStamped):
    """One version: a draft that is edited (`revision` grows with each save), or what was published of it.

    `definition` is the canonical JSON of definitions.md §3 without the read-only keys; it may be incomplete while a
    draft. `edit` is the number of the edit that the draft stands at (undo moves it back). `entry_audience` computes
    the entry condition and exists once published. `excludes_earlier`: people of earlier versions never enter.
    `entries_from`: entries whose condition became true before it are passed over (set by *Resume entry*).
    `is_resuming`: a resume is being finished; editing waits for it.
    `ending` says how the people of an archived or draining version are let go, in slices (services/ending.py).
    `problem`: why the people inside cannot be moved on (shown as *Failed*); tried again at `retry_at`.
    """

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=VersionState.choices, default=VersionState.DRAFT)
    definition = models.JSONField()
    revision = models.IntegerField(default=1)
    edit = models.IntegerField(default=0)
    excludes_earlier = models.BooleanField(default=False)
    entry_audience = models.ForeignKey(Audience, on_delete=models.PROTECT, null=True, related_name="+")
    summary = models.TextField(blank=True)  # what changed against the version before, in sentences
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    published_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    entries_from = models.DateTimeField(null=True, blank=True)
    is_resuming = models.BooleanField(default=False)
    ending = models.JSONField(null=True, blank=True)
    problem = models.TextField(blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["journey", "number"], name="journey_version_number"),
            models.UniqueConstraint(
                fields=["journey"], condition=models.Q(state="draft"), name="journey_version_one_draft"
            ),
            models.UniqueConstraint(
                fields=["journey"],
                condition=models.Q(state__in=["published", "paused"]),
                name="journey_version_one_current",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.journey.name}, version {self.number}"


class JourneyEdit(models.Model):
    """A state that a draft had, for undo and redo: the last 100 edits, kept over reloads (ux.md §3)."""

    version = models.ForeignKey(JourneyVersion, on_delete=models.CASCADE, related_name="edits")
    number = models.IntegerField()
    label = models.CharField(max_length=200)
    definition = models.JSONField()
    author = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "number"], name="journey_edit_number")]


class JourneyStep(models.Model):
    """A step of a journey across its versions, by its id in the definition.

    `public_id` (`aud_…`) is the computation id and `key` (`j_o_…`) the computation key of a step that sends; both stay
    through renames and new versions (F011). The key is "" for the other types and for the entry.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_audience_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="steps")
    step_id = models.CharField(max_length=60)
    type = models.CharField(max_length=30)
    name = models.CharField(max_length=170, blank=True)
    key = models.CharField(max_length=255, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["journey", "step_id"], name="journey_step_once"),
            models.UniqueConstraint(
                fields=["space", "key"], condition=~models.Q(key=""), name="journey_step_key_once_a_space"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EndReason(models.TextChoices):
    """Why a run is over. The first two let the person into a later version; *archived* does not (journeys.md §5.2)."""

    EXITED = "exited", "Exited"
    REPLACED = "replaced", "Version replaced"
    ARCHIVED = "archived", "Version archived"
    MOVED = "moved", "Moved to another version"
    MERGED = "merged", "Profiles were merged"
    DELETED = "deleted", "Journey deleted"


class Run(models.Model):
    """One pass of a profile through a version. `key` is "" for audience-triggered journeys (design.md §5).

    `exit_at` is when the exit settings end it; `reentry_at` (of a run that ended) when to look whether the person
    enters again, null once that was done. `completed_at`: reached a final step. `retry_at`: could not be moved on, to
    be tried again then. One run of a profile and key in a version is open at a time.
    """

    pk = models.CompositePrimaryKey("space_id", "profile_id", "id")
    space_id = models.IntegerField()
    profile_id = models.BigIntegerField()
    id = models.BigIntegerField()
    journey_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    key = models.TextField(default="")
    entered_at = models.DateTimeField()
    exit_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=10, choices=EndReason.choices, default="")
    reentry_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "journey_run"
        constraints = [
            models.UniqueConstraint(
                fields=["space_id", "version_id", "profile_id", "key"],
                condition=models.Q(ended_at=None),
                name="journey_run_one_open",
            )
        ]
        indexes = [
            models.Index(fields=["space_id", "version_id", "id"], name="journey_run_version"),
            models.Index(
                fields=["space_id", "exit_at"],
                condition=models.Q(exit_at__isnull=False, ended_at=None),
                name="journey_run_exit",
            ),
            models.Index(
                fields=["space_id", "reentry_at"],
                condition=models.Q(reentry_at__isnull=False),
                name="journey_run_reentry",
            ),
            models.Index(
                fields=["space_id", "retry_at"],
                condition=models.Q(retry_at__isnull=False),
                name="journey_run_retry",
            ),
        ]


class Position(models.Model):
    """A run at a step. `arrived_at`: reached it; `joined_at`: its condition held (null: waits for it).

    `left_at`: joined a following step (a delay: its time passed; or the run ended). `branch`: what a split decided.
    `wake_at`: when to look again - a delay ends, or a condition may change with time. `remove_at`: when an ad's people
    are taken off it, `removed_at` when they were. A step is joined once a run (`ON CONFLICT DO NOTHING`).
    """

    pk = models.CompositePrimaryKey("space_id", "profile_id", "run_id", "step_id")
    space_id = models.IntegerField()
    profile_id = models.BigIntegerField()
    run_id = models.BigIntegerField()
    step_id = models.BigIntegerField()  # JourneyStep.id
    version_id = models.BigIntegerField()
    arrived_at = models.DateTimeField()
    joined_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    branch = models.CharField(max_length=60, default="")
    wake_at = models.DateTimeField(null=True)
    remove_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "journey_position"
        indexes = [
            models.Index(
                fields=["space_id", "wake_at"], condition=models.Q(wake_at__isnull=False), name="journey_position_wake"
            ),
            models.Index(
                fields=["space_id", "remove_at"],
                condition=models.Q(remove_at__isnull=False),
                name="journey_position_remove",
            ),
            models.Index(
                fields=["space_id", "step_id", "profile_id"],
                condition=models.Q(left_at=None),
                name="journey_position_here",
            ),
        ]


class RunCount(models.Model):
    """Per version and hour: runs entered, completed (first final step) and exited without having completed.

    `ended`: ended without having completed for another reason (archived, replaced, moved, merged). In progress are
    entered - completed - exited - ended, each summed.
    """

    pk = models.CompositePrimaryKey("space_id", "version_id", "hour")
    space_id = models.IntegerField()
    version_id = models.BigIntegerField()
    hour = models.DateTimeField()
    entered = models.BigIntegerField(default=0)
    completed = models.BigIntegerField(default=0)
    exited = models.BigIntegerField(default=0)
    ended = models.BigIntegerField(default=0)

    class Meta:
        db_table = "journey_run_count"


class StepCount(models.Model):
    """Per version, step and hour, written with the positions they count. `first_joined`: first time of the profile.

    People at a step now = joined - left, waiting for its condition = arrived - joined - gave_up, each summed.
    """

    pk = models.CompositePrimaryKey("space_id", "version_id", "step_id", "branch", "hour")
    space_id = models.IntegerField()
    version_id = models.BigIntegerField()
    step_id = models.BigIntegerField()
    branch = models.CharField(max_length=60, default="")
    hour = models.DateTimeField()
    arrived = models.BigIntegerField(default=0)
    joined = models.BigIntegerField(default=0)
    first_joined = models.BigIntegerField(default=0)
    left = models.BigIntegerField(default=0)
    gave_up = models.BigIntegerField(default=0)

    class Meta:
        db_table = "journey_step_count"


class DryRun(models.Model):
    """A simulation of a definition over stored history; changes nothing, sends nothing (ux.md §8.6)."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(JourneyVersion, on_delete=models.CASCADE, related_name="dry_runs")
    definition = models.JSONField()
    revision = models.IntegerField()
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    next_profile_id = models.BigIntegerField(default=0)
    profiles_done = models.BigIntegerField(default=0)
    profiles_total = models.BigIntegerField(default=0)
    attempts = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="journey_dry_run_open")]


class JourneyScenario(TimeStamped):
    """A test of one person, kept to be run again (ux.md §8.6).

    `request` is that of `testing_requests`, without `send`; `expected` what came of it when it was saved
    (`scenarios.outcome_of`). `result`: of the last run, {"ok", "differences": [sentence], "at", "version", "revision"}.
    """

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="scenarios")
    name = models.CharField(max_length=100)
    request = models.JSONField()
    expected = models.JSONField()
    result = models.JSONField()
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["journey", "name"], name="journey_scenario_name")]

    def __str__(self) -> str:
        return self.name
