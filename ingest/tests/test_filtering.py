from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from common.errors import ConflictError, InvalidError
from ingest.models import RejectedMessage
from ingest.tests.inbound_rows import codes, counts, events_of, identify, ingest, profile_of, track
from profiles.models import EventFilter, Profile
from profiles.services.event_filters import create_event_filter, delete_event_filter, update_event_filter
from spaces.models import AuditEntry, Source, Space, User
from tests.factories import make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space)


def make_filter(space: Space, condition: str, name: str = "Internal") -> EventFilter:
    return create_event_filter(space=space, actor=None, name=name, condition=condition)


def test_what_a_filter_drops_touches_no_profile_and_counts_as_rejected(source: Source, space: Space) -> None:
    """W022: space event filters drop before identity resolution; received = stored + duplicate + rejected."""
    make_filter(space, "match(userId, 'test-*') or properties.internal")

    ingest(
        source,
        identify("m1", userId="u1", traits={"plan": "pro"}),
        identify("m2", userId="test-7"),
        track("m3", userId="u1", properties={"internal": True}),
        track("m4", "Signed Up", userId="u1", properties={"internal": False}),
        track("m4", "Signed Up", userId="u1"),
    )

    assert counts(source) == (5, 2, 1, 2)
    assert codes(source) == ["filtered_by_space", "filtered_by_space"]
    assert RejectedMessage.objects.order_by("id")[0].detail == "The event filter “Internal” of the space drops it."
    assert Profile.objects.count() == 1
    assert events_of(profile_of(space, "user_id", "u1")) == ["Signed Up"]


def test_a_message_that_was_dropped_can_be_sent_again_without_the_filter(source: Source, space: Space) -> None:
    row = make_filter(space, "type = 'track'")
    ingest(source, track("m1", "Signed Up", userId="u1"))

    update_event_filter(row=row, actor=None, is_enabled=False)
    ingest(source, track("m1", "Signed Up", userId="u1"))

    assert counts(source) == (2, 1, 0, 1)


def test_filters_see_the_context_of_the_batch_and_only_their_space(source: Source, space: Space) -> None:
    other = make_source(space=Space.objects.create(workspace=space.workspace, name="Other", slug="other-space"))
    make_filter(space, "context.app.name = 'beta'")

    for one in (source, other):
        ingest(one, track("m1", userId="u1"), context={"app": {"name": "beta"}})

    assert (counts(source), counts(other)) == ((1, 0, 0, 1), (1, 1, 0, 0))


def test_a_condition_that_cannot_be_evaluated_throws_nothing_away(source: Source, space: Space) -> None:
    make_filter(space, "properties.price > 5")

    ingest(source, track("m1", userId="u1", properties={"price": "many"}))

    assert counts(source) == (1, 1, 0, 0)


def test_the_eleventh_filter_is_refused(space: Space) -> None:
    """W022: at most 10 filters a space."""
    for number in range(10):
        make_filter(space, "type = 'page'", f"Filter {number}")

    with pytest.raises(ConflictError):
        make_filter(space, "type = 'page'")

    assert EventFilter.objects.count() == 10


def test_a_condition_with_problems_is_refused_with_their_places(space: Space) -> None:
    with pytest.raises(InvalidError) as caught:
        make_filter(space, "lenght(event) > 1", name="")

    assert [error.path for error in caught.value.errors] == ["/name", "/if"]
    assert "(at character 1)" in caught.value.errors[1].detail
    assert EventFilter.objects.count() == 0


def test_changes_are_in_the_audit_trail(space: Space, owner: User) -> None:
    row = create_event_filter(space=space, actor=owner, name="A", condition="type = 'page'")
    update_event_filter(row=row, actor=owner, name="B")
    delete_event_filter(row=row, actor=owner)

    actions = (
        AuditEntry.objects.filter(action__startswith="event_filter.").order_by("pk").values_list("action", flat=True)
    )
    assert list(actions) == ["event_filter.created", "event_filter.updated", "event_filter.deleted"]


def test_event_filters_over_the_api(space: Space, owner: User, api_for: Callable[..., APIClient]) -> None:
    url = f"/api/v1/spaces/{space.slug}/event-filters/"
    api = api_for(owner)

    made = api.post(url, {"name": "Pages", "if": "type = 'page'"}, format="json")
    one = f"{url}{made.json()['id']}/"
    renamed = api.patch(one, {"name": "No pages", "enabled": False}, format="json")
    refused = api.post(url, {"name": "x", "if": "type ="}, format="json")

    assert (made.status_code, made.json()["if"], made.json()["enabled"]) == (201, "type = 'page'", True)
    assert (renamed.json()["name"], renamed.json()["enabled"]) == ("No pages", False)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "/if")
    assert [row["name"] for row in api.get(url).json()["results"]] == ["No pages"]
    assert api.delete(one).status_code == 204


def test_event_filters_on_their_page(space: Space, owner: User, client_for: Callable[[User], Client]) -> None:
    client = client_for(owner)
    url = f"/s/{space.slug}/settings/filters/"

    made = client.post(f"{url}new/", {"name": "Pages", "if": "type = 'page'"})
    row = EventFilter.objects.get()
    broken = client.post(f"{url}new/", {"name": "Broken", "if": "type ="})
    renamed = client.post(f"{url}{row.public_id}/", {"name": "No pages"})
    toggled = client.post(f"{url}{row.public_id}/toggle/", {"enabled": "0"})
    listed = client.get(url)
    row.refresh_from_db()
    deleted = client.post(f"{url}{row.public_id}/delete/")

    assert [answer.status_code for answer in (made, broken, renamed, toggled, deleted)] == [302, 422, 302, 302, 302]
    assert (row.name, row.is_enabled) == ("No pages", False)
    assert "No pages" in listed.content.decode()
    assert EventFilter.objects.count() == 0
