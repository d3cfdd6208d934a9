"""REST: the numbers of a journey's steps and the runs of a profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from journeys.models import JourneyVersion
from journeys.tests.factories import row_of
from journeys.tests.live_rows import Past, Stop, moment, person, shop_version, walked
from profiles.models import Profile
from spaces.models import Space, User


@pytest.fixture
def version(space: Space) -> JourneyVersion:
    return shop_version(space)


@pytest.fixture
def ada(space: Space, version: JourneyVersion) -> Profile:
    """Waits for an order."""
    ada = person(space, "Ada")
    walked(version, ada, Stop(step="order", arrived=0, wake=4))
    return ada


@pytest.fixture
def get(version: JourneyVersion, owner: User, api_for: Callable[..., APIClient]) -> Callable[[str], Any]:
    client = api_for(owner, version.journey.space)
    base = f"/api/v1/spaces/{version.journey.space.slug}/journeys/{version.journey.public_id}/"
    return lambda rest: client.get(base + rest)


def test_steps_answer_live_counts(version: JourneyVersion, ada: Profile, get: Callable[[str], Any]) -> None:
    walked(
        version,
        person(version.journey.space, "Ben"),
        Stop(step="order", arrived=0, joined=1, left=2),
        Stop(step="rest", arrived=1, joined=1, left=2),
        Stop(step="pro", arrived=2, joined=2, left=2, branch="true"),
        Stop(step="thanks", arrived=2, joined=2),
        past=Past(completed=2),
    )

    body = get("steps/").json()

    assert {key: value for key, value in body.items() if key != "results"} == {
        "version": 1,
        "entered": 2,
        "in_progress": 1,
        "completed": 1,
        "exited": 0,
        "ended": 0,
    }
    assert [row["id"] for row in body["results"]] == ["entry", "order", "rest", "pro", "thanks"]
    assert body["results"][1] == {
        "id": "order",
        "type": "condition",
        "name": "Ordered",
        "key": None,
        "here": 0,
        "waiting": 1,
        "entered": 1,
        "unique": 1,
        "left": 1,
        "share_of_previous": 0.5,
        "share_of_entry": 0.5,
        "branches": {},
    }
    assert body["results"][3]["branches"] == {"true": 1}
    assert body["results"][4]["key"] == row_of(version, "thanks").key


def test_steps_answer_a_range(ada: Profile, get: Callable[[str], Any]) -> None:
    with time_machine.travel(moment(48), tick=False):
        body = get("steps/?range=today").json()

    assert (body["entered"], body["in_progress"]) == (0, 1)
    assert [(row["here"], row["waiting"], row["entered"]) for row in body["results"][:2]] == [(1, 0, 0), (0, 1, 0)]


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("steps/?version=7", "/version"),
        ("steps/?version=x", "/version"),
        ("steps/?range=custom&from=2026-01-01&to=x", "/to"),
        ("runs/", "/profile"),
        ("runs/?profile=nobody", "/profile"),
    ],
)
def test_bad_parameters_are_named(rest: str, path: str, ada: Profile, get: Callable[[str], Any]) -> None:
    answer = get(rest)

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]


@pytest.mark.parametrize("name", ["ada", "email:ada@example.com", "segment"])
def test_runs_of_a_profile_by_any_identifier(name: str, ada: Profile, get: Callable[[str], Any]) -> None:
    found = get(f"runs/?profile={ada.segment_id if name == 'segment' else name}").json()["results"]

    assert [(run["profile"], run["status"], run["version"], run["ended_at"]) for run in found] == [
        (ada.segment_id, "in_progress", 1, None)
    ]
    assert found[0]["steps"] == [
        {"step": "entry", "name": "Entry", "since": "2026-03-15T12:00:00Z", "waiting": False, "until": None},
        {
            "step": "order",
            "name": "Ordered",
            "since": "2026-03-15T12:00:00Z",
            "waiting": True,
            "until": "2026-03-15T16:00:00Z",
        },
    ]
