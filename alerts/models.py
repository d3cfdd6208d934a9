"""Alert rules, the changes of their state, and the messages about them (delivery-and-observability.md §7)."""

from __future__ import annotations

from django.db import models

from audiences.models import Audience
from common.ids import new_short_id
from common.models import SpaceQuerySet, TimeStamped
from destinations.models import Destination
from spaces.models import Source, Space
from traits.models import WarehouseSource

# What a rule can watch: members of AlertRule.
TARGETS = ("destination", "audience", "source", "warehouse")


class Kind(models.TextChoices):
    DELIVERY_RATE = "delivery_rate", "Successful delivery rate"
    VOLUME = "volume", "Event volume spikes or drops"
    SILENCE = "silence", "Silence"
    DESTINATION_DISABLED = "destination_disabled", "Destination paused automatically"
    AUDIENCE_SIZE = "audience_size", "Audience size change"
    COMPUTE_FAILED = "compute_failed", "Computation failed"
    SOURCE_VOLUME = "source_volume", "Source volume"
    WAREHOUSE_FAILED = "warehouse_failed", "Writing to a warehouse failed"


class Direction(models.TextChoices):
    BOTH = "both", "Up or down"
    UP = "up", "Up"
    DOWN = "down", "Down"


class AlertRule(TimeStamped):
    """What to watch, and whom to tell. `alerts.kinds` says which members a kind uses.

    `threshold` is a percentage, `hours` the period looked at, `least` the number below which nothing is judged.
    `webhook` is one encrypted token of {"url"}: such addresses are secrets. `number` counts the changes of state.
    """

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=30, choices=Kind.choices)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    audience = models.ForeignKey(Audience, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    warehouse = models.ForeignKey(WarehouseSource, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    threshold = models.FloatField(null=True, blank=True)
    direction = models.CharField(max_length=5, choices=Direction.choices, default=Direction.BOTH)
    hours = models.PositiveIntegerField(default=24)
    least = models.PositiveIntegerField(default=1)
    emails = models.JSONField(default=list, blank=True)
    webhook = models.BinaryField(default=b"", blank=True)
    in_app = models.BooleanField(default=True)
    is_enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    is_firing = models.BooleanField(default=False)
    number = models.IntegerField(default=0)
    changed_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    value = models.FloatField(null=True, blank=True)
    detail = models.TextField(blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["space", "-id"], name="alert_rule_by_space")]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """`Successful delivery rate: Braze`."""
        return f"{self.get_kind_display()}: {self.watched or 'any'}"

    @property
    def watched(self) -> str:
        """`Buyers → Braze`; "" for everything of the space."""
        about = (self.audience, self.destination, self.source, self.warehouse)
        return " → ".join(str(one) for one in about if one is not None)

    @property
    def state(self) -> str:
        if not self.is_enabled:
            return "disabled"
        return "firing" if self.is_firing else ("ok" if self.checked_at is not None else "waiting")


class AlertEvent(models.Model):
    """A rule began to fire or was resolved: once each, by its `number`. Stays when the rule is deleted."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(AlertRule, on_delete=models.SET_NULL, null=True, related_name="events")
    number = models.IntegerField()
    is_firing = models.BooleanField()
    in_app = models.BooleanField()
    name = models.TextField()
    sentence = models.TextField()
    value = models.FloatField(null=True)
    path = models.TextField()
    at = models.DateTimeField()

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="alert_event_once_a_change")]
        indexes = [models.Index(fields=["space", "-id"], name="alert_event_by_space")]


class AlertMessage(models.Model):
    """One e-mail or webhook call about an event. A claim sets `lease_until`; one that ran out is claimed again."""

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    event = models.ForeignKey(AlertEvent, on_delete=models.CASCADE, related_name="messages")
    channel = models.CharField(max_length=10, choices=Channel.choices)
    address = models.CharField(max_length=320, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "channel", "address"], name="alert_message_once_an_address")
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], name="alert_message_due", condition=models.Q(state="waiting"))
        ]


class AlertSeen(models.Model):
    """Up to which event a member has seen the bell of a space."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey("spaces.User", on_delete=models.CASCADE, related_name="+")
    event_id = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "user"], name="alert_seen_once")]
