"""Profiles, their identifiers and traits, their events, and what has been observed.

The big tables carry `space_id` and (where they have one) `profile_id` in their primary key and have no foreign keys:
blocks are written by COPY and set-based SQL, and a later distribution by space needs no query changed (design.md §8).
"""

from __future__ import annotations

from django.db import models

from common.ids import new_short_id
from common.models import SpaceQuerySet, TimeStamped
from spaces.models import Space

USERS = 0
ACCOUNTS = 1
COLLECTION_NAMES = {USERS: "users", ACCOUNTS: "accounts"}


class EventType(models.IntegerChoices):
    """The value of `event.type`. Identify, group and alias change profiles and are not stored as events."""

    TRACK = 0, "track"
    PAGE = 1, "page"
    SCREEN = 2, "screen"


class IdentifierRule(models.Model):
    """One identifier type of a space: value limit, period, priority, blocked values (§4.2)."""

    class Period(models.TextChoices):
        EVER = "ever", "Ever"
        WEEKLY = "weekly", "Weekly"
        MONTHLY = "monthly", "Monthly"
        ANNUALLY = "annually", "Annually"

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="identifier_rules")
    id_type = models.CharField(max_length=60)
    collection = models.SmallIntegerField(default=USERS)
    value_limit = models.PositiveIntegerField(default=5)
    period = models.CharField(max_length=10, choices=Period.choices, default=Period.EVER)
    priority = models.PositiveIntegerField()
    # [{"kind": "exact"|"regex", "value": "…"}]
    blocked_values = models.JSONField(default=list, blank=True)
    # Trait or property that also holds this identifier, e.g. "app_id"; empty for the built-in places only.
    trait_key = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["space", "collection", "id_type"], name="identifier_rule_once_a_space")
        ]


class Profile(models.Model):
    """A unified user (collection 0) or account (1).

    `traits` holds the live values; `trait_times` the instant (epoch ms) of the call that last wrote or removed a key,
    so that the order of arrival does not matter. A merged profile is gone; its Segment ID lives on in ProfileAlias.
    """

    pk = models.CompositePrimaryKey("space_id", "id")
    space_id = models.IntegerField()
    id = models.BigIntegerField()
    collection = models.SmallIntegerField(default=USERS)
    segment_id = models.CharField(max_length=40)
    traits = models.JSONField(default=dict)
    trait_times = models.JSONField(default=dict)
    merges = models.SmallIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    first_message_id = models.TextField(null=True)
    last_message_id = models.TextField(null=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "profile"
        constraints = [models.UniqueConstraint(fields=["segment_id"], name="profile_segment_id")]


class ProfileAlias(models.Model):
    """The Segment ID of a profile that was merged away, and its survivor."""

    segment_id = models.CharField(max_length=40, primary_key=True)
    space_id = models.IntegerField()
    profile_id = models.BigIntegerField()
    merged_at = models.DateTimeField()

    class Meta:
        db_table = "profile_alias"
        indexes = [models.Index(fields=["space_id", "profile_id"], name="profile_alias_survivor")]


class ExternalId(models.Model):
    """An identifier bound to a profile. `value` is lower case for look-ups, `original` as the caller sent it."""

    pk = models.CompositePrimaryKey("space_id", "collection", "id_type", "value")
    space_id = models.IntegerField()
    collection = models.SmallIntegerField()
    id_type = models.CharField(max_length=60)
    value = models.TextField()
    original = models.TextField()
    profile_id = models.BigIntegerField()
    source_id = models.BigIntegerField(null=True)
    first_message_id = models.TextField(null=True)
    created_at = models.DateTimeField()

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "external_id"
        indexes = [models.Index(fields=["profile_id", "space_id"], name="external_id_profile")]


class AccountLink(models.Model):
    """A user profile belongs to an account profile (by a group call); never removed by a call."""

    pk = models.CompositePrimaryKey("space_id", "account_id", "profile_id")
    space_id = models.IntegerField()
    account_id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "account_link"
        indexes = [models.Index(fields=["space_id", "profile_id"], name="account_link_profile")]


class Event(models.Model):
    """A track, page or screen call, partitioned by month of `received_at` (see the migration).

    The primary key is also the index of the real-time path: the events of one profile by type, name and time.
    `name` is the event name of a track call and the page or screen name otherwise ("" when absent). `ts` is the
    corrected time of the event. `context` is the original JSON text, not queried.
    """

    pk = models.CompositePrimaryKey("space_id", "profile_id", "type", "name", "ts", "id", "received_at")
    space_id = models.IntegerField()
    id = models.BigIntegerField()
    profile_id = models.BigIntegerField()
    type = models.SmallIntegerField(choices=EventType.choices)
    name = models.TextField()
    ts = models.DateTimeField()
    received_at = models.DateTimeField()
    source_id = models.BigIntegerField()
    message_id = models.TextField()
    user_id = models.TextField(null=True)
    anonymous_id = models.TextField(null=True)
    properties = models.JSONField(default=dict)
    context = models.TextField(null=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        db_table = "event"
        managed = False


class ObservedEvent(models.Model):
    """An event name seen in a space, for type-ahead; `seen` is a running count."""

    pk = models.CompositePrimaryKey("space_id", "type", "name")
    space_id = models.IntegerField()
    type = models.SmallIntegerField(choices=EventType.choices)
    name = models.TextField()
    seen = models.BigIntegerField(default=0)
    last_seen_at = models.DateTimeField()

    class Meta:
        db_table = "observed_event"


class ObservedField(models.Model):
    """A property of an event or a trait of a profile that was seen, with up to ten sample values.

    `scope` is "trait" (then `event_type` is the collection and `event_name` is "") or "property".
    """

    pk = models.CompositePrimaryKey("space_id", "scope", "event_type", "event_name", "path")
    space_id = models.IntegerField()
    scope = models.CharField(max_length=10)
    event_type = models.SmallIntegerField()
    event_name = models.TextField()
    path = models.TextField()
    value_type = models.CharField(max_length=10)
    samples = models.JSONField(default=list)
    last_seen_at = models.DateTimeField()

    class Meta:
        db_table = "observed_field"


class EventFilter(TimeStamped):
    """A filter of the space (Unify): events for which the condition holds are dropped before identity resolution.

    `condition` is in the language of `engine.filters` and never changes: another condition is another filter.
    """

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="event_filters")
    name = models.CharField(max_length=64)
    condition = models.TextField()
    is_enabled = models.BooleanField(default=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class SuppressionKey(models.Model):
    """What identifiers of suppressed people are hashed with in a space: {"key"}, encrypted as secrets are."""

    space = models.OneToOneField(Space, on_delete=models.CASCADE, primary_key=True, related_name="+")
    secret = models.BinaryField()


class Regulation(models.Model):
    """A request about a person's data: suppress, unsuppress, delete, or delete and suppress (§9).

    `subject` is one encrypted token of {"ids": [[type, value, original]], "profiles": [id], …}, empty once the request
    is done; what stays names nobody: `segment_id`, and how many identifiers of which type (`identifiers`).
    `counts` are rows by table, `progress` where each step stands; a claim sets `lease_until` and one that ran out is
    claimed again. `left` are places that people have to look at themselves: [{"what", "where"}].
    """

    class Kind(models.TextChoices):
        SUPPRESS = "suppress", "Suppress"
        UNSUPPRESS = "unsuppress", "Unsuppress"
        DELETE = "delete", "Delete"
        DELETE_AND_SUPPRESS = "delete_and_suppress", "Delete and suppress"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    step = models.CharField(max_length=20, blank=True)
    asked_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    segment_id = models.CharField(max_length=40, blank=True)
    subject = models.BinaryField(default=b"")
    identifiers = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)
    left = models.JSONField(default=list)
    attempts = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["space", "-id"], name="regulation_by_space")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.segment_id}".strip()

    @property
    def deletes(self) -> bool:
        return self.kind in {self.Kind.DELETE, self.Kind.DELETE_AND_SUPPRESS}

    @property
    def is_open(self) -> bool:
        return self.state in {self.State.WAITING, self.State.RUNNING}


class Suppression(models.Model):
    """An identifier whose calls are refused: its type, and its value as a keyed hash. `profile_id` while there is one.

    One that a deletion set for as long as it takes (`is_temporary`) goes when that is done.
    """

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    id_type = models.CharField(max_length=60)
    digest = models.CharField(max_length=64)
    regulation = models.ForeignKey(Regulation, on_delete=models.CASCADE, related_name="suppressions")
    profile_id = models.BigIntegerField(null=True)
    is_temporary = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["space", "id_type", "digest"], name="suppression_once_an_identifier")
        ]
