"""Models of predictive traits and the work of training them and scoring everybody."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from common.models import SlicedRun
from spaces.models import Space


class PredictionModel(models.Model):
    """A trained model: its numbers (`services.predict_scoring`: never a pickle), digest, and training report.

    `report`: see `services.predict_learning.measures`, with `model`, `topics`, and of the data `train` and `test`
    (cutoffs, until, people, did). `vocabulary` is what its features are made of. The newest one of the trait's revision
    is in use; some older ones stay for comparison, without their numbers.
    """

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    trait = models.ForeignKey("traits.Trait", on_delete=models.CASCADE, related_name="models")
    revision = models.IntegerField()
    trained_at = models.DateTimeField()
    seconds = models.FloatField(default=0)
    vocabulary = models.JSONField()
    body = models.BinaryField()
    digest = models.CharField(max_length=64)
    report = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["trait", "-id"], name="prediction_model_newest")]


class PredictionRun(SlicedRun):
    """Training (where `trains`, or no model is there) and then scoring everybody as of `as_of`, in slices of profiles.

    A killed worker loses the training or the slice it was at. `cuts` are the 99 inner bounds of percentiles.
    `is_scheduled`: nobody asked for it, the trait shows its status as before. `note`: why an old model went on.
    """

    class Phase(models.TextChoices):
        TRAINING = "training"
        SCORING = "scoring"

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+")
    trait = models.ForeignKey("traits.Trait", on_delete=models.CASCADE, related_name="prediction_runs")
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.TRAINING)
    trains = models.BooleanField(default=True)
    is_scheduled = models.BooleanField(default=False)
    as_of = models.DateTimeField(null=True)
    model = models.ForeignKey(PredictionModel, on_delete=models.SET_NULL, null=True, related_name="+")
    cuts = models.JSONField(null=True)
    scored = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0)
    note = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "id"], name="prediction_run_open"),
            models.Index(fields=["trait", "-id"], name="prediction_run_newest"),
        ]

    @property
    def moment(self) -> datetime:
        """The instant as of which history is looked at."""
        return self.as_of or self.created_at
