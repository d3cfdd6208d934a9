"""Predictions from history to values: what is predictable is found, what is not is said, nothing is lost."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from audiences.models import ComputeStatus, Membership
from audiences.services.audiences import create_audience
from delivery.tests.builders import make_destination, rows
from engine.traits.prediction_scores import grade
from tests import factories
from traits.models import PredictionModel, PredictionRun, Trait, TraitValue
from traits.services import predict_runs, predict_training
from traits.services.connections import ConnectionSpec, connect
from traits.services.predict import retrain
from traits.services.predict_runs import claim_run, open_due, open_run, work
from traits.services.traits import cancel_run, set_enabled, update_trait
from traits.tests.building import shown, values
from traits.tests.predicting import (
    BY_CHANCE,
    DEFINITION,
    make_history,
    make_model,
    make_prediction,
    person_at,
    run_predictions,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.ENGAGE_DATA = tmp_path


def test_what_history_tells_is_learned_and_given_to_everybody(space, tmp_path):
    """W057: a score from 0 to 1 for everybody with an event, with the report of a test on later days."""
    ids = make_history(space=space)
    trait = make_prediction(space=space)
    run = run_predictions()

    trait.refresh_from_db()
    model = PredictionModel.objects.get()
    report, scores = model.report, values(trait)
    active = [score for profile_id, score in scores.items() if ids.index(profile_id) % 4 == 3]
    others = [score for profile_id, score in scores.items() if ids.index(profile_id) % 4 != 3]
    assert (run.state, run.error, run.scored, run.changed) == ("done", "", 900, 900)
    assert (trait.status, trait.size) == (ComputeStatus.LIVE, 900)
    assert report["auc"] > 0.75
    assert report["auc_low"] < report["auc"] < report["auc_high"]
    assert report["lift"] > 2.5
    assert report["log_loss"] < report["log_loss_base"]
    assert report["brier"] < report["brier_base"]
    assert sum(decile["people"] for decile in report["deciles"]) == report["test"]["rows"] == 900
    assert report["topics"]
    assert all(0 <= score <= 1 and round(score, 2) == score for score in scores.values())
    assert sum(active) / len(active) > 3 * sum(others) / len(others)
    assert list(tmp_path.glob("predictions/*")) == []


def test_chance_is_reported_as_chance(space):
    make_history(space=space, order_chance=BY_CHANCE)
    make_prediction(space=space)
    run_predictions()

    report = PredictionModel.objects.get().report
    assert 0.42 < report["auc"] < 0.58
    assert grade(report["auc"])[0] in {"none", "weak"}


def test_too_thin_a_history_is_refused_with_what_is_missing(space):
    make_history(space=space, people=60, days=40)
    trait = make_prediction(space=space)
    run = run_predictions()

    trait.refresh_from_db()
    assert run.state == "failed"
    assert "Only 60 people with an event" in run.error
    assert "500 are needed to test" in run.error
    assert (trait.status, trait.status_detail) == (ComputeStatus.FAILED, run.error)
    assert not PredictionModel.objects.exists()
    assert not TraitValue.objects.exists()


def test_without_scikit_learn_the_trait_says_what_to_install(space, monkeypatch):
    monkeypatch.setattr(predict_training, "NEEDED", ("numpy", "a_module_that_nobody_has"))
    trait = make_prediction(space=space)
    run_predictions()

    trait.refresh_from_db()
    assert trait.status == ComputeStatus.FAILED
    assert "a_module_that_nobody_has is not installed" in trait.status_detail
    assert "pip install -r requirements.txt" in trait.status_detail


def test_only_people_of_the_kind_asked_for_get_a_score(space):
    now = timezone.now()
    buyer = person_at(space, orders_ago=[3], now=now)
    visitor = factories.make_profile(space=space)
    factories.make_event(profile=visitor, name="Page Viewed", ts=now)
    factories.make_profile(space=space)
    scored = {}
    for people in ("everyone", "did", "did_not"):
        trait = make_prediction(space=space, name=people, people=people)
        make_model(trait)
        open_run(trait, trains=False)
        run_predictions()
        scored[people] = set(values(trait))

    assert scored == {"everyone": {buyer.id, visitor.id}, "did": {buyer.id}, "did_not": {visitor.id}}


def test_a_person_who_no_longer_qualifies_loses_the_score(space):
    now = timezone.now()
    person = factories.make_profile(space=space)
    factories.make_event(profile=person, name="Page Viewed", ts=now)
    trait = make_prediction(space=space, people="did_not")
    make_model(trait)
    open_run(trait, trains=False)
    run_predictions()
    before = shown(person)
    factories.make_event(profile=person, ts=timezone.now())
    open_run(trait, trains=False)
    run_predictions()

    trait.refresh_from_db()
    assert set(before) == {"likely_to_order"}
    assert shown(person) == {}
    assert trait.size == 0


def test_percentiles_rank_everybody(space):
    now = timezone.now()
    people = [person_at(space, orders_ago=[ago], now=now) for ago in range(1, 41)]
    trait = make_prediction(space=space, score="percentile")
    make_model(trait)
    open_run(trait, trains=False)
    run_predictions(slice_profiles=7)

    found = values(trait)
    ranks = [found[person.id] for person in people]
    assert ranks == sorted(ranks, reverse=True)
    assert (ranks[0], ranks[-1]) == (100, 1)
    assert len(PredictionRun.objects.order_by("-id")[0].cuts) == 99


def test_equal_scores_send_nothing_and_changed_ones_are_sent_and_read(space):
    """F088: the next day's run sends those whose score became another; audiences read scores."""
    now = timezone.now()
    stays = person_at(space, orders_ago=[30], now=now)
    comes = person_at(space, orders_ago=[60], now=now)
    trait = make_prediction(space=space)
    make_model(trait)
    open_run(trait, trains=False)
    run_predictions()
    high = values(trait)[comes.id]
    connect(trait=trait, spec=ConnectionSpec(destination=make_destination(space=space)), connected_by=None)
    where = {"trait": "likely_to_order", "greater_than": high}
    audience = create_audience(
        space=space, name="Hot", definition={"version": 1, "collection": "users", "where": where}, created_by=None
    )
    open_run(trait, trains=False)
    again = run_predictions()
    quiet = rows("SELECT payload FROM delivery")
    factories.make_event(profile=comes, ts=timezone.now())
    open_run(trait, trains=False)
    changed = run_predictions()

    calls = [json.loads(row[0])["traits"] for row in rows("SELECT payload FROM delivery ORDER BY id")]
    members = Membership.objects.filter(audience_id=audience.pk, is_member=True).values_list("profile_id", flat=True)
    assert (again.changed, quiet) == (0, [])
    assert changed.changed == 1
    assert [call["likely_to_order"] for call in calls] == [values(trait)[comes.id]]
    assert comes.id in members
    assert values(trait)[stays.id] < values(trait)[comes.id]


def test_a_killed_worker_loses_the_slice_it_was_at(space):
    now = timezone.now()
    people = [person_at(space, orders_ago=[ago], now=now) for ago in range(1, 8)]
    trait = make_prediction(space=space)
    make_model(trait)
    run = open_run(trait, trains=False)
    claimed = claim_run()
    predict_runs._prepared(claimed).slice(3)
    half = len(values(trait))
    nobody = claim_run()
    PredictionRun.objects.update(lease_until=now - timedelta(seconds=1))
    last = run_predictions(slice_profiles=3)

    trait.refresh_from_db()
    assert half == 3
    assert nobody is None
    assert (last.pk, last.attempts, last.profiles_done, last.scored) == (run.pk, 2, 7, 7)
    assert set(values(trait)) == {person.id for person in people}
    assert (trait.size, trait.status) == (7, ComputeStatus.LIVE)


def test_a_worker_killed_while_learning_leaves_nothing_but_its_folder(space, tmp_path, monkeypatch):
    make_history(space=space, people=600, days=70, order_chance="0.02")
    make_prediction(space=space)

    def killed(folder, is_wanted):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(predict_training, "_wait", killed)
        patched.setattr(predict_training.shutil, "rmtree", lambda *_args, **_options: None)
        with pytest.raises(SystemExit):
            run_predictions()
    left = len(list(tmp_path.glob("predictions/*")))
    PredictionRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    run = run_predictions()

    assert left == 1
    assert (run.state, run.attempts, run.scored) == ("done", 2, 600)
    assert PredictionModel.objects.count() == 1
    assert list(tmp_path.glob("predictions/*")) == []


def test_a_run_that_is_cancelled_while_learning_stops(space, monkeypatch):
    make_history(space=space, people=600, days=70, order_chance="0.02")
    trait = make_prediction(space=space)
    monkeypatch.setattr(predict_training, "LOOK_SECONDS", 0.01)

    def asked(run):
        cancel_run(trait=trait, cancelled_by=None)
        return False

    monkeypatch.setattr(predict_runs, "_keep", asked)
    run_predictions()

    trait.refresh_from_db()
    assert PredictionRun.objects.get().state == "cancelled"
    assert not PredictionModel.objects.exists()
    assert trait.status == ComputeStatus.FAILED


def test_learning_that_fails_is_tried_again_and_then_said(space, monkeypatch):
    make_history(space=space, people=600, days=70, order_chance="0.02")
    trait = make_prediction(space=space)
    monkeypatch.setattr(predict_training.sys, "executable", "/bin/false")
    states = []
    for _ in range(5):
        PredictionRun.objects.update(lease_until=None)
        states.append(run_predictions().state)

    trait.refresh_from_db()
    assert states == ["running"] * 4 + ["failed"]
    assert trait.status == ComputeStatus.FAILED
    assert "Learning failed" in trait.status_detail


def test_an_error_of_the_database_is_tried_again(space, monkeypatch):
    person_at(space, orders_ago=[1], now=timezone.now())
    trait = make_prediction(space=space)
    make_model(trait)
    open_run(trait, trains=False)

    def broken(**_options):
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(predict_runs, "read_table", broken)
        first = run_predictions()
    error, state = first.error, first.state
    PredictionRun.objects.update(lease_until=None)
    second = run_predictions()

    assert (error, state) == ("the disk is full", "running")
    assert second.state == "done"


def test_what_nobody_thought_of_is_tried_again_and_then_said(space, monkeypatch):
    trait = make_prediction(space=space)
    monkeypatch.setattr(predict_runs, "train", lambda *_args, **_options: 1 / 0)
    states = []
    for _ in range(5):
        PredictionRun.objects.update(lease_until=None)
        states.append(run_predictions().state)

    trait.refresh_from_db()
    assert states == ["running"] * 4 + ["failed"]
    assert trait.status_detail == "Unexpected ZeroDivisionError: the log of the worker says more."


def test_a_damaged_model_is_not_used(space):
    person_at(space, orders_ago=[1], now=timezone.now())
    trait = make_prediction(space=space)
    model = make_model(trait)
    PredictionModel.objects.update(body=bytes(model.body)[:-1] + b"x")
    open_run(trait, trains=False)
    run = run_predictions()

    trait.refresh_from_db()
    assert run.state == "failed"
    assert "Press Retrain" in trait.status_detail
    assert values(trait) == {}


def test_a_refused_training_leaves_the_model_in_use(space):
    person = person_at(space, orders_ago=[1], now=timezone.now())
    trait = make_prediction(space=space)
    make_model(trait)
    retrain_run = open_run(trait, trains=True)
    run_predictions()

    trait.refresh_from_db()
    retrain_run.refresh_from_db()
    assert retrain_run.state == "done"
    assert "was not trained again" in retrain_run.note
    assert set(values(trait)) == {person.id}
    assert trait.status == ComputeStatus.LIVE


def test_everybody_is_scored_daily_and_a_model_trained_weekly(space):
    now = timezone.now()
    trait = make_prediction(space=space)
    model = make_model(trait)
    PredictionRun.objects.all().delete()
    first = open_due(now)
    second = open_due(now)
    run_predictions()
    soon = open_due(timezone.now() + timedelta(hours=23))
    later = open_due(timezone.now() + timedelta(hours=25))
    daily = PredictionRun.objects.order_by("-id")[0]
    PredictionRun.objects.all().delete()
    PredictionModel.objects.filter(pk=model.pk).update(trained_at=now - timedelta(days=8))
    open_due(timezone.now())
    weekly = PredictionRun.objects.get()
    PredictionRun.objects.all().delete()
    set_enabled(trait=trait, is_enabled=False, changed_by=None)
    off = open_due(timezone.now())

    assert (first, second, soon, later, off) == (1, 0, 0, 1, 0)
    assert (daily.trains, daily.is_scheduled) == (False, True)
    assert weekly.trains is True


def test_a_scheduled_run_does_not_change_the_status_meanwhile(space):
    trait = make_prediction(space=space)
    make_model(trait)
    open_run(trait, trains=False)
    run_predictions()
    open_run(trait, trains=False, is_scheduled=True)
    claim_run()

    trait.refresh_from_db()
    assert trait.status == ComputeStatus.LIVE


def test_a_run_hands_over_at_its_deadline_and_goes_on_later(space):
    now = timezone.now()
    for ago in range(1, 6):
        person_at(space, orders_ago=[ago], now=now)
    trait = make_prediction(space=space)
    make_model(trait)
    open_run(trait, trains=False)
    work(claim_run(), slice_profiles=2, deadline=0.0)
    half = PredictionRun.objects.order_by("-id")[0]
    run_predictions(slice_profiles=2)

    half_done = (half.state, half.lease_until, half.profiles_done, half.attempts)
    assert half_done == ("running", None, 2, 0)
    assert len(values(trait)) == 5


def test_a_new_definition_is_learned_anew(space):
    trait = make_prediction(space=space)
    make_model(trait)
    PredictionRun.objects.update(state="done", finished_at=timezone.now())
    update_trait(trait=trait, changed_by=None, definition=DEFINITION | {"horizon": {"days": 30}})

    run = PredictionRun.objects.order_by("-id")[0]
    assert (run.revision, run.trains) == (2, True)


def test_retraining_keeps_the_last_reports(space):
    trait = make_prediction(space=space)
    for _ in range(14):
        make_model(trait)
    predict_training._forget_old(trait)

    bodies = [bool(bytes(model.body)) for model in PredictionModel.objects.order_by("-id")]
    assert bodies == [True, True] + [False] * 10


def test_a_prediction_can_be_retrained_by_hand(space, owner):
    trait = make_prediction(space=space)
    make_model(trait)
    PredictionRun.objects.update(state="done", finished_at=timezone.now())
    found = retrain(trait=trait, retrained_by=owner)

    assert (found.status, PredictionRun.objects.order_by("-id")[0].trains) == (ComputeStatus.PREPARING, True)


def test_one_run_is_worked_on_at_a_time(space, settings):
    make_prediction(space=space)
    make_prediction(space=space, name="Other")
    first, second = claim_run(), claim_run()
    settings.ENGAGE_PREDICTION_RUNS = 2
    third, fourth = claim_run(), claim_run()

    assert (first.state, second, third.state, fourth) == ("running", None, "running", None)
    assert first.pk != third.pk
    assert set(Trait.objects.values_list("status", flat=True)) == {ComputeStatus.COMPUTING}
