"""Previews: overlap, change and the lists behind the numbers; size over time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from audiences.models import Audience, MembershipCount
from audiences.selectors.preview import preview_people, preview_report
from audiences.selectors.size_history import nice_ceiling, size_history
from audiences.services.audiences import create_audience
from audiences.services.backfill import claim_run, work
from profiles.models import Profile
from spaces.models import Space, User
from tests import factories


def definition(where: Any) -> dict[str, Any]:
    return {"version": 1, "collection": "users", "where": where}


def orders(number: int) -> dict[str, Any]:
    return definition({"event": "Order Completed", "count": {"gte": number}})


@pytest.fixture
def people(space: Space) -> list[Profile]:
    """Four profiles with one to four orders; the last two have an e-mail, the last a phone."""
    found = []
    for number in range(1, 5):
        ids = [("user_id", f"u{number}")]
        ids += [("email", f"u{number}@acme.example")] if number > 2 else []
        ids += [("phone", "+491234")] if number > 3 else []
        profile = factories.make_profile(space=space, ids=ids)
        for day in range(number):
            factories.make_event(profile=profile, ts=timezone.now() - timedelta(days=day + 1))
        found.append(profile)
    return found


def audience_of(space: Space, name: str, number: int) -> Audience:
    made = create_audience(space=space, name=name, definition=orders(number), created_by=None)
    run = claim_run()
    assert run is not None
    work(run)
    made.refresh_from_db()
    return made


def test_a_preview_tells_overlap_change_and_identifiers(space: Space, people: list[Profile]) -> None:
    """W036, W037: the numbers equal a count by hand."""
    saved, other = audience_of(space, "Saved", 2), audience_of(space, "Other", 4)

    found = preview_report(
        space=space, definition=orders(3), include_anonymous=False, audience=saved, overlap_with=other
    )

    assert (found.total, found.entered, found.left) == (2, 0, 1)
    assert found.overlap is not None
    assert (found.overlap.size, found.overlap.percent, found.overlap.percent_of_other) == (1, 50, 100)
    coverage = {item.id_type: (item.size, item.percent) for item in found.coverage}
    assert coverage == {"user_id": (2, 100), "email": (2, 100), "anonymous_id": (0, 0), "phone": (1, 50)}


@pytest.mark.parametrize(
    ("show", "numbers"), [("members", [1, 2, 3, 4]), ("entered", [1, 2]), ("left", []), ("overlap", [4])]
)
def test_each_number_is_a_list(space: Space, people: list[Profile], show: str, numbers: list[int]) -> None:
    saved, other = audience_of(space, "Saved", 3), audience_of(space, "Other", 4)
    asked: dict[str, Any] = {
        "space": space, "definition": orders(1), "include_anonymous": False, "show": show,
        "audience": saved, "overlap_with": other, "limit": 3,
    }  # fmt: skip

    first = preview_people(**asked)
    rest = preview_people(**asked, after=first.following) if first.following else None

    shown = [*first.people, *(rest.people if rest else [])]
    assert [person.identifiers["user_id"][0] for person in shown] == [f"u{number}" for number in numbers]
    assert first.total == len(numbers)


def test_the_api_previews_alike(
    space: Space, owner: User, people: list[Profile], api_for: Callable[..., APIClient]
) -> None:
    saved, other = audience_of(space, "Saved", 2), audience_of(space, "Other", 4)
    client, url = api_for(owner), f"/api/v1/spaces/{space.slug}/audiences/preview/"
    body = {"definition": orders(3), "audience": saved.public_id, "overlap_with": other.public_id}

    report = client.post(url, body, format="json").json()
    left = client.post(f"{url}people/", body | {"show": "left"}, format="json").json()
    wrong = client.post(f"{url}people/", {"definition": orders(3), "show": "left"}, format="json")

    assert (report["count"], report["entered"], report["left"]) == (2, 0, 1)
    assert report["overlap"] == {
        "audience": other.public_id, "size": 1, "percent": 50, "percent_of_other": 100,
    }  # fmt: skip
    assert (left["count"], [row["id"] for row in left["results"]]) == (1, [people[1].segment_id])
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "/audience")


def test_size_over_time_carries_the_last_size_on(space: Space) -> None:
    now = datetime(2026, 5, 20, 15, 30, tzinfo=UTC)
    audience = create_audience(space=space, name="A", definition=orders(1), created_by=None)
    Audience.objects.filter(pk=audience.pk).update(created_at=now - timedelta(days=40))
    audience.refresh_from_db()
    rows = [(30, 100, 0, 100), (3, 20, 5, 115), (3, 0, 15, 100), (0, 7, 0, 107)]
    for index, (days, entered, left, size) in enumerate(rows):
        hour = (now - timedelta(days=days)).replace(minute=0) + timedelta(hours=index - 3)
        MembershipCount.objects.create(
            space_id=space.pk, audience_id=audience.pk, hour=hour, entered=entered, left=left, size=size
        )

    found = size_history(audience, range_key="7d", now=now)

    assert [bucket.size for bucket in found.buckets] == [100, 100, 100, 100, 100, 100, 107]
    assert [(bucket.entered, bucket.left) for bucket in found.buckets][3] == (20, 20)
    assert (found.entered, found.left, found.change, found.top) == (27, 20, 7, 200)
    assert found.line.startswith("0.00,")
    assert len(found.axis) == 6


@pytest.mark.parametrize(
    ("value", "top"), [(0, 10), (10, 10), (11, 20), (21, 50), (51, 100), (999, 1000), (1001, 2000)]
)
def test_the_axis_ends_at_a_round_number(value: int, top: int) -> None:
    assert nice_ceiling(value) == top
