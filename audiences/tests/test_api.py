"""The REST API of audiences: shapes, errors and rights."""

from __future__ import annotations

import pytest

from audiences.models import Audience
from audiences.services.backfill import claim_run, work
from destinations.services.destinations import create_destination
from tests import factories

pytestmark = pytest.mark.django_db

ECHO = {"url": "http://127.0.0.1:1/"}
ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}


@pytest.fixture
def api(api_for, owner, space):
    return api_for(owner, space)


def url(space, rest=""):
    return f"/api/v1/spaces/{space.slug}/audiences/{rest}"


def create(api, space, **rest):
    return api.post(url(space), {"name": "Buyers", "definition": ORDERED, **rest}, format="json")


def test_creating_answers_id_key_status_and_size(api, space):
    answer = create(api, space)

    assert answer.status_code == 201
    assert answer.json()["id"].startswith("aud_")
    assert len(answer.json()["id"]) == 31
    assert (answer.json()["key"], answer.json()["status"], answer.json()["size"]) == ("buyers", "Preparing", 0)


def test_the_history_choice_is_historical_unless_said_otherwise(api, space):
    """F122."""
    default = create(api, space).json()
    later_only = create(api, space, name="New", include_historical=False).json()

    assert (default["include_historical"], later_only["include_historical"]) == (True, False)


def test_problems_come_back_with_their_paths(api, space):
    answer = create(api, space, definition={"version": 1, "collection": "users", "where": {"any": []}})

    assert answer.status_code == 400
    assert answer.json()["code"] == "definition_invalid"
    assert answer.json()["errors"][0]["path"] == "/where/any"
    assert not Audience.objects.exists()


@pytest.mark.parametrize("definition", [None, 5, "x", [], {}, {"version": 2}, {"where": {"event": None}}])
def test_what_is_no_definition_is_refused(api, space, definition):
    answer = create(api, space, definition=definition)

    assert answer.status_code == 400
    assert not Audience.objects.exists()


def test_members_come_in_pages(api, space):
    people = [factories.make_profile(space=space, ids={"user_id": f"u{number}"}) for number in range(3)]
    for profile in people:
        factories.make_event(profile=profile)
    audience = create(api, space).json()["id"]
    while run := claim_run():
        work(run)

    first = api.get(url(space, f"{audience}/members/?limit=2")).json()
    second = api.get(first["next"]).json()

    assert [person["id"] for person in first["results"]] == [profile.segment_id for profile in people[:2]]
    assert [person["identifiers"] for person in second["results"]] == [{"user_id": ["u2"]}]
    assert second["next"] is None


def test_preview_counts_and_saves_nothing(api, space):
    factories.make_event(profile=factories.make_profile(space=space))
    factories.make_profile(space=space)

    answer = api.post(url(space, "preview/"), {"definition": ORDERED}, format="json")

    assert answer.status_code == 200
    assert answer.json()["count"] == 1
    assert len(answer.json()["sample"]) == 1
    assert not Audience.objects.exists()


def test_connecting_starts_a_first_sync(api, space, owner):
    destination = create_destination(
        space=space,
        actor=owner,
        name="CRM",
        connector="webhook",
        settings={"url": "http://127.0.0.1:1/"},
        is_enabled=True,
    )
    audience = create(api, space).json()["id"]

    answer = api.post(
        url(space, f"{audience}/connections/"),
        {"destination": destination.public_id, "send_identify": False, "send_track": True},
        format="json",
    )
    again = api.post(url(space, f"{audience}/connections/"), {"destination": destination.public_id}, format="json")

    assert answer.status_code == 201
    assert (answer.json()["send_identify"], answer.json()["send_track"]) == (False, True)
    assert again.status_code == 409
    assert destination.connections.get().first_syncs.count() == 1


def test_a_destination_of_another_space_is_not_found(api, space, owner):
    other = factories.make_space(workspace=space.workspace, name="Other")
    destination = create_destination(
        space=other,
        actor=owner,
        name="CRM",
        connector="webhook",
        settings={"url": "http://127.0.0.1:1/"},
        is_enabled=True,
    )
    audience = create(api, space).json()["id"]

    answer = api.post(url(space, f"{audience}/connections/"), {"destination": destination.public_id}, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/destination"


def test_a_read_only_member_reads_and_changes_nothing(api_for, viewer, space, api):
    audience = create(api, space).json()["id"]
    reader = api_for(viewer, space)

    read = reader.get(url(space, f"{audience}/"))
    written = reader.patch(url(space, f"{audience}/"), {"name": "Mine"}, format="json")

    assert (read.status_code, written.status_code) == (200, 403)
    assert Audience.objects.get().name == "Buyers"


def test_an_outsider_sees_nothing(api_for, outsider, space, api):
    audience = create(api, space).json()["id"]
    stranger = api_for(outsider)

    assert stranger.get(url(space)).status_code == 404
    assert stranger.get(url(space, f"{audience}/")).status_code == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=-5", "limit=x", "limit=9999999999999999999999"])
@pytest.mark.parametrize("path", ["audiences/", "deliveries/"])
def test_a_limit_that_is_none_is_refused(api, space, path, query):
    answer = api.get(f"/api/v1/spaces/{space.slug}/{path}?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/limit"


def test_an_audience_of_accounts_is_connected(api, space, owner):
    destination = create_destination(
        space=space, actor=owner, name="CRM", connector="webhook", settings=ECHO, is_enabled=True
    )
    accounts = {"version": 1, "collection": "accounts", "where": {"trait": "employees", "greater_than": 100}}
    audience = create(api, space, definition=accounts).json()["id"]

    answer = api.post(url(space, f"{audience}/connections/"), {"destination": destination.public_id}, format="json")

    assert answer.status_code == 201
    assert destination.connections.get().public_id == answer.json()["id"]


def test_the_schema_of_conditions_is_published(api):
    answer = api.get("/api/v1/schemas/condition.json")

    assert answer.status_code == 200
    assert answer.json()["$schema"].startswith("https://json-schema.org/")
