"""The list of journeys, More Options with its questions, versions and settings."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from journeys.models import Journey, JourneyVersion, Run, VersionState
from journeys.services.drafts import create_journey
from journeys.services.versions import new_version
from journeys.tests.live_rows import Past, Stop, person, shop_journey, shop_version, walked
from spaces.models import Space, SpaceKind, User

ClientFor = Callable[[User], Client]


@pytest.fixture
def version(space: Space) -> JourneyVersion:
    """Published, with Ada waiting and Ben gone."""
    version = shop_version(space)
    walked(version, person(space, "Ada"), Stop(step="order", arrived=0))
    walked(version, person(space, "Ben"), past=Past(ended=1))
    return version


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def page_url(version: JourneyVersion, rest: str = "") -> str:
    return f"/s/{version.journey.space.slug}/journeys/{version.journey.public_id}/{rest}"


def list_url(space: Space) -> str:
    return f"/s/{space.slug}/journeys/"


def state_of(version: JourneyVersion) -> str:
    version.refresh_from_db()
    return version.state


def test_the_list_shows_status_versions_and_who_is_in_progress(
    space: Space, version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    new_version(journey=version.journey, created_by=owner)

    rows = client_for(owner).get(list_url(space)).context["page"].rows

    assert [(row.journey.name, row.current.status.word, row.in_progress) for row in rows] == [
        ("First purchase", "Published", 1)
    ]
    assert [(one.version.number, one.status.word, one.in_progress) for one in rows[0].versions] == [
        (2, "Draft", 0),
        (1, "Published", 1),
    ]


def test_the_number_in_progress_links_to_that_list(
    space: Space, version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)

    page = text_of(client.get(list_url(space)))
    listed = client.get(page_url(version, "runs/?show=in_progress&version=1"))

    assert page_url(version, "runs/?show=in_progress&version=1") in page
    assert [row.person.name for row in listed.context["page"].rows] == ["Ada"]


def test_the_list_is_searched_and_paged(space: Space, owner: User, client_for: ClientFor) -> None:
    for number in range(53):
        create_journey(space=space, name=f"Journey {number:02}", created_by=owner)
    client = client_for(owner)

    found = client.get(list_url(space) + "?q=journey+07").context["page"]
    first = client.get(list_url(space)).context["page"]
    second = client.get(list_url(space) + f"?after={first.after}").context["page"]
    nothing = text_of(client.get(list_url(space) + "?q=nothing"))

    assert [row.journey.name for row in found.rows] == ["Journey 07"]
    assert (len(first.rows), len(second.rows), second.after) == (50, 3, None)
    assert (first.rows[0].journey.name, second.rows[-1].journey.name) == ("Journey 52", "Journey 00")
    assert "Clear filters" in nothing or "clear" in nothing.lower()


def test_an_empty_space_says_how_to_begin(space: Space, owner: User, client_for: ClientFor) -> None:
    assert "No journeys yet" in text_of(client_for(owner).get(list_url(space)))


def test_pausing_asks_first_and_names_the_numbers(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    client = client_for(owner)

    page = text_of(client.get(page_url(version, "pause/?version=1")))
    dialog = text_of(client.get(page_url(version, "pause/?version=1"), headers={"HX-Request": "true"}))

    assert "1 person in progress goes on" in page
    assert "<dialog" in dialog
    assert "<html" not in dialog
    assert state_of(version) == VersionState.PUBLISHED


def test_pause_and_resume(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    client = client_for(owner)

    paused = client.post(page_url(version, "pause/"), {"version": "1"})
    after_pause = state_of(version)
    resumed = client.post(page_url(version, "resume/"), {"version": "1"}, follow=True)

    assert paused["Location"] == page_url(version, "?version=1")
    assert after_pause == VersionState.PAUSED
    assert state_of(version) == VersionState.PUBLISHED
    assert "Entry of First purchase is open again." in text_of(resumed)


def test_an_action_that_the_state_forbids_changes_nothing_and_says_why(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    response = client_for(owner).post(page_url(version, "resume/"), {"version": "1"}, follow=True)

    assert "Only a paused version can be resumed. Version 1 is published." in text_of(response)
    assert state_of(version) == VersionState.PUBLISHED


def test_archive(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    client = client_for(owner)

    question = text_of(client.get(page_url(version, "archive/?version=1")))
    client.post(page_url(version, "archive/"), {"version": "1"})

    assert "1 person in progress stops there." in question
    assert "never enter a later version" in question
    assert state_of(version) == VersionState.ARCHIVED


def test_clone_makes_a_draft_with_other_keys(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    response = client_for(owner).post(page_url(version, "clone/"), {"version": "1"})

    copy = Journey.objects.exclude(pk=version.journey_id).get()
    assert copy.public_id in response["Location"]
    assert list(copy.versions.values_list("state", flat=True)) == ["draft"]
    assert not set(copy.steps.exclude(key="").values_list("key", flat=True)) & set(
        version.journey.steps.values_list("key", flat=True)
    )


def test_a_running_journey_cannot_be_deleted_and_the_menu_says_so(
    space: Space, version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)

    page = text_of(client.get(list_url(space)))
    response = client.post(page_url(version, "delete/"), follow=True)

    assert 'disabled title="Version 1 is published. Archive it first."' in page
    assert "Archive it first" in text_of(response)
    assert Journey.objects.get(pk=version.journey_id).deleted_at is None


def test_delete_in_a_prod_space_takes_the_name(
    space: Space, version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    Space.objects.filter(pk=space.pk).update(kind=SpaceKind.PROD)
    JourneyVersion.objects.filter(pk=version.pk).update(state=VersionState.ARCHIVED)
    client = client_for(owner)

    question = text_of(client.get(page_url(version, "delete/")))
    refused = client.post(page_url(version, "delete/"), {"confirm_name": "Second purchase"})
    kept = Journey.objects.get(pk=version.journey_id).deleted_at
    deleted = client.post(page_url(version, "delete/"), {"confirm_name": "First purchase"})

    assert "Type <strong>First purchase</strong> to confirm" in question
    assert (refused.status_code, kept) == (422, None)
    assert deleted["Location"] == list_url(space)
    assert Journey.objects.get(pk=version.journey_id).deleted_at is not None
    assert Run.objects.filter(version_id=version.pk).count() == 2


def test_edit_starts_a_draft_and_opens_the_one_there_is(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)

    client.post(page_url(version, "versions/new/"), {"version": "1"})
    client.post(page_url(version, "versions/new/"), {"version": "1"})

    assert list(version.journey.versions.order_by("number").values_list("number", "state")) == [
        (1, "published"),
        (2, "draft"),
    ]


def test_versions_are_listed_compared_restored_and_exported(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)
    draft = new_version(journey=version.journey, created_by=owner)
    changed = shop_journey()
    changed["steps"][1]["duration"] = {"hours": 2}
    JourneyVersion.objects.filter(pk=draft.pk).update(definition={**draft.definition, "steps": changed["steps"]})

    listed = client.get(page_url(version, "versions/"))
    compared = client.get(page_url(version, "versions/?from=1&to=2"))
    exported = client.get(page_url(version, "versions/export/?version=1"))
    client.post(page_url(version, "versions/restore/"), {"version": "1"})

    draft.refresh_from_db()
    assert [row["version"].number for row in listed.context["rows"]] == [2, 1]
    assert [(one["path"], one["before"], one["after"]) for one in compared.context["comparison"]["changes"]] == [
        ("/steps/rest/duration/hours", 1, 2)
    ]
    assert exported["Content-Disposition"] == 'attachment; filename="first-purchase-v1.json"'
    assert json.loads(exported.content)["name"] == "First purchase"
    assert draft.definition["steps"][1]["duration"] == {"hours": 1}


def test_a_draft_is_discarded_but_not_the_only_version(
    space: Space, version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)
    new_version(journey=version.journey, created_by=owner)
    lonely = create_journey(space=space, name="Lonely", created_by=owner)

    client.post(page_url(version, "versions/discard/"))
    refused = client.post(page_url(lonely, "versions/discard/"), follow=True)

    assert list(version.journey.versions.values_list("number", flat=True)) == [1]
    assert "This draft is all there is of the journey" in text_of(refused)


def test_settings_rename_and_describe(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    client = client_for(owner)
    form = {"details-name": "Second purchase", "details-description": "For buyers."}

    saved = client.post(page_url(version, "settings/"), form)
    refused = client.post(page_url(version, "settings/"), {**form, "details-name": "x" * 74})

    version.journey.refresh_from_db()
    assert (version.journey.name, version.journey.description) == ("Second purchase", "For buyers.")
    assert saved.status_code == 302
    assert refused.status_code == 422


def test_a_name_that_is_taken_is_refused_at_the_field(
    space: Space, version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    create_journey(space=space, name="Taken", created_by=owner)

    response = client_for(owner).post(page_url(version, "settings/"), {"details-name": "Taken"})

    assert response.status_code == 422
    assert "name" in response.context["form"].errors


def test_settings_say_why_entry_and_exit_cannot_be_changed(space: Space, owner: User, client_for: ClientFor) -> None:
    version = shop_version(space, exit_after={"days": 7}, reentry_after={"weeks": 2})

    page = text_of(client_for(owner).get(page_url(version, "settings/")))

    assert "7 days after entry" in page
    assert "2 weeks after an exit" in page
    assert "Fixed since publishing" in page


def test_a_reader_sees_controls_disabled_with_the_reason(
    space: Space, version: JourneyVersion, viewer: User, client_for: ClientFor
) -> None:
    client = client_for(viewer)
    why = "does not allow you to change audiences, traits and journeys"

    pages = [
        text_of(client.get(url))
        for url in (
            list_url(space),
            page_url(version),
            page_url(version, "versions/"),
            page_url(version, "settings/"),
        )
    ]

    assert all(why in page for page in pages)
    assert client.get(page_url(version, "pause/")).status_code == 403
    assert client.post(page_url(version, "pause/"), {"version": "1"}).status_code == 403
    assert state_of(version) == VersionState.PUBLISHED
