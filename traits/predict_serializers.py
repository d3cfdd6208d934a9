"""The JSON of predictions in the REST API: whether one can be learned, the report of its model, its runs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from traits.models import PredictionRun
from traits.selectors.predict import Decile, Prediction, ReadinessReport, Topic, TrainingReport


class PredictionCheckInputSerializer(serializers.Serializer[Any]):
    definition = serializers.JSONField()


class WindowSerializer(serializers.Serializer[Any]):
    """People who qualified at `start`, and those of them who did it by `end`."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    people = serializers.IntegerField()
    did = serializers.IntegerField()


class ReadinessSerializer(serializers.Serializer[ReadinessReport]):
    """`problems` say what is missing; `sampled`: the figures are extrapolated from a sample of people."""

    ready = serializers.BooleanField(source="is_ready")
    problems = serializers.ListField(child=serializers.CharField())
    sentence = serializers.CharField()
    horizon_days = serializers.IntegerField(source="days")
    history_days = serializers.IntegerField()
    people = serializers.IntegerField()
    sampled = serializers.BooleanField(source="is_sampled")
    train = WindowSerializer()
    test = WindowSerializer()


class DecileSerializer(serializers.Serializer[Decile]):
    """A tenth of the people of the test, the highest scores first; shares from 0 to 1."""

    number = serializers.IntegerField()
    people = serializers.IntegerField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    predicted = serializers.FloatField()
    happened = serializers.FloatField()
    lift = serializers.FloatField()


class TopicSerializer(serializers.Serializer[Topic]):
    """What scores rest on; `drop` is how much of the AUC is lost when it is taken from somebody else."""

    words = serializers.CharField()
    drop = serializers.FloatField()
    more = serializers.ChoiceField(choices=["likelier", "less_likely", "mixed"])


class TrainingReportSerializer(serializers.Serializer[TrainingReport]):
    """The quality of a model on days that it had not seen. `*_base`: of the average for everybody."""

    trained_at = serializers.DateTimeField()
    seconds = serializers.FloatField()
    in_use = serializers.BooleanField(source="is_current")
    model = serializers.CharField()
    scikit_learn = serializers.CharField()
    grade = serializers.CharField(source="word")
    verdict = serializers.CharField()
    auc = serializers.FloatField()
    auc_low = serializers.FloatField()
    auc_high = serializers.FloatField()
    log_loss = serializers.FloatField()
    log_loss_base = serializers.FloatField()
    brier = serializers.FloatField()
    brier_base = serializers.FloatField()
    lift = serializers.FloatField()
    captured = serializers.FloatField()
    deciles = DecileSerializer(many=True)
    topics = TopicSerializer(many=True)
    train_rows = serializers.IntegerField()
    train_did = serializers.IntegerField()
    train_cutoffs = serializers.ListField(child=serializers.DateTimeField())
    test_rows = serializers.IntegerField()
    test_did = serializers.IntegerField()
    test_cutoff = serializers.DateTimeField()
    test_until = serializers.DateTimeField()
    sampled = serializers.BooleanField(source="is_sampled")
    features = serializers.IntegerField()
    horizon_days = serializers.IntegerField()


class PredictionRunSerializer(serializers.ModelSerializer[PredictionRun]):
    """Training and scoring. `error` says why it failed, `note` why an older model went on."""

    class Meta:
        model = PredictionRun
        fields = [
            "state",
            "phase",
            "trains",
            "is_scheduled",
            "profiles_done",
            "profiles_total",
            "scored",
            "changed",
            "attempts",
            "error",
            "note",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class PredictionSerializer(serializers.Serializer[Prediction]):
    """A prediction: `report` of the model in use, `earlier` ones, the open `run` and the `last_run` that ended.

    `missing` says what to install when scikit-learn is not there.
    """

    sentence = serializers.CharField()
    report = TrainingReportSerializer(allow_null=True)
    earlier = TrainingReportSerializer(many=True)
    run = PredictionRunSerializer(allow_null=True)
    last_run = PredictionRunSerializer(allow_null=True)
    next_scoring_at = serializers.DateTimeField(allow_null=True)
    next_training_at = serializers.DateTimeField(allow_null=True)
    missing = serializers.CharField()
