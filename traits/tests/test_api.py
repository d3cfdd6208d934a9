"""The REST API of computed traits, the Profile API and the JSON Schema."""

from __future__ import annotations

import base64

import jsonschema
import pytest
from django.core.cache import cache
from django.test import Client

from delivery.models import Connection
from delivery.tests.builders import make_destination
from destinations import catalog
from engine.tests.test_traits import DEFINITIONS, WRONG
from engine.traits import TraitError, parse
from spaces.models import Role
from tests import factories
from traits.models import Trait
from traits.tests.building import ORDERS, REVENUE, make_trait, order, run_backfill

pytestmark = pytest.mark.django_db
LIST = next(slug for slug, one in sorted(catalog.definitions().items()) if one.kind == "list")


@pytest.fixture
def api(api_for, owner, space):
    return api_for(owner, space)


def path(space, rest=""):
    return f"/api/v1/spaces/{space.slug}/traits/{rest}"


def test_creating_reading_changing_and_deleting(api, space):
    body = {"name": "Total revenue", "definition": REVENUE, "description": "In dollars"}
    created = api.post(path(space), body, format="json")
    one = path(space, f"{created.json()['id']}/")
    order(factories.make_profile(space=space), 450)
    run_backfill()
    read = api.get(one).json()
    listed = api.get(path(space)).json()["results"]
    renamed = api.patch(one, {"name": "Revenue", "definition": REVENUE | {"aggregate": "avg"}}, format="json").json()
    early = api.delete(one)
    run_backfill()
    disabled = api.patch(one, {"enabled": False}, format="json").json()
    deleted = api.delete(one)
    gone = api.get(one)
    again = api.post(path(space), body, format="json")

    assert created.status_code == 201
    assert created.json()["id"].startswith("tra_")
    assert (read["key"], read["kind"], read["status"], read["size"]) == ("total_revenue", "aggregation", "Live", 1)
    assert read["sentence"] == "Sum of “revenue” over all times the user performed “Order Completed”."
    assert listed == [read]
    assert (renamed["name"], renamed["key"], renamed["revision"]) == ("Revenue", "total_revenue", 2)
    assert early.status_code == 409
    assert disabled["status"] == "Disabled"
    assert (deleted.status_code, gone.status_code) == (204, 404)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (400, "key_used")


def test_every_problem_of_a_definition_is_answered_with_its_path(api, space):
    definition = {"version": 1, "collection": "users", "kind": "aggregation", "event": {"event": "A", "count": {}}}

    answer = api.post(path(space), {"name": "X", "definition": definition}, format="json")

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == ["/event/count", "/property", "/aggregate"]
    assert not Trait.objects.exists()


def test_kind_and_collection_stay(api, space):
    trait = make_trait(space=space)

    answer = api.patch(path(space, f"{trait.public_id}/"), {"definition": ORDERS}, format="json")

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == ["/kind"]


def test_a_trait_may_not_come_to_read_itself(api, space):
    trait = make_trait(space=space)
    event = {"event": "A", "properties": [{"property": "x", "equals": {"trait": "total_revenue"}}]}

    answer = api.patch(path(space, f"{trait.public_id}/"), {"definition": REVENUE | {"event": event}}, format="json")

    assert [error["code"] for error in answer.json()["errors"]] == ["cycle"]


def test_preview_values_and_distribution(api, space):
    profiles = [factories.make_profile(space=space) for _ in range(3)]
    for profile, revenue in zip(profiles, (10, 20, 40), strict=True):
        order(profile, revenue)

    preview = api.post(path(space, "preview/"), {"definition": REVENUE}, format="json").json()
    trait = make_trait(space=space)
    first = api.get(path(space, f"{trait.public_id}/values/?limit=2")).json()
    rest = api.get(first["next"]).json()
    distribution = api.get(path(space, f"{trait.public_id}/distribution/")).json()

    assert (preview["count"], [row["value"] for row in preview["sample"]]) == (3, [10, 20, 40])
    assert [row["value"] for row in first["results"] + rest["results"]] == [10, 20, 40]
    assert rest["next"] is None
    assert (distribution["sum"], distribution["median"], distribution["low"]) == (70, 20, 10)


def test_connecting_and_the_refusal_of_lists(api, space):
    """F060, F065."""
    trait = make_trait(space=space)
    one = path(space, f"{trait.public_id}/connections/")
    destination = make_destination(space=space)
    listing = make_destination(space=space, connector=LIST)

    made = api.post(one, {"destination": destination.public_id, "event_name": "Revenue"}, format="json")
    refused = api.post(one, {"destination": listing.public_id}, format="json")

    assert made.status_code == 201
    assert (made.json()["event_name"], made.json()["send_identify"], made.json()["send_track"]) == (
        "Revenue", True, False,
    )  # fmt: skip
    assert [error["code"] for error in refused.json()["errors"]] == ["trait_to_list"]
    assert len(api.get(one).json()["results"]) == Connection.objects.count() == 1


def test_refresh_and_cancel(api, space):
    trait = make_trait(space=space)

    idle = api.post(path(space, f"{trait.public_id}/cancel/"))
    refreshed = api.post(path(space, f"{trait.public_id}/refresh/"))
    twice = api.post(path(space, f"{trait.public_id}/refresh/"))
    cancelled = api.post(path(space, f"{trait.public_id}/cancel/"))

    assert [idle.status_code, refreshed.status_code, twice.status_code] == [409, 202, 409]
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "Failed")


def test_values_are_masked_without_the_right_to_personal_data(api_for, space):
    """W094."""
    member = factories.make_member(workspace=space.workspace, role=Role.READ_ONLY, has_pii_access=False)
    buyer = factories.make_profile(space=space, traits={"name": "Ann"})
    order(buyer, properties={"email": "ann@example.com"})
    definition = {k: v for k, v in REVENUE.items() if k != "aggregate"} | {"kind": "last", "property": "email"}
    trait = make_trait(space=space, name="Last mail", definition=definition)
    api = api_for(member.user, space)

    text = api.get(path(space, f"{trait.public_id}/values/")).content.decode()
    preview = api.post(path(space, "preview/"), {"definition": definition}, format="json").content.decode()

    assert "ann@example.com" not in text + preview
    assert '"Ann"' not in text + preview


def test_the_profile_api_answers_computed_traits(owner, space):
    """F061."""
    buyer = factories.make_profile(space=space, ids={"user_id": "u1"}, traits={"plan": "pro"})
    order(buyer, 450.25)
    make_trait(space=space)
    cache.clear()
    secret = base64.b64encode(f"{factories.make_token(user=owner, space=space)}:".encode()).decode()
    client = Client(headers={"authorization": f"Basic {secret}"})
    base = f"/v1/spaces/{space.public_id}/collections/users/profiles/user_id:u1/traits"

    included = client.get(base, {"include": "total_revenue"}).json()["traits"]
    computed = client.get(base, {"class": "computed_trait"}).json()["traits"]

    assert included == {"total_revenue": 450.25}
    assert computed == {"total_revenue": 450.25}


def test_the_schema_accepts_what_the_parser_accepts(api):
    schema = api.get("/api/v1/schemas/trait.json").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    assert [definition for definition in DEFINITIONS if not validator.is_valid(definition)] == []
    # Two dots in a row are more than a schema says.
    assert [paths for definition, paths in WRONG if validator.is_valid(definition)] == [["/property"]]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=str)
def test_every_sample_definition_is_parsed(definition):
    parse(definition)


@pytest.mark.parametrize(("definition", "paths"), WRONG, ids=str)
def test_every_wrong_definition_is_refused(definition, paths):
    with pytest.raises(TraitError) as refused:
        parse(definition)

    assert [problem.path for problem in refused.value.problems] == paths
