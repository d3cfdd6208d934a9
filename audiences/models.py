"""Audiences, who is in them, and the work of keeping that true."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from common.ids import new_audience_id, new_short_id
from common.models import SlicedRun, SpaceQuerySet, TimeStamped
from profiles.models import USERS
from spaces.models import Space


class ComputationKey(models.Model):
    """A key once given in a space. It stays reserved after its computation is deleted (engage-domain.md §3.2)."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    kind = models.CharField(max_length=20)
    computation_id = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "key"], name="computation_key_once_a_space")]


class ComputeStatus(models.TextChoices):
    """The exact names of audiences-and-traits.md §7 (F157)."""

    PREPARING = "Preparing"
    COMPUTING = "Computing"
    LIVE = "Live"
    NOT_COMPUTING = "Not Computing"
    DISABLED = "Disabled"
    FAILED = "Failed"


class AudiencePurpose(models.TextChoices):
    AUDIENCE = "audience"
    JOURNEY_ENTRY = "journey_entry"


class AudienceFolder(TimeStamped):
    """A folder of the audience list. Disbanding it returns its audiences to the main list (W043)."""

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(models.F("space"), Lower("name"), name="audience_folder_name_once_a_space")
        ]

    def __str__(self) -> str:
        return self.name


class AudienceQuerySet(SpaceQuerySet):
    def live(self) -> AudienceQuerySet:
        """Audiences that people see: not deleted, and not the entry condition of a journey."""
        return self.filter(deleted_at=None, purpose=AudiencePurpose.AUDIENCE)

    def evaluated(self) -> AudienceQuerySet:
        """Audiences that real-time evaluation keeps up to date (also while their backfill runs)."""
        return self.filter(
            deleted_at=None,
            is_enabled=True,
            status__in=[ComputeStatus.PREPARING, ComputeStatus.COMPUTING, ComputeStatus.LIVE],
        )


class Audience(TimeStamped):
    """A set of profiles by a definition (definitions.md §1). The key never changes; `revision` grows with each edit.

    `historical_from`: only events received at or after it count; null = all history (F122, F123).
    `size` is kept in the transaction that changes membership.
    The entry condition of a published journey is computed as an audience of its own, by `purpose`; its key is its id.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_audience_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255, editable=False)
    purpose = models.CharField(
        max_length=20, choices=AudiencePurpose.choices, default=AudiencePurpose.AUDIENCE, editable=False
    )
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    folder = models.ForeignKey(
        AudienceFolder, on_delete=models.SET_NULL, null=True, blank=True, related_name="audiences"
    )
    collection = models.SmallIntegerField(default=USERS)
    definition = models.JSONField()
    include_anonymous = models.BooleanField(default=False)
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

    objects = AudienceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "key"], name="audience_key_once_a_space")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What is stored of a profile and an audience.

    A row exists for members, for people who left, and for people whose verdict can change with time alone;
    `recheck_at` is the next instant at which it can (design.md §4), polled by its index.
    """

    pk = models.CompositePrimaryKey("space_id", "audience_id", "profile_id")
    space_id = models.IntegerField()
    audience_id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    is_member = models.BooleanField()
    changed_at = models.DateTimeField()
    recheck_at = models.DateTimeField(null=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "membership"
        indexes = [
            models.Index(
                fields=["space_id", "recheck_at"],
                name="membership_recheck",
                condition=models.Q(recheck_at__isnull=False),
            ),
            models.Index(fields=["space_id", "profile_id"], name="membership_profile"),
        ]


class ChangedProfiles(models.Model):
    """Profiles touched by one ingest micro-batch, to be evaluated: written with the change, deleted when evaluated.

    `events` lists "type:name" of the new events ("track:Order Completed", "page:"), `traits` the top-level trait keys
    written. Both null = evaluate every audience: for profiles that are new, were merged, or gained an identifier
    (those go in a row of their own, so that the others stay cheap).
    `max_received_at` is the latest receipt among them, for latency figures.
    """

    id = models.BigAutoField(primary_key=True)
    space_id = models.IntegerField()
    profile_ids = ArrayField(models.BigIntegerField())
    events = ArrayField(models.TextField(), null=True)
    traits = ArrayField(models.TextField(), null=True)
    max_received_at = models.DateTimeField()

    class Meta:
        db_table = "changed_profiles"


class ComputeRun(SlicedRun):
    """A full evaluation of an audience: the first one, after an edit, and on enabling."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    audience = models.ForeignKey(Audience, on_delete=models.CASCADE, related_name="runs")

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="compute_run_open")]


class MembershipCount(models.Model):
    """Entries and exits of an audience per hour, and its size after the last of them."""

    pk = models.CompositePrimaryKey("space_id", "audience_id", "hour")
    space_id = models.IntegerField()
    audience_id = models.BigIntegerField()
    hour = models.DateTimeField()
    entered = models.BigIntegerField(default=0)
    left = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)

    class Meta:
        db_table = "membership_count"


class AudienceExport(models.Model):
    """A CSV of the members, written to disk in the background (audiences-and-traits.md §10, F139, W046).

    It holds the members at `snapshot_at`; `rows_done` of `rows_total` are written. `shows_pii` false: personal data is
    masked in the file. The file lies under the data folder by `public_id` until `expires_at`.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Generating"
        DONE = "done", "Ready"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Expired"

    class Format(models.TextChoices):
        FORMATTED = "formatted", "Formatted"
        UNFORMATTED = "unformatted", "Unformatted"

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    audience = models.ForeignKey(Audience, on_delete=models.CASCADE, related_name="exports")
    format = models.CharField(max_length=12, choices=Format.choices, default=Format.FORMATTED)
    identifiers = ArrayField(models.TextField(), default=list)
    traits = ArrayField(models.TextField(), default=list)
    shows_pii = models.BooleanField(default=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    rows_done = models.BigIntegerField(default=0)
    rows_total = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    attempts = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    snapshot_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["audience", "-id"], name="audience_export_latest")]
        constraints = [
            models.UniqueConstraint(
                fields=["audience"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="audience_export_one_at_a_time",
            )
        ]
