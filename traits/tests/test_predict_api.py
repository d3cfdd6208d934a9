"""REST of predictions: the check, the training report, Retrain."""

from __future__ import annotations

import pytest

from spaces.models import Role
from tests import factories
from traits.models import PredictionRun, Trait
from traits.tests.building import make_trait
from traits.tests.predicting import DEFINITION, make_history, make_model, make_prediction

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(api_for, owner, space):
    return api_for(owner, space)


def path(space, rest=""):
    return f"/api/v1/spaces/{space.slug}/traits/{rest}"


def test_a_prediction_is_created_and_read(api, space):
    """W057."""
    created = api.post(path(space), {"name": "Will order", "definition": DEFINITION}, format="json")
    found = api.get(path(space, f"{created.json()['id']}/prediction/")).json()

    assert created.status_code == 201
    assert (created.json()["kind"], created.json()["key"]) == ("prediction", "will_order")
    assert found["sentence"] == "Likelihood that the user will perform “Order Completed” within the next 15 days."
    assert (found["report"], found["earlier"], found["missing"]) == (None, [], "")
    assert (found["run"]["state"], found["run"]["phase"], found["run"]["trains"]) == ("waiting", "training", True)


def test_the_report_is_that_of_the_page(api, space):
    trait = make_prediction(space=space)
    make_model(trait, auc=0.7)
    make_model(trait)
    found = api.get(path(space, f"{trait.public_id}/prediction/")).json()

    report = found["report"]
    assert (report["auc"], report["grade"], report["in_use"], report["lift"]) == (0.852, "very good", True, 4.6)
    assert [(old["auc"], old["grade"], old["in_use"]) for old in found["earlier"]] == [(0.7, "fair", False)]
    assert len(report["deciles"]) == 10
    assert report["topics"][0] == {
        "words": "Days since the last “Order Completed”", "drop": 0.09, "more": "less_likely",
    }  # fmt: skip


def test_an_area_that_may_be_chance_is_called_so(api, space):
    trait = make_prediction(space=space)
    make_model(trait, auc=0.6, auc_low=0.49)

    assert api.get(path(space, f"{trait.public_id}/prediction/")).json()["report"]["grade"] == "none"


def test_the_check_says_what_is_missing(api, space):
    make_history(space=space, people=10, days=40)
    found = api.post(path(space, "predictions/check/"), {"definition": DEFINITION}, format="json").json()

    assert (found["ready"], found["horizon_days"], found["people"], found["sampled"]) == (False, 15, 10, False)
    assert found["test"]["people"] == 10
    assert any("500 are needed" in problem for problem in found["problems"])
    assert not Trait.objects.exists()


@pytest.mark.parametrize(
    ("definition", "where"),
    [
        (DEFINITION | {"horizon": {"days": 1}}, "/horizon"),
        ({"version": 1, "collection": "users", "kind": "event_counter", "event": {"event": "A"}}, "/definition/kind"),
    ],
)
def test_the_check_refuses_what_is_no_prediction(api, space, definition, where):
    answer = api.post(path(space, "predictions/check/"), {"definition": definition}, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"].endswith(where)


def test_retrain_is_answered_at_once_and_refused_while_one_runs(api, space):
    trait = make_prediction(space=space)
    PredictionRun.objects.all().delete()
    first = api.post(path(space, f"{trait.public_id}/prediction/retrain/"))
    second = api.post(path(space, f"{trait.public_id}/prediction/retrain/"))

    assert (first.status_code, first.json()["status"]) == (202, "Preparing")
    assert (second.status_code, second.json()["code"]) == (409, "conflict")
    assert PredictionRun.objects.count() == 1


def test_other_traits_have_no_prediction(api, space):
    trait = make_trait(space=space)

    answers = [
        api.get(path(space, f"{trait.public_id}/prediction/")),
        api.post(path(space, f"{trait.public_id}/prediction/retrain/")),
    ]
    assert [answer.status_code for answer in answers] == [404, 404]


def test_who_may_only_look_cannot_retrain(api_for, space):
    trait = make_prediction(space=space)
    viewer = factories.make_member(workspace=space.workspace, role=Role.READ_ONLY).user
    api = api_for(viewer, space)

    assert api.get(path(space, f"{trait.public_id}/prediction/")).status_code == 200
    assert api.post(path(space, f"{trait.public_id}/prediction/retrain/")).status_code == 403
