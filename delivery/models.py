"""Connections, the outbox, what became of every call, and the lists.

`delivery` holds only what is still to be done; a finished row moves to `delivery_log`, append-only and partitioned by
day (design.md §11). For every connection: emitted = delivered + filtered + failed + waiting + in flight + superseded.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models

from common.ids import new_short_id
from common.models import SpaceQuerySet, TimeStamped
from destinations.models import Destination
from spaces.models import Space

# The class of a connection whose "computation" is a source: its events go to the destination as they come.
SOURCE = "source"


class Connection(TimeStamped):
    """Links a computation (named by key: audiences and journeys are above this app) to a destination.

    `computation_class` is what payloads carry: "audience" (also journey steps) or "trait"; or SOURCE.
    `is_enabled` is the *Connect to destination* toggle: off keeps the settings and sends nothing.
    `settings` are the per-connection settings of the connector, sent as `context.personas.audience_settings`.
    `setup`, `trait_mappings` and `identifier_mappings` are Trait Activation (§6): what they mean and what they may hold
    is in `services.activation`; both lists are kept, unused, while the setup is the default one.
    """

    class Setup(models.TextChoices):
        DEFAULT = "default", "Default Setup"
        CUSTOMIZED = "customized", "Customized Setup"

    class ValueFormat(models.TextChoices):
        BOOLEAN = "boolean", "Boolean"
        STRING = "string", "Text"

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="connections")
    computation_class = models.CharField(max_length=20, default="audience")
    computation_id = models.CharField(max_length=40)
    computation_key = models.CharField(max_length=255)
    computation_name = models.CharField(max_length=255)
    # Of a SQL trait: each is a trait in the calls, in place of the key.
    computation_columns = models.JSONField(default=list, blank=True)
    collection = models.SmallIntegerField(default=0)
    include_anonymous = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=True)
    send_identify = models.BooleanField(default=True)
    send_track = models.BooleanField(default=True)
    send_group = models.BooleanField(default=False)
    send_mobile_ids = models.BooleanField(default=False)
    enter_event = models.CharField(max_length=255, default="Audience Entered")
    exit_event = models.CharField(max_length=255, default="Audience Exited")
    value_format = models.CharField(max_length=10, choices=ValueFormat.choices, default=ValueFormat.BOOLEAN)
    include_audience_key = models.BooleanField(default=True)
    setup = models.CharField(max_length=12, choices=Setup.choices, default=Setup.DEFAULT)
    trait_mappings = models.JSONField(default=list, blank=True)
    identifier_mappings = models.JSONField(default=list, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    external_audience_id = models.CharField(max_length=255, blank=True)
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    removed_at = models.DateTimeField(null=True, blank=True)
    # Last time a list destination received its changes; the next run is due one interval later.
    list_synced_at = models.DateTimeField(null=True, blank=True)
    # A repair of the list that somebody asked for and that is not done yet.
    repair_asked_at = models.DateTimeField(null=True, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["computation_id", "destination"],
                condition=models.Q(removed_at=None),
                name="connection_once_a_computation",
            )
        ]
        indexes = [models.Index(fields=["space", "computation_id"], name="connection_by_computation")]

    def __str__(self) -> str:
        return f"{self.computation_name} → {self.destination.name}"

    @property
    def is_direct(self) -> bool:
        return self.computation_class == SOURCE


class FirstSync(models.Model):
    """Sending all current members of a computation over a new connection, in slices; resumable."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="first_syncs")
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    next_profile_id = models.BigIntegerField(default=0)
    profiles_done = models.BigIntegerField(default=0)
    profiles_total = models.BigIntegerField(default=0)
    error = models.TextField(blank=True)
    # Asked for by a person: one of a workspace runs at a time.
    is_resync = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)


# A due time that never comes: calls of a paused connection wait for it to be switched on again.
HELD = datetime(9999, 1, 1, tzinfo=UTC)


class SentValue(models.Model):
    """The value last emitted per connection, profile and identifier: repeats and exits are judged against it."""

    pk = models.CompositePrimaryKey("space_id", "connection_id", "profile_id", "id_type", "id_value")
    space_id = models.IntegerField()
    connection_id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    id_type = models.CharField(max_length=60)
    id_value = models.TextField()
    value = models.JSONField()
    sent_at = models.DateTimeField()

    class Meta:
        db_table = "sent_value"


class Delivery(models.Model):
    """One call to be made. `payload` is the final Segment event as JSON text, built when the value changed.

    A claim sets `lease_until`; a lease that ran out is claimed again. Calls of one (connection, profile) go in order
    of their ids. `next_attempt_at` is HELD while the connection is paused.
    `done` lists the mapping ids (JSON) that were delivered already when another of the same call has to be tried again.
    """

    pk = models.CompositePrimaryKey("space_id", "profile_id", "id")
    space_id = models.IntegerField()
    id = models.BigIntegerField()
    destination_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    message_id = models.TextField()
    kind = models.CharField(max_length=10)  # identify, track, group; of a source any type of call
    event = models.TextField(null=True)  # the name of a track call
    payload = models.TextField()
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    done = models.TextField(null=True)
    last_error = models.TextField(null=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "delivery"
        managed = False


class Outcome(models.TextChoices):
    DELIVERED = "delivered", "Delivered"
    FILTERED = "filtered", "Filtered"
    FAILED = "failed", "Failed"
    SUPERSEDED = "superseded", "Superseded"


class DeliveryLog(models.Model):
    """A finished call: outcome, reason code and sentence, requests and responses of the last attempt.

    Partitioned by day of `finished_at`; dropped by retention.
    """

    pk = models.CompositePrimaryKey("space_id", "profile_id", "id", "finished_at")
    space_id = models.IntegerField()
    id = models.BigIntegerField()
    destination_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    message_id = models.TextField()
    kind = models.CharField(max_length=10)
    payload = models.TextField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    attempts = models.SmallIntegerField()
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    reason = models.TextField(null=True)  # stable code, e.g. NO_MATCHING_MAPPING, 400, ETIMEDOUT
    detail = models.TextField(null=True)  # a sentence
    status = models.SmallIntegerField(null=True)
    duration_ms = models.IntegerField(null=True)
    exchange = models.TextField(null=True)  # JSON: [{"request", "response"}], secrets removed, bodies cut at 16 KB
    entry = models.TextField(null=True)  # of a list change, JSON: [id_type, id_value]
    event = models.TextField(null=True)  # the name of a track call
    mappings = models.TextField(null=True)  # JSON: {mapping id: "delivered" or a reason code}

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "delivery_log"
        managed = False


class Attempt(models.Model):
    """A failed attempt at a call that was tried again, or failed for good. Partitioned by day of `at`."""

    pk = models.CompositePrimaryKey("space_id", "delivery_id", "number", "at")
    space_id = models.IntegerField()
    delivery_id = models.BigIntegerField()
    number = models.SmallIntegerField()
    at = models.DateTimeField()
    status = models.SmallIntegerField(null=True)
    reason = models.TextField()
    detail = models.TextField()
    duration_ms = models.IntegerField(null=True)
    exchange = models.TextField(null=True)

    class Meta:
        db_table = "attempt"
        managed = False


class ReplayRun(models.Model):
    """Sending a selection of dead letters again, `rate` calls a second; resumes where it was when killed.

    `selection` is a `selectors.dead_letters.Selection`. The run hands calls over to the outbox in the
    order of their ids: `next_id` is the last one that was looked at, `released_until` the due time of the last one
    handed over. `delivered`, `failed` and `other` count outcomes of handed over calls; the rest is still on its way.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Canceled"

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=12, choices=State.choices, default=State.RUNNING)
    selection = models.JSONField(default=dict)
    words = models.TextField()
    rate = models.PositiveIntegerField()
    total = models.BigIntegerField()
    handed_over = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    other = models.BigIntegerField(default=0)
    next_id = models.BigIntegerField(default=0)
    last_id = models.BigIntegerField()
    is_handed_over = models.BooleanField(default=False)
    released_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["space", "-id"], name="replay_run_by_space")]

    def __str__(self) -> str:
        return self.words

    @property
    def settled(self) -> int:
        return self.delivered + self.failed + self.other

    @property
    def on_the_way(self) -> int:
        return self.handed_over - self.settled


class ReplayItem(models.Model):
    """A call that a run handed over, and what came of it; null while it is on its way."""

    pk = models.CompositePrimaryKey("space_id", "run_id", "delivery_id")
    space_id = models.IntegerField()
    run_id = models.BigIntegerField()
    delivery_id = models.BigIntegerField()
    message_id = models.TextField()
    handed_over_at = models.DateTimeField()
    outcome = models.CharField(max_length=12, null=True)
    reason = models.TextField(null=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "replay_item"
        indexes = [
            models.Index(fields=["space_id", "delivery_id"], name="replay_item_by_call"),
            models.Index(fields=["run_id", "delivery_id"], name="replay_item_open", condition=models.Q(outcome=None)),
        ]


class DeliveryCounter(models.Model):
    """Counts per connection, ten minutes and outcome ("emitted" is one of them), written with what they count."""

    pk = models.CompositePrimaryKey("space_id", "connection_id", "bucket", "outcome", "reason")
    space_id = models.IntegerField()
    connection_id = models.BigIntegerField()
    destination_id = models.BigIntegerField()
    bucket = models.DateTimeField()
    outcome = models.CharField(max_length=12)
    reason = models.TextField(default="")
    calls = models.BigIntegerField(default=0)

    class Meta:
        db_table = "delivery_counter"


class ListChange(models.Model):
    """A pending add or remove for a list destination; a later change of the same entry replaces it (net changes).

    `id` is of the same sequence as `delivery.id`, so that the log and the attempts of both are read alike.
    """

    pk = models.CompositePrimaryKey("space_id", "connection_id", "profile_id", "id_type", "id_value")
    space_id = models.IntegerField()
    connection_id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    id_type = models.CharField(max_length=60)
    id_value = models.TextField()
    id = models.BigIntegerField()
    is_add = models.BooleanField()
    message_id = models.TextField()
    payload = models.TextField()
    changed_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    first_attempt_at = models.DateTimeField(null=True)
    last_error = models.TextField(null=True)

    class Meta:
        db_table = "list_change"
        indexes = [models.Index(fields=["connection_id", "id"], name="list_change_in_order")]


class ListMember(models.Model):
    """An entry that a list destination acknowledged: as far as it told us, it is on the list there since `added_at`."""

    pk = models.CompositePrimaryKey("space_id", "connection_id", "profile_id", "id_type", "id_value")
    space_id = models.IntegerField()
    connection_id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    id_type = models.CharField(max_length=60)
    id_value = models.TextField()
    added_at = models.DateTimeField()

    class Meta:
        db_table = "list_member"


class ListSync(models.Model):
    """One run of a list destination: what was due, and what the destination acknowledged.

    It takes the changes up to `up_to_id` that were due at `taken_at` (`selectors.list_runs`).
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="list_syncs")
    state = models.CharField(max_length=12, choices=State.choices, default=State.RUNNING)
    up_to_id = models.BigIntegerField(default=0)
    taken_at = models.DateTimeField(null=True, blank=True)
    adds = models.BigIntegerField(default=0)
    removes = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)


class DestinationHealth(models.Model):
    """The breaker of a destination: after repeated failures calls wait until `open_until`."""

    destination = models.OneToOneField(Destination, on_delete=models.CASCADE, primary_key=True, related_name="health")
    failures_in_a_row = models.IntegerField(default=0)
    open_until = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)


class DestinationTraits(models.Model):
    """Traits that every connection of a destination sends along, when the profile has them (F094).

    `traits` are rows as in `Connection.trait_mappings`.
    """

    destination = models.OneToOneField(
        Destination, on_delete=models.CASCADE, primary_key=True, related_name="always_sent"
    )
    traits = models.JSONField(default=list, blank=True)
    updated_at = models.DateTimeField(auto_now=True)


class EngageSource(models.Model):
    """A background source of a space, from which calls are emitted (engage-domain.md §4).

    A source holds one instance of each connector; it is never deleted, and reused when an instance leaves.
    """

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()

    objects = SpaceQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["space", "number"], name="engage_source_number")]

    def __str__(self) -> str:
        return f"Engage ({self.space.name})" + (f" {self.number}" if self.number > 1 else "")


class EngageSourceMember(models.Model):
    """A destination on its Engage source, from `attached_at` until it is deleted."""

    source = models.ForeignKey(EngageSource, on_delete=models.CASCADE, related_name="members")
    destination = models.OneToOneField(Destination, on_delete=models.CASCADE, related_name="engage_member")
    connector = models.CharField(max_length=60)
    attached_at = models.DateTimeField()
    detached_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "connector"],
                condition=models.Q(detached_at=None),
                name="engage_source_one_instance",
            )
        ]


class DeliveryTally(models.Model):
    """Calls by what became of them, counted at the time of their emission, so that any period adds up.

    `span` is the width of the bucket in minutes (5 and 60 are both kept). `outcome` is "emitted", one of `Outcome`, or
    "unaddressed": a call of the destination's Engage source that went to other destinations. `mapping` "" counts
    calls, else what one mapping made of them. `first_id` to `last_id` hold the ids of the emitted calls of the bucket.
    """

    pk = models.CompositePrimaryKey(
        "space_id",
        "destination_id",
        "span",
        "bucket",
        "connection_id",
        "outcome",
        "mapping",
        "reason",
        "kind",
        "event",
    )
    space_id = models.IntegerField()
    destination_id = models.BigIntegerField()
    span = models.SmallIntegerField()
    bucket = models.DateTimeField()
    connection_id = models.BigIntegerField()
    outcome = models.CharField(max_length=12)
    mapping = models.CharField(max_length=20, default="")
    reason = models.TextField(default="")
    kind = models.CharField(max_length=10, default="")
    event = models.TextField(default="")
    calls = models.BigIntegerField(default=0)
    first_id = models.BigIntegerField(null=True)
    last_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "delivery_tally"


class DeliveryLatency(models.Model):
    """Delivered calls by how long they took from emission to the answer, in steps of a quarter octave of 1 ms."""

    pk = models.CompositePrimaryKey("space_id", "destination_id", "span", "bucket", "connection_id", "step")
    space_id = models.IntegerField()
    destination_id = models.BigIntegerField()
    span = models.SmallIntegerField()
    bucket = models.DateTimeField()
    connection_id = models.BigIntegerField()
    step = models.SmallIntegerField()
    calls = models.BigIntegerField(default=0)

    class Meta:
        db_table = "delivery_latency"
