"""The publish review: what changes, people with a choice, stale reviews, payloads of real people (ux.md §8.7)."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from destinations.models import Destination
from destinations.services.destinations import create_destination
from journeys.models import JourneyVersion, VersionState
from journeys.services.drafts import create_journey, save_draft
from journeys.services.versions import new_version
from journeys.tests.live_rows import Stop, person, shop_journey, shop_version, walked
from spaces.models import Member, Space, User
from tests.factories import make_source

ClientFor = Callable[[User], Client]


@pytest.fixture
def crm(space: Space, owner: User) -> Destination:
    return create_destination(
        space=space,
        actor=owner,
        name="Acme CRM",
        connector="webhook",
        settings={"url": "https://crm.example/hook"},
        is_enabled=True,
    )


def connected(definition: dict[str, Any], destination: Destination, **more: Any) -> dict[str, Any]:
    steps = [
        {
            **step,
            "connections": [{"destination": destination.public_id, "send_identify": True, "send_track": True} | more],
        }
        if step["id"] == "thanks"
        else step
        for step in definition["steps"]
    ]
    return {**definition, "steps": steps}


@pytest.fixture
def version(space: Space, crm: Destination) -> JourneyVersion:
    """Published; Ada waits for an order, Ben rests."""
    make_source(space=space)
    version = shop_version(space)
    JourneyVersion.objects.filter(pk=version.pk).update(definition=connected(shop_journey(), crm))
    version.refresh_from_db()
    walked(version, person(space, "Ada"), Stop(step="order", arrived=0))
    walked(
        version,
        person(space, "Ben"),
        Stop(step="order", arrived=0, joined=1),
        Stop(step="rest", arrived=1, joined=1, wake=2),
    )
    return version


def redraft(version: JourneyVersion, owner: User, change: Callable[[dict[str, Any]], dict[str, Any]]) -> JourneyVersion:
    draft = new_version(journey=version.journey, created_by=owner)
    return save_draft(
        version=draft, definition=change(draft.definition), revision=draft.revision, label="Edit", author=owner
    )


def without(step_id: str, after: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The definition without a step; what followed it follows `after`."""

    def change(definition: dict[str, Any]) -> dict[str, Any]:
        steps = [
            {**step, "after": after} if step["after"] == step_id else step
            for step in definition["steps"]
            if step["id"] != step_id
        ]
        return {**definition, "steps": steps}

    return change


def url_of(version: JourneyVersion) -> str:
    return f"/s/{version.journey.space.slug}/journeys/{version.journey.public_id}/review/"


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def states(version: JourneyVersion) -> list[tuple[int, str]]:
    return list(version.journey.versions.order_by("number").values_list("number", "state"))


def test_a_first_publication_is_reviewed_and_published(
    space: Space, crm: Destination, owner: User, client_for: ClientFor
) -> None:
    make_source(space=space)
    person(space, "Ada")
    draft = create_journey(
        space=space, name="First purchase", definition=connected(shop_journey(), crm), created_by=owner
    )
    client = client_for(owner)

    page = client.get(url_of(draft))
    before = states(draft)
    answer = client.post(url_of(draft), {"token": page.context["review"].token})

    assert [(key.name, key.is_new) for key in page.context["review"].keys] == [("Thanks", True)]
    assert [(one.destination, one.change, len(one.people)) for one in page.context["samples"]] == [
        ("Acme CRM", "added", 1)
    ]
    assert page.context["button"] == "Publish version 1"
    assert before == [(1, "draft")]
    assert answer.status_code == 302
    assert states(draft) == [(1, "published")]


def test_groups_of_people_in_changed_steps_get_a_choice_each(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    draft = redraft(version, owner, without("rest", "order"))

    page = client_for(owner).get(url_of(draft))

    assert [
        (row["group"].step_id, row["group"].change, row["group"].people, [value for value, _label in row["options"]])
        for row in page.context["groups"]
    ] == [("rest", "removed", 1, ["finish", "move:order", "move:pro", "move:thanks", "exit"])]
    assert [row["group"].name for row in page.context["groups"]] == ["Wait 1 hour"]
    assert page.context["button"] == "Publish version 2: 2 people inside, 1 in changed steps"
    assert {card.step: card.added.mark.kind for card in page.context["canvas"].cards if card.added.mark} == {
        "pro": "changed",
        "rest": "removed",
    }


def test_publishing_a_version_carries_the_choices(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    draft = redraft(version, owner, without("rest", "order"))
    client = client_for(owner)
    token = client.get(url_of(draft)).context["review"].token

    answer = client.post(
        url_of(draft),
        {"token": token, "previous_action": "pause", "excludes_earlier": "1", "choice-rest": "move:pro"},
    )

    draft.refresh_from_db()
    version.refresh_from_db()
    assert answer.status_code == 302
    assert (draft.state, draft.excludes_earlier) == (VersionState.PUBLISHED, True)
    assert version.state == VersionState.DRAINING


def test_a_stale_review_is_answered_409_with_the_new_one(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    draft = redraft(version, owner, without("rest", "order"))
    client = client_for(owner)
    token = client.get(url_of(draft)).context["review"].token
    walked(
        version,
        person(version.journey.space, "Cleo"),
        Stop(step="order", arrived=0, joined=1),
        Stop(step="rest", arrived=1, joined=1, wake=2),
    )

    answer = client.post(url_of(draft), {"token": token, "previous_action": "pause"})

    assert answer.status_code == 409
    assert "Something changed since this review was made" in text_of(answer)
    assert [row["group"].people for row in answer.context["groups"]] == [2]
    assert answer.context["review"].token != token
    assert states(version) == [(1, "published"), (2, "draft")]


def test_a_choice_that_cannot_be_is_refused_at_its_group(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    draft = redraft(version, owner, without("rest", "order"))
    client = client_for(owner)
    token = client.get(url_of(draft)).context["review"].token

    answer = client.post(url_of(draft), {"token": token, "previous_action": "archive", "choice-rest": "finish"})

    assert answer.status_code == 422
    assert answer.context["groups"][0]["error"].startswith("Nobody finishes on an archived version.")
    assert [item["checked"] for item in answer.context["actions"]] == [False, True]
    assert states(version) == [(1, "published"), (2, "draft")]


def test_problems_are_listed_with_a_way_to_each_and_nothing_is_published(
    space: Space, owner: User, client_for: ClientFor
) -> None:
    draft = create_journey(space=space, name="Unfinished", definition=shop_journey(name="Unfinished"), created_by=owner)
    client = client_for(owner)

    page = client.get(url_of(draft))
    answer = client.post(url_of(draft), {"token": page.context["review"].token})

    assert page.context["review"].errors
    assert "Correct the problems first" in text_of(page)
    assert "<strong>Thanks:</strong> Connect at least one destination" in text_of(page)
    assert answer.status_code == 422
    assert states(draft) == [(1, "draft")]


def test_payloads_of_real_people_are_compared(
    version: JourneyVersion, crm: Destination, owner: User, client_for: ClientFor
) -> None:
    draft = redraft(version, owner, lambda definition: connected(definition, crm, enter_event="Bought First"))

    samples = client_for(owner).get(url_of(draft)).context["samples"]

    assert [(one.destination, one.change, [sample.person.name for sample in one.people]) for one in samples] == [
        ("Acme CRM", "changed", ["Ben", "Ada"])
    ]
    assert {
        call.kind: [(change.path, change.before, change.after) for change in call.changes]
        for call in samples[0].people[0].calls
    } == {"identify": [], "track": [("/event", "Audience Entered", "Bought First")]}


def test_payloads_are_masked_without_the_right(
    version: JourneyVersion, crm: Destination, owner: User, client_for: ClientFor
) -> None:
    draft = redraft(version, owner, lambda definition: connected(definition, crm, enter_event="Bought First"))
    Member.objects.filter(user=owner).update(has_pii_access=False)

    page = text_of(client_for(owner).get(url_of(draft)))

    assert "ben@example.com" not in page


def test_without_a_draft_there_is_nothing_to_review(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    assert client_for(owner).get(url_of(version)).status_code == 302


def test_a_reader_sees_the_review_and_may_not_publish(
    version: JourneyVersion, owner: User, viewer: User, client_for: ClientFor
) -> None:
    draft = redraft(version, owner, without("rest", "order"))
    client = client_for(viewer)

    page = client.get(url_of(draft))
    answer = client.post(url_of(draft), {"token": page.context["review"].token})

    assert "does not allow you to" in text_of(page)
    assert answer.status_code == 403
    assert states(version) == [(1, "published"), (2, "draft")]
