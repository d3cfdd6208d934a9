from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from profiles.models import ProfileAlias
from spaces.models import Space, User
from tests import factories

Api = Callable[..., APIClient]


@pytest.mark.parametrize("identifier", ["jane@example.com", "email:Jane@example.com", "u-1"])
def test_profile_by_identifier(identifier: str, owner: User, space: Space, api_for: Api) -> None:
    profile = factories.make_profile(
        space=space, traits={"plan": "pro"}, ids=[("user_id", "u-1"), ("email", "Jane@Example.com")]
    )

    body = api_for(owner, space).get(f"/api/v1/spaces/{space.slug}/profiles/", {"identifier": identifier}).json()

    assert (body["next"], body["previous"], len(body["results"])) == (None, None, 1)
    found = body["results"][0]
    assert (found["id"], found["collection"], found["traits"]) == (profile.segment_id, "users", {"plan": "pro"})
    assert [(item["type"], item["value"]) for item in found["identities"]] == [
        ("user_id", "u-1"),
        ("email", "Jane@Example.com"),
    ]


def test_identifier_is_matched_exactly(owner: User, space: Space, api_for: Api) -> None:
    factories.make_profile(space=space, ids=[("user_id", "u-12")])

    found = api_for(owner).get(f"/api/v1/spaces/{space.slug}/profiles/?identifier=u-1").json()
    by_prefix = api_for(owner).get(f"/api/v1/spaces/{space.slug}/profiles/?prefix=u-1").json()

    assert found["results"] == []
    assert len(by_prefix["results"]) == 1


def test_list_is_paged_by_following_next(owner: User, space: Space, api_for: Api) -> None:
    made = [factories.make_profile(space=space).segment_id for _ in range(5)]
    client = api_for(owner, space)

    found: list[str] = []
    url = f"/api/v1/spaces/{space.slug}/profiles/?limit=2"
    while url:
        body = client.get(url).json()
        found += [row["id"] for row in body["results"]]
        url = body["next"]

    assert found == made[::-1]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "/limit"),
        ("limit=x", "/limit"),
        ("limit=999999999999", "/limit"),
        ("collection=people", "/collection"),
        ("identifier=", "/identifier"),
    ],
)
def test_bad_query_is_refused_at_its_parameter(query: str, path: str, owner: User, space: Space, api_for: Api) -> None:
    response = api_for(owner).get(f"/api/v1/spaces/{space.slug}/profiles/?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == path


def test_detail_answers_the_survivor_of_a_merged_id(owner: User, space: Space, api_for: Api) -> None:
    profile = factories.make_profile(space=space)
    ProfileAlias.objects.create(segment_id="use_old", space_id=space.pk, profile_id=profile.id, merged_at=factories.NOW)

    body = api_for(owner).get(f"/api/v1/spaces/{space.slug}/profiles/use_old/").json()

    assert (body["id"], body["merged_ids"]) == (profile.segment_id, ["use_old"])


def test_events_of_a_profile(owner: User, space: Space, api_for: Api) -> None:
    profile = factories.make_profile(space=space)
    factories.make_event(profile=profile, ts=timezone.now(), properties={"revenue": 5})
    factories.make_event(profile=profile, ts=timezone.now() - timedelta(days=20), name="Old")
    base = f"/api/v1/spaces/{space.slug}/profiles/{profile.segment_id}/events/"
    client = api_for(owner)

    recent = client.get(base).json()["results"]
    old = client.get(base + "?days=0&event=Old").json()["results"]

    assert [event["event"] for event in recent] == ["Order Completed"]
    assert recent[0]["properties"] == {"revenue": 5}
    assert [event["event"] for event in old] == ["Old"]


def test_personal_data_is_masked_without_the_right(space: Space, api_for: Api) -> None:
    user = factories.make_member(workspace=space.workspace, role="user", has_pii_access=False).user
    factories.make_profile(space=space, traits={"email": "jane@example.com"}, ids=[("email", "jane@example.com")])

    response = api_for(user).get(f"/api/v1/spaces/{space.slug}/profiles/")

    assert "jane@example.com" not in response.content.decode()
    assert response.json()["results"][0]["traits"] == {"email": "j••••@example.com"}


def test_audiences_of_a_profile_are_listed(owner: User, space: Space, api_for: Api) -> None:
    profile = factories.make_profile(space=space)

    response = api_for(owner, space).get(f"/api/v1/spaces/{space.slug}/profiles/{profile.segment_id}/audiences/")

    assert (response.status_code, response.json()) == (200, [])
