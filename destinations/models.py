"""Configured destinations, their mappings, and the tests sent from the browser."""

from __future__ import annotations

from django.db import models

from common.ids import new_short_id
from common.models import SpaceQuerySet, TimeStamped
from profiles.models import Regulation
from spaces.models import Space


class Destination(TimeStamped):
    """A configured copy of a connector in a space.

    `settings` holds what is not secret; `secrets` is one Fernet token of a JSON object and never leaves the server.
    `token` is what signing in last gave, encrypted alike: it stands above the one of the settings until those change.
    `requests_per_second` overrides the connector's cap (F120); null = the connector's own. A paused destination
    (`paused_at`, `pause_reason` a sentence) keeps its calls waiting: the tool no longer accepts its credentials.
    `mapping_traits` are the keys of the traits that its enabled mappings ask for, kept by `services.mappings`.
    """

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="destinations")
    connector = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    settings = models.JSONField(default=dict, blank=True)
    secrets = models.BinaryField(default=b"", blank=True)
    token = models.BinaryField(default=b"", blank=True)
    is_enabled = models.BooleanField(default=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.TextField(blank=True)
    requests_per_second = models.PositiveIntegerField(null=True, blank=True)
    mapping_traits = models.JSONField(default=list, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["space", "name"], condition=models.Q(deleted_at=None), name="destination_name_once_a_space"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Mapping(TimeStamped):
    """Trigger (FQL) and action with its field mapping (mapping-kit.md). A new one is disabled.

    `enrichments` are keys of traits that calls to the destination carry along while the mapping is enabled, when the
    profile has them: `traits.<key>` of Identify and Group, `properties.<key>` of Track.
    """

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="mappings")
    action = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    trigger = models.TextField()
    fields = models.JSONField(default=dict)
    enrichments = models.JSONField(default=list, blank=True)
    is_enabled = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class EventTest(models.Model):
    """A test event sent from the browser: the event and what happened, stage by stage. The last 20 are kept."""

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="tests")
    sent_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    event = models.JSONField()
    # engine shape of the tester's result: {"stages": […], "calls": […], "outcome": "…"}
    result = models.JSONField()
    sent_at = models.DateTimeField(auto_now_add=True)


class DestinationFilter(TimeStamped):
    """What is held back from a destination, or taken out of its calls (delivery-and-observability.md §5).

    `kind` is the action that is done with events for which `condition` (the language of `engine.filters`) holds.
    `sample_percent` and `sample_path` belong to a sample, `fields` (paths as a person writes them) to the two that
    take properties out.
    """

    class Kind(models.TextChoices):
        SAMPLE = "SAMPLE", "Sample events"
        DROP = "DROP", "Drop events"
        DROP_PROPERTIES = "DROP_PROPERTIES", "Drop properties"
        ALLOW_PROPERTIES = "ALLOW_PROPERTIES", "Allow properties"

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="filters")
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=255, blank=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    condition = models.TextField()
    sample_percent = models.FloatField(default=100)
    sample_path = models.CharField(max_length=255, default="messageId")
    fields = models.JSONField(default=list, blank=True)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class DestinationFunction(TimeStamped):
    """A destination written in JavaScript: code and the settings that each of its destinations fills in.

    `settings` lists `{"key", "label", "type", "required", "secret", "description"}`. `handlers` are the functions that
    the code defines. What stands here is what runs; every save is also kept as a FunctionVersion of this number.
    """

    public_id = models.CharField(max_length=20, unique=True, default=new_short_id, editable=False)
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="destination_functions")
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=255, blank=True)
    code = models.TextField()
    settings = models.JSONField(default=list, blank=True)
    handlers = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "name"], name="destination_function_name_once_a_space")]

    def __str__(self) -> str:
        return self.name


class FunctionVersion(models.Model):
    """A saved state of a function; never changed."""

    function = models.ForeignKey(DestinationFunction, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    code = models.TextField()
    settings = models.JSONField(default=list, blank=True)
    saved_by = models.ForeignKey("spaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["function", "number"], name="function_version_number_once")]


class DeletionForward(models.Model):
    """Telling one destination that a person has to be deleted there (a `Regulation`), and what came of it.

    `by_hand`: its tool takes no such requests, or has no identifier that it would find the person by. `detail` is a
    sentence that names nobody.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Deleted there"
        FAILED = "failed", "Failed"
        BY_HAND = "by_hand", "To be done by hand"

    regulation = models.ForeignKey(Regulation, on_delete=models.CASCADE, related_name="forwards")
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    # The person is taken off its lists, with the next sync of each.
    is_list = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    detail = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["regulation", "destination"], name="deletion_forward_once_a_destination")
        ]
