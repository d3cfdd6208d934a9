"""The Profile API of ingestion-and-profiles.md §5, with Segment's paths, authentication and shapes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from audiences.models import Audience, Membership
from engage_admin.profile_api.base import SpaceThrottle
from journeys.models import Journey, JourneyStep, JourneyVersion, Position, Run, VersionState
from profiles.models import Profile
from spaces.models import Role, Space, User
from tests import factories

Get = Callable[..., Any]


@pytest.fixture(autouse=True)
def _fresh_rate() -> None:
    cache.clear()


@pytest.fixture
def person(space: Space) -> Profile:
    return factories.make_profile(
        space=space,
        traits={"plan": "pro", "email": "ada@example.com", "age": 36},
        ids=[("user_id", "Ada-1"), ("email", "ada@example.com"), ("email", "ada+two@example.com")],
        segment_id="use_ada",
    )


@pytest.fixture
def get(space: Space, owner: User) -> Get:
    """`get("users/profiles/user_id:ada-1/traits", limit=1)`"""
    secret = factories.make_token(user=owner, space=space)
    return _getter(space, secret)


def _getter(space: Space, secret: str) -> Get:
    header = "Basic " + base64.b64encode(f"{secret}:".encode()).decode()

    def call(path: str, base: str = "spaces", **query: Any) -> Any:
        return Client().get(
            f"/v1/{base}/{space.public_id}/collections/{path}", query, headers={"authorization": header}
        )

    return call


def _member(space: Space, person: Profile, *, key: str, is_member: bool) -> None:
    audience = Audience.objects.create(
        space=space, key=key, name=key, definition={"version": 1, "collection": "users", "where": {}}
    )
    Membership.objects.create(
        space_id=space.pk,
        audience_id=audience.pk,
        profile_id=person.id,
        is_member=is_member,
        changed_at=factories.NOW,
    )


def _sent(space: Space, person: Profile, *, key: str) -> None:
    """The person joined a journey's step of this key."""
    journey = Journey.objects.create(space=space, name="First purchase", key="first_purchase")
    version = JourneyVersion.objects.create(
        journey=journey, number=1, state=VersionState.PUBLISHED, definition={"steps": []}
    )
    step = JourneyStep.objects.create(
        space=space, journey=journey, step_id="s", type="send_to_destinations", name="Opened email", key=key
    )
    where = {"space_id": space.pk, "profile_id": person.id, "version_id": version.pk}
    Run.objects.create(**where, id=1, journey_id=journey.pk, entered_at=factories.NOW)
    Position.objects.create(**where, run_id=1, step_id=step.pk, arrived_at=factories.NOW, joined_at=factories.NOW)


@pytest.mark.parametrize(
    "lookup", ["user_id:Ada-1", "user_id:ada-1", "email:ada@example.com", "email:ada%2Btwo@example.com", "use_ada"]
)
def test_a_profile_is_found_by_any_identifier_in_any_case(get: Get, person: Profile, lookup: str) -> None:
    answer = get(f"users/profiles/{lookup}/traits")

    assert answer.status_code == 200
    assert answer.json()["traits"] == {"age": 36, "email": "ada@example.com", "plan": "pro"}
    assert answer["Request-Id"]


def test_the_older_address_works_too(get: Get, person: Profile) -> None:
    answer = get("users/profiles/user_id:ada-1/traits", base="namespaces")

    assert answer.json()["traits"]["plan"] == "pro"


def test_class_audience_answers_audiences_and_journey_keys(get: Get, space: Space, person: Profile) -> None:
    """F012, F061: the same values as the destinations were sent, under their keys."""
    _member(space, person, key="big_spenders", is_member=True)
    _member(space, person, key="left_long_ago", is_member=False)
    _sent(space, person, key="j_o_first_purchase__opened_email_dje83h")

    answer = get("users/profiles/user_id:ada-1/traits", **{"class": "audience"})

    assert answer.json()["traits"] == {
        "big_spenders": True,
        "j_o_first_purchase__opened_email_dje83h": True,
        "left_long_ago": False,
    }


def test_traits_come_in_pages_that_follow_one_another(get: Get, person: Profile) -> None:
    first = get("users/profiles/use_ada/traits", limit=2).json()

    second = Client().get(
        first["cursor"]["url"],
        headers={"authorization": get("users/profiles/x/traits").wsgi_request.headers["authorization"]},
    )

    assert list(first["traits"]) == ["age", "email"]
    assert first["cursor"]["has_more"] is True
    assert first["cursor"]["limit"] == 2
    assert second.json()["traits"] == {"plan": "pro"}
    assert second.json()["cursor"] == {"url": "", "has_more": False, "next": "", "limit": 2}


def test_include_and_verbose(get: Get, person: Profile) -> None:
    answer = get("users/profiles/use_ada/traits", include="plan,nothing", verbose="true")

    assert answer.json()["traits"] == {
        "plan": {"value": "pro", "source_id": None, "updated_at": "2026-03-15T12:00:00Z"}
    }


def test_external_ids_by_type(get: Get, person: Profile) -> None:
    answer = get("users/profiles/use_ada/external_ids", include="email")

    assert [(row["type"], row["id"], row["collection"], row["encoding"]) for row in answer.json()["data"]] == [
        ("email", "ada@example.com", "users", "none"),
        ("email", "ada+two@example.com", "users", "none"),
    ]


def test_events_of_the_last_two_weeks_in_both_orders(get: Get, space: Space, person: Profile) -> None:
    now = timezone.now()
    for days, name in ((1, "Order Completed"), (2, "Product Viewed"), (20, "Signed Up")):
        factories.make_event(profile=person, name=name, ts=now - timedelta(days=days))

    newest = get("users/profiles/use_ada/events").json()["data"]
    oldest = get("users/profiles/use_ada/events", sort="asc", limit=1).json()
    following = get("users/profiles/use_ada/events", sort="asc", limit=1, next=oldest["cursor"]["next"]).json()
    only = get("users/profiles/use_ada/events", exclude="Product Viewed").json()["data"]

    assert [event["event"] for event in newest] == ["Order Completed", "Product Viewed"]
    assert newest[0]["related"] == {"users": "use_ada"}
    assert [event["event"] for event in oldest["data"]] == ["Product Viewed"]
    assert [event["event"] for event in following["data"]] == ["Order Completed"]
    assert [event["event"] for event in only] == ["Order Completed"]


def test_links_and_metadata(get: Get, space: Space, person: Profile) -> None:
    factories.make_account(space=space, ids=[("group_id", "acme")], users=[person])

    links = get("users/profiles/use_ada/links").json()["data"]
    metadata = get("users/profiles/use_ada/metadata").json()["metadata"]

    assert links == [
        {
            "to_collection": "accounts",
            "external_ids": [{"id": "acme", "type": "group_id", "collection": "accounts", "encoding": "none"}],
        }
    ]
    assert metadata["created_at"] == "2026-03-15T12:00:00Z"
    assert metadata["expires_at"] is None


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("users/profiles/user_id:nobody/traits", {}, 404, "not_found"),
        ("accounts/profiles/use_ada/traits", {}, 404, "not_found"),
        ("robots/profiles/use_ada/traits", {}, 404, "not_found"),
        ("users/profiles/use_ada/traits", {"limit": "201"}, 400, "validation_error"),
        ("users/profiles/use_ada/traits", {"limit": "many"}, 400, "validation_error"),
        ("users/profiles/use_ada/traits", {"class": "cohort"}, 400, "validation_error"),
        ("users/profiles/use_ada/traits", {"next": "%%%"}, 400, "validation_error"),
        ("users/profiles/use_ada/events", {"start": "yesterday"}, 400, "validation_error"),
        ("users/profiles/use_ada/events", {"start": "2026-99-99T00:00:00Z"}, 400, "validation_error"),
        ("users/profiles/use_ada/events", {"sort": "up"}, 400, "validation_error"),
        ("users/profiles/use_ada/events", {"next": "bm90aGluZw"}, 400, "validation_error"),
    ],
)
def test_errors_have_segments_shape(
    get: Get, person: Profile, path: str, query: dict[str, str], status: int, code: str
) -> None:
    answer = get(path, **query)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


def test_who_has_no_token_is_asked_for_one(space: Space, person: Profile) -> None:
    nobody = Client().get(f"/v1/spaces/{space.public_id}/collections/users/profiles/use_ada/traits")
    wrong = _getter(space, "eat_unknown")("users/profiles/use_ada/traits")

    assert nobody.status_code == 401
    assert nobody["WWW-Authenticate"] == "Basic"
    assert nobody.json()["error"]["code"] == "authentication_error"
    assert wrong.status_code == 401


def test_a_token_of_another_workspace_finds_nothing(space: Space, person: Profile, outsider: User) -> None:
    answer = _getter(space, factories.make_token(user=outsider))("users/profiles/use_ada/traits")

    assert answer.status_code == 404


def test_personal_data_is_masked_without_the_right(space: Space, person: Profile) -> None:
    member = factories.make_member(workspace=space.workspace, role=Role.USER, has_pii_access=False)
    get = _getter(space, factories.make_token(user=member.user, space=space))

    traits = get("users/profiles/use_ada/traits").json()["traits"]
    identifiers = get("users/profiles/use_ada/external_ids").json()["data"]

    assert traits == {"age": 36, "email": "a••••@example.com", "plan": "pro"}
    assert "ada@example.com" not in [row["id"] for row in identifiers]


def test_more_than_a_hundred_requests_in_a_second_are_refused(
    get: Get, person: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpaceThrottle, "timer", staticmethod(lambda: 1_000.0))
    answers = [get("users/profiles/use_ada/metadata").status_code for _ in range(101)]

    assert answers.count(200) == 100
    assert answers[-1] == 429
