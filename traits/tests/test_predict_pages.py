"""Predictions in the builder, on their own page and through the API."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from audiences.models import ComputeStatus
from delivery.services.trait_sources import trait_options
from spaces.models import AuditEntry
from tests import factories
from traits.models import PredictionModel, PredictionRun, Trait
from traits.tests.building import make_trait
from traits.tests.predicting import DEFINITION, make_history, make_model, make_prediction, run_predictions

pytestmark = pytest.mark.django_db
FORM = {
    "kind": "prediction",
    "collection": "users",
    "n.kind": "group",
    "n.implied": "1",
    "n-0.kind": "event",
    "n-0.type": "track",
    "n-0.name": "Order Completed",
    "horizon": "15",
    "people": "did",
    "score": "percentile",
}


def url(name, space, **where):
    return reverse(f"traits:{name}", kwargs={"space": space.slug, **where})


@pytest.fixture
def client(client_for, owner):
    return client_for(owner)


def test_a_prediction_is_built_reviewed_and_created(client, space):
    """W057."""
    build = client.get(url("new", space)).url
    shown = client.post(build, FORM | {"op": "refresh"}).content.decode()
    review = client.post(build, FORM | {"op": "next"})
    page = client.get(review.url).content.decode()
    created = client.post(review.url, {"op": "create", "name": "Will reorder"})

    trait = Trait.objects.get()
    assert "Within the next" in shown
    assert "Include history" not in shown
    sentence = "that a user who did it before will perform “Order Completed” within the next 15 days."
    assert sentence in page
    assert "once a week a new model is trained" in page
    assert created.url == url("overview", space, trait_id=trait.public_id)
    assert (trait.kind, trait.key, trait.definition) == (
        "prediction",
        "will_reorder",
        DEFINITION | {"people": "did", "score": "percentile"},
    )
    assert PredictionRun.objects.get().state == "waiting"


@pytest.mark.parametrize(("horizon", "said"), [("3", "from 7 to 120"), ("", "from 7 to 120"), ("121", "from 7 to 120")])
def test_a_horizon_out_of_range_is_refused_at_its_field(client, space, horizon, said):
    build = client.get(url("new", space)).url

    answer = client.post(build, FORM | {"horizon": horizon, "op": "next"})

    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'href="#horizon"' in text
    assert said in text


def test_the_preview_says_whether_the_history_is_enough(client, space):
    make_history(space=space, people=20, days=40)
    build = client.get(url("new", space)).url

    text = client.post(build, FORM | {"people": "everyone", "op": "preview"}).content.decode()

    assert "Not enough to learn from yet" in text
    assert "500 are needed" in text


def test_the_report_tells_how_good_the_model_is(client, space):
    trait = make_prediction(space=space)
    make_model(trait)

    text = client.get(url("prediction", space, trait_id=trait.public_id)).content.decode()

    assert "0.852" in text
    assert "Very good" in text
    assert "Days since the last “Order Completed”" in text
    assert text.count('data-test="prediction.decile"') == 10


def test_a_trait_without_a_model_says_so(client, space):
    trait = make_prediction(space=space)

    text = client.get(url("prediction", space, trait_id=trait.public_id)).content.decode()

    assert "There is no training report yet" in text
    assert "Waiting for a worker" in text


def test_the_live_part_is_the_page_without_script(client, space):
    trait = make_prediction(space=space)
    where = url("prediction_live", space, trait_id=trait.public_id)

    plain = client.get(where)
    part = client.get(where, headers={"HX-Request": "true"}).content.decode()

    assert plain.url == url("prediction", space, trait_id=trait.public_id)
    assert "<html" not in part


def test_other_traits_have_no_training_report(client, space):
    trait = make_trait(space=space)

    answer = client.get(url("prediction", space, trait_id=trait.public_id))

    assert answer.status_code == 404


def test_retrain_opens_a_run_that_trains_once(client, space):
    make_history(space=space, people=5, days=40)
    trait = make_prediction(space=space)
    run_predictions()
    client.post(url("prediction_retrain", space, trait_id=trait.public_id))
    again = client.post(url("prediction_retrain", space, trait_id=trait.public_id), follow=True)

    runs = list(PredictionRun.objects.order_by("id").values_list("state", "trains"))
    assert runs == [("failed", True), ("waiting", True)]
    assert "being trained or scored already" in again.content.decode()
    assert AuditEntry.objects.order_by("-id")[0].action == "trait.retrained"


def test_the_builder_of_a_prediction_shows_and_changes_it(client, space):
    trait = make_prediction(space=space)
    PredictionRun.objects.update(state="done", finished_at=timezone.now())
    address = url("builder", space, trait_id=trait.public_id)
    shown = client.get(address).content.decode()
    client.post(address, FORM | {"horizon": "30", "people": "everyone", "score": "probability", "revision": "1",
                                 "op": "save"})  # fmt: skip

    trait.refresh_from_db()
    assert 'value="15"' in shown
    assert (trait.definition["horizon"], trait.revision, trait.status) == ({"days": 30}, 2, ComputeStatus.PREPARING)
    assert PredictionRun.objects.order_by("-id")[0].revision == 2


def test_cancelling_stops_the_run_and_says_so(client, space):
    trait = make_prediction(space=space)

    client.post(url("cancel", space, trait_id=trait.public_id))

    trait.refresh_from_db()
    assert (trait.status, PredictionRun.objects.get().state) == (ComputeStatus.FAILED, "cancelled")


def test_the_pages_of_every_trait_work_for_predictions(client, space):
    trait = make_prediction(space=space)
    make_model(trait)

    for name in ("overview", "values", "settings", "live"):
        assert client.get(url(name, space, trait_id=trait.public_id)).status_code in {200, 302}
    assert "Training report" in client.get(url("overview", space, trait_id=trait.public_id)).content.decode()
    assert client.get(url("clone", space, trait_id=trait.public_id)).status_code == 302


def test_a_profile_shows_its_score(client, space):
    trait = make_prediction(space=space)
    profile = factories.make_profile(space=space)

    text = client.get(url("profile_traits", space, segment_id=profile.segment_id)).content.decode()

    assert trait.name in text


def test_pickers_offer_predictions_in_a_group_of_their_own(space):
    """F022."""
    make_prediction(space=space)

    offered = trait_options(space, text="likely", shows_pii=True)
    assert [(one["value"], one["group"]) for one in offered] == [("likely_to_order", "Predictive traits")]


def test_who_may_only_look_cannot_retrain(client_for, viewer, space):
    trait = make_prediction(space=space)
    page = client_for(viewer).get(url("prediction", space, trait_id=trait.public_id))
    refused = client_for(viewer).post(url("prediction_retrain", space, trait_id=trait.public_id))

    assert page.status_code == 200
    assert refused.status_code == 403
    assert PredictionModel.objects.count() == 0
