"""What predictions learn from: figures as of a cut-off, nothing of what comes after it, and whether it is enough."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from engine.traits.prediction_features import Happening, Vocabulary
from profiles.models import Event
from tests import factories
from traits.predict_compiler import People
from traits.services.definitions import parsed
from traits.services.predict_data import cutoffs_of, features, read_table, read_vocabulary, readiness
from traits.tests.predicting import make_history, make_prediction, person_at

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("days", "people", "chance", "said"),
    [
        (20, 10, "0.9", "30 days are needed, twice the horizon"),
        (60, 600, "0.001", "100 are needed"),
        (60, 600, "1", "100 who did not are needed"),
    ],
)
def test_each_reason_has_its_sentence(space, days, people, chance, said):
    make_history(space=space, people=people, days=days, order_chance=chance)
    trait = make_prediction(space=space)

    found = readiness(space=space, trait=parsed(trait), now=timezone.now())

    assert any(said in problem for problem in found.problems)


def test_nothing_stored_yet_is_said(space):
    trait = make_prediction(space=space)

    found = readiness(space=space, trait=parsed(trait), now=timezone.now())

    assert found.problems == ("No event of a person is stored yet. Send events first.",)


def table_at(space, trait, cutoff, vocabulary=Vocabulary(happenings=(Happening(type=0, name="Page Viewed"),))):  # noqa: B008
    return read_table(
        space=space,
        trait=parsed(trait),
        people=People(first=0, last=10**9),
        vocabulary=vocabulary,
        cutoff=cutoff,
    )


def test_features_are_those_of_the_history_up_to_the_cutoff(space):
    now = timezone.now()
    trait = make_prediction(space=space)
    vocabulary = Vocabulary(happenings=(Happening(type=0, name="Page Viewed"),))
    person = person_at(space, orders_ago=[50, 35, 20, 10, 1], now=now)
    factories.make_event(profile=person, name="Page Viewed", ts=now - timedelta(days=40))
    table = table_at(space, trait, now - timedelta(days=15), vocabulary)

    names = [(each.measure, each.subject, each.days) for each in features(parsed(trait), vocabulary)]
    found = {name: round(float(value), 2) for name, value in zip(names, table.figures[0], strict=True)}
    assert table.ids.tolist() == [person.id]
    assert table.labels.tolist() == [1.0]
    assert found["first", "any", None] == 35
    assert found["last", "any", None] == 5
    assert found["count", "target", 7] == 1
    assert found["count", "target", 30] == 2
    assert found["count", "target", None] == 3
    assert found["gap", "target", None] == 15
    assert found["last", 1, None] == 25
    assert found["count", "any", None] == 4


def test_what_happens_after_the_cutoff_changes_no_feature(space):
    """No leakage: with the future taken away, or made up, every feature and every person stays as it was."""
    now = timezone.now()
    ids = make_history(space=space, people=80, days=60, now=now)
    trait = make_prediction(space=space)
    cutoff = now - timedelta(days=15)
    before = table_at(space, trait, cutoff)
    words = read_vocabulary(space=space, trait=parsed(trait), people=People(first=0, last=10**9), cutoff=cutoff)
    Event.objects.filter(ts__gt=cutoff).delete()
    without = table_at(space, trait, cutoff)
    for number, profile_id in enumerate(ids):
        profile = factories.Profile.objects.get(id=profile_id)
        factories.make_event(profile=profile, ts=cutoff + timedelta(days=1), properties={"revenue": 1})
        factories.make_event(profile=profile, name=f"New {number}", ts=cutoff + timedelta(seconds=1))
    after = table_at(space, trait, cutoff)
    later = read_vocabulary(space=space, trait=parsed(trait), people=People(first=0, last=10**9), cutoff=cutoff)

    assert before.figures.tobytes() == without.figures.tobytes() == after.figures.tobytes()
    assert before.ids.tolist() == without.ids.tolist() == after.ids.tolist()
    assert 0 < before.labels.sum() < 80
    assert (without.labels.sum(), after.labels.sum()) == (0, 80)
    assert words == later


def test_the_test_lies_after_everything_that_was_learned(space):
    now = timezone.now()
    cutoffs = cutoffs_of(now=now, since=now - timedelta(days=100), days=15)

    days = [(now - cutoff).days for cutoff in cutoffs]
    assert days == [30, 45, 60]
    assert max(cutoffs) + timedelta(days=15) <= now - timedelta(days=15)


def test_conditions_on_properties_count(space):
    now = timezone.now()
    person = person_at(space, orders_ago=[20, 5], now=now)
    factories.make_event(profile=person, ts=now - timedelta(days=4), properties={"revenue": 500})
    tests = [{"property": "revenue", "greater_than": 100}]
    trait = make_prediction(space=space, event={"event": "Order Completed", "properties": tests})
    label = [table_at(space, trait, now - timedelta(days=ago)).labels.tolist() for ago in (15, 3)]

    assert label == [[1.0], [0.0]]
