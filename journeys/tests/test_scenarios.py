"""Tests that are kept: what came of them is expected again; kept over REST and by page, shown in the review."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from delivery.tests.builders import make_destination
from journeys.models import JourneyScenario, JourneyVersion
from journeys.services import scenarios
from journeys.services.drafts import create_journey
from journeys.tests.definitions import ORDERED, journey, on, step
from spaces.models import Space, User
from tests.factories import NOW

ORDER = {"offset": 60, "event": "Order Completed"}
BUYER = {"events": [{"offset": 0, "event": "Signed Up"}, ORDER, ORDER]}
ClientFor = Callable[[User], Client]


@pytest.fixture
def version(space: Space, owner: User) -> JourneyVersion:
    """Buyers are sent to a webhook."""
    connections = [{"destination": make_destination(space=space).public_id, "send_identify": True, "send_track": True}]
    definition = journey(
        step("wait", "delay", "entry", duration={"hours": 1}),
        step("bought", "true_false", "wait", name="Bought?", condition=ORDERED, true_name="Yes", false_name="No"),
        step("thanks", "send_to_destinations", on("bought", "true"), name="Thanks", connections=connections),
    )
    return create_journey(space=space, name="First purchase", definition=definition, created_by=owner)


def kept(version: JourneyVersion, name: str = "Buyer", **body: Any) -> JourneyScenario:
    return scenarios.save_scenario(version=version, name=name, body=body or BUYER, now=NOW, saved_by=None)


def without_thanks(version: JourneyVersion) -> None:
    """The send hangs on the other branch now."""
    version.definition["steps"][-1]["after"] = {"step": "bought", "branch": "false"}
    version.save()


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def test_a_scenario_keeps_what_came_of_the_test(version: JourneyVersion) -> None:
    scenario = kept(version, "  The   buyer ", **BUYER, send=True)

    assert scenario.name == "The buyer"
    assert "send" not in scenario.request
    assert (scenario.expected["entered"], scenario.expected["completed"]) == (1, True)
    assert scenario.result["ok"] is True
    assert scenarios.failing(version, NOW) == []


def test_a_change_is_told_in_sentences(version: JourneyVersion) -> None:
    kept(version)
    bought = JourneyScenario.objects.get().expected["steps"]["bought"]
    without_thanks(version)

    (scenario,) = scenarios.run_all(version=version, now=NOW)

    scenario.refresh_from_db()
    assert bought == "true"
    assert scenario.result["ok"] is False
    assert scenario.result["differences"] == [
        "“Thanks”: not reached; expected was: reached.",
        "Sent: nothing; expected was: Thanks (true).",
    ]


def test_the_same_name_replaces_what_is_expected(version: JourneyVersion) -> None:
    kept(version)
    without_thanks(version)

    kept(version)

    assert JourneyScenario.objects.count() == 1
    assert scenarios.failing(version, NOW) == []


def test_a_person_who_is_gone_fails_the_scenario(version: JourneyVersion) -> None:
    scenario = kept(version)
    scenario.request = {"profile": "nobody"}

    result = scenarios.check(scenario, version, NOW)

    assert result["differences"] == [
        "It could not be run: No profile of a person has this identifier. Give a user id, an e-mail address or a "
        "Segment ID."
    ]


def test_scenarios_over_rest(version: JourneyVersion, owner: User) -> None:
    client = APIClient()
    client.force_authenticate(owner)
    url = f"/api/v1/spaces/{version.journey.space.slug}/journeys/{version.journey.public_id}/scenarios/"

    saved = client.post(url, {"name": "Buyer", "test": BUYER}, format="json")
    nameless = client.post(url, {"name": " ", "test": BUYER}, format="json")
    broken = client.post(url, {"name": "Other", "test": {"events": [{"offset": -1}]}}, format="json")
    without_thanks(version)
    ran = client.post(url + "run/", {}, format="json")
    listed = client.get(url)
    gone = client.delete(f"{url}{saved.json()['id']}/")

    assert (saved.status_code, nameless.status_code, broken.status_code) == (201, 400, 400)
    assert [one["result"]["ok"] for one in ran.json()["results"]] == [False]
    assert [one["name"] for one in listed.json()["results"]] == ["Buyer"]
    assert (gone.status_code, JourneyScenario.objects.count()) == (204, 0)


def test_scenarios_by_page(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    client = client_for(owner)
    base = f"/s/{version.journey.space.slug}/journeys/{version.journey.public_id}/"
    row = {"event.0.offset": "0", "event.0.unit": "hours", "event.0.kind": "track", "event.0.name": "Signed Up"}
    posted = {"who": "generated", "user_id": "u1", "days": "30", "save": "1", **row}

    empty = text_of(client.get(base + "scenarios/"))
    refused = client.post(base + "test/", posted | {"name": ""})
    saved = client.post(base + "test/", posted | {"name": "Signs up"})
    scripted = client.post(base + "test/", posted | {"name": "Signs up"}, headers={"HX-Request": "true"})
    without_thanks(version)
    client.post(base + "scenarios/run/")
    listed = text_of(client.get(base + "scenarios/"))
    review = text_of(client.get(base + "review/"))
    deleted = client.post(f"{base}scenarios/{JourneyScenario.objects.get().public_id}/delete/")

    assert 'data-test="scenarios.none"' in empty
    assert (refused.status_code, saved.status_code) == (422, 302)
    assert "Name the scenario" in text_of(refused)
    assert scripted.headers["HX-Redirect"] == saved.headers["Location"]
    assert "Signs up" in listed
    assert "Otherwise" in listed
    assert 'data-test="review.scenarios"' in review
    assert "“Thanks”: reached; expected was: not reached." in review
    assert (deleted.status_code, JourneyScenario.objects.count()) == (302, 0)
