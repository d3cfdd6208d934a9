"""Definitions of predictions, and what becomes of a probability."""

from __future__ import annotations

import jsonschema
import pytest

from engine.traits import PredictionTrait, TraitError, describe, parse, schema
from engine.traits.prediction_features import Happening, Numbers, Vocabulary, as_json, features_of, from_json, topics_of
from engine.traits.prediction_scores import grade, percentile_value, probability_value

DEFINITION = {
    "version": 1,
    "collection": "users",
    "kind": "prediction",
    "event": {"event": "Order Completed"},
    "horizon": {"days": 30},
}


def test_a_prediction_is_read_with_its_defaults():
    found = parse(DEFINITION)

    assert isinstance(found, PredictionTrait)
    assert (found.event.name, found.days, found.people, found.score) == (
        "Order Completed",
        30,
        "everyone",
        "probability",
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Likelihood that the user will perform “Order Completed” within the next 30 days."),
        (
            {"event": {"type": "page", "event": "Pricing"}, "people": "did_not", "score": "percentile"},
            "Percentile, 1 to 100, of the likelihood that a user who never did it will view the page “Pricing” within "
            "the next 30 days.",
        ),
        (
            {"event": {"event": "A", "properties": [{"property": "plan", "equals": "pro"}]}, "people": "did"},
            "Likelihood that a user who did it before will perform “A” where “plan” is “pro” within the next 30 days.",
        ),
    ],
)
def test_it_is_described_in_a_sentence(changes, sentence):
    assert describe(parse(DEFINITION | changes)) == sentence


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"collection": "accounts"}, "/collection"),
        ({"horizon": {"days": 6}}, "/horizon"),
        ({"horizon": {"days": 121}}, "/horizon"),
        ({"horizon": {"days": 30.0}}, "/horizon"),
        ({"horizon": {"days": True}}, "/horizon"),
        ({"horizon": {"weeks": 4}}, "/horizon"),
        ({"horizon": None}, "/horizon"),
        ({"people": "buyers"}, "/people"),
        ({"people": ["did"]}, "/people"),
        ({"score": "likely"}, "/score"),
        ({"property": "revenue"}, "/property"),
        ({"event": "Order Completed"}, "/event"),
        ({"event": {}}, "/event/event"),
        ({"event": {"event": "A", "window": {"within": {"days": 3}}}}, "/event/window"),
        ({"event": {"event": "A", "count": {"gte": 2}}}, "/event/count"),
        ({"event": {"event": "A", "then": {}}}, "/event/then"),
        (
            {"event": {"event": "A", "properties": [{"property": "a", "within_last": {"days": 1}}]}},
            "/event/properties/0",
        ),
        (
            {"event": {"event": "A", "properties": [{"property": "a", "equals": {"trait": "b"}}]}},
            "/event/properties/0",
        ),
    ],
)
def test_what_cannot_be_predicted_is_refused_at_its_place(changes, path):
    with pytest.raises(TraitError) as caught:
        parse(DEFINITION | changes)

    assert [problem.path for problem in caught.value.problems] == [path]


def test_all_problems_are_told_at_once():
    with pytest.raises(TraitError) as caught:
        parse({"version": 1, "collection": "accounts", "kind": "prediction", "score": 1})

    assert {problem.path for problem in caught.value.problems} == {"/collection", "/event", "/horizon", "/score"}


@pytest.mark.parametrize(
    ("changes", "is_valid"),
    [
        ({}, True),
        ({"people": "did", "score": "percentile"}, True),
        ({"event": {"type": "page", "event": None}}, True),
        ({"horizon": {"days": 6}}, False),
        ({"collection": "accounts"}, False),
        ({"event": {"event": "A", "window": {"within": {"days": 3}}}}, False),
        ({"people": "nobody"}, False),
    ],
)
def test_the_schema_accepts_what_is_read(changes, is_valid):
    validator = jsonschema.Draft202012Validator(schema())

    assert validator.is_valid(DEFINITION | changes) is is_valid


@pytest.mark.parametrize(
    ("probability", "stored", "value"),
    [
        (0.1234, None, 0.12),
        (0.1274, 0.12, 0.12),
        (0.1276, 0.12, 0.13),
        (0.1126, 0.12, 0.12),
        (0.1124, 0.12, 0.11),
        (0.5, "high", 0.5),
        (0.5, True, 0.5),
        (0.004, None, 0.0),
        (0.999, None, 1.0),
    ],
)
def test_a_stored_probability_stays_until_another_says_something_else(probability, stored, value):
    """F088: somebody on the border of two roundings is not sent every day."""
    assert probability_value(probability, stored) == value


def test_percentiles_count_who_is_below():
    cuts = [number / 100 for number in range(1, 100)]

    found = [percentile_value(probability, cuts, None) for probability in (0.0, 0.005, 0.01, 0.5, 0.985, 0.99, 1.0)]
    assert found == [1, 1, 2, 51, 99, 100, 100]
    assert percentile_value(0.505, cuts, 51) == 51
    assert percentile_value(0.515, cuts, 51) == 52


@pytest.mark.parametrize(
    ("auc", "word"), [(0.5, "none"), (0.56, "weak"), (0.7, "fair"), (0.8, "good"), (0.9, "very good"),
                      (0.99, "suspicious"), (0.0, "none")],
)  # fmt: skip
def test_grades_have_words(auc, word):
    assert grade(auc)[0] == word


def test_features_are_made_of_a_vocabulary_that_can_be_stored():
    vocabulary = Vocabulary(
        happenings=(Happening(type=0, name="Product Viewed"), Happening(type=1, name="Pricing")),
        numbers=(Numbers(slot=None, name="revenue"), Numbers(slot=1, name="price")),
    )
    features = features_of(vocabulary, "“Order Completed”")
    topics = topics_of(features)

    assert from_json(as_json(vocabulary)) == vocabulary
    assert len(features) == 8 + 7 + 3 * 2 + 2 * 2
    assert sorted(place for _, places in topics for place in places) == list(range(len(features)))
    assert "Days since the last page “Pricing”" in dict(topics)
    assert "“revenue” of “Order Completed”" in dict(topics)
