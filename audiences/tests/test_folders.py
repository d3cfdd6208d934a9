"""Folders and clones: create, edit, move, disband, search; copies here and in another space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from audiences.models import Audience, AudienceFolder
from audiences.services import folders
from audiences.services.audiences import create_audience
from audiences.services.cloning import clone_audience
from audiences.services.definitions import DefinitionError
from common.errors import InvalidError
from spaces.models import AuditEntry, Space, User
from tests import factories

ANY = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}
ClientFor = Callable[[User], Client]


def audience_of(space: Space, name: str, definition: Any = ANY) -> Audience:
    return create_audience(space=space, name=name, definition=definition, created_by=None)


@pytest.fixture
def welcome(space: Space) -> AudienceFolder:
    return folders.create_folder(space=space, name="Welcome", created_by=None)


def test_a_folder_takes_audiences_and_gives_them_back(space: Space, owner: User) -> None:
    """W043: create with chosen audiences, move, disband."""
    one, two = audience_of(space, "One"), audience_of(space, "Two")

    folder = folders.create_folder(space=space, name="  Big   deals ", created_by=owner, audience_ids=[one.public_id])
    moved = folders.move_audiences(
        space=space, audience_ids=[one.public_id, two.public_id], folder=folder, moved_by=owner
    )
    inside = set(folder.audiences.values_list("name", flat=True))
    returned = folders.disband_folder(folder=folder, disbanded_by=owner)

    assert (folder.name, moved, inside, returned) == ("Big deals", 1, {"One", "Two"}, 2)
    assert set(Audience.objects.values_list("folder", "deleted_at")) == {(None, None)}
    actions = set(AuditEntry.objects.filter(actor=owner).values_list("action", flat=True))
    assert actions == {"audience_folder.created", "audience.moved", "audience_folder.disbanded"}


@pytest.mark.parametrize("name", ["welcome", "WELCOME ", "", "x" * 121])
def test_a_name_is_unique_and_neither_empty_nor_endless(space: Space, welcome: AudienceFolder, name: str) -> None:
    with pytest.raises(InvalidError) as refused:
        folders.create_folder(space=space, name=name, created_by=None)

    assert [error.path for error in refused.value.errors] == ["/name"]
    assert AudienceFolder.objects.count() == 1


def test_nothing_is_moved_when_one_does_not_exist(space: Space, welcome: AudienceFolder) -> None:
    one = audience_of(space, "One")

    with pytest.raises(InvalidError):
        folders.move_audiences(space=space, audience_ids=[one.public_id, "aud_x"], folder=welcome, moved_by=None)

    one.refresh_from_db()
    assert one.folder is None


def test_the_list_shows_one_folder_and_search_looks_in_all(
    space: Space, owner: User, welcome: AudienceFolder, client_for: ClientFor
) -> None:
    client, url = client_for(owner), f"/s/{space.slug}/audiences/"
    filed, loose = audience_of(space, "Filed people"), audience_of(space, "Loose people")

    client.post(f"{url}folders/move/", {"ids": [filed.public_id], "folder": welcome.public_id, "back": ""})
    main, inside = client.get(url), client.get(f"{url}?folder={welcome.public_id}")
    found = client.get(f"{url}?q=people")

    def shown(response: Any) -> set[str]:
        text = response.content.decode()
        return {each.name for each in (filed, loose) if f'data-id="{each.public_id}"' in text}

    assert shown(main) == {"Loose people"}
    assert shown(inside) == {"Filed people"}
    assert shown(found) == {"Filed people", "Loose people"}


def test_folders_are_made_edited_and_disbanded_on_pages(
    space: Space, editor: User, viewer: User, client_for: ClientFor
) -> None:
    client, url = client_for(editor), f"/s/{space.slug}/audiences/folders/"
    one = audience_of(space, "One")

    made = client.post(f"{url}new/", {"name": "Churn", "description": "d", "audiences": [one.public_id]})
    folder = AudienceFolder.objects.get()
    again = client.post(f"{url}new/", {"name": "churn"})
    edited = client.post(f"{url}{folder.public_id}/", {"name": "Churn risk", "description": ""})
    refused = client_for(viewer).post(f"{url}{folder.public_id}/disband/")
    gone = client.post(f"{url}{folder.public_id}/disband/")

    assert (made.status_code, again.status_code, edited.status_code) == (302, 422, 302)
    assert (refused.status_code, gone.status_code) == (403, 302)
    assert not AudienceFolder.objects.exists()


def test_the_api_has_the_same_folders(space: Space, owner: User, api_for: Callable[..., APIClient]) -> None:
    client, base = api_for(owner), f"/api/v1/spaces/{space.slug}/"
    one = audience_of(space, "One")

    made = client.post(f"{base}audience-folders/", {"name": "Churn"}, format="json").json()
    url = f"{base}audience-folders/{made['id']}/"
    moved = client.post(f"{url}audiences/", {"audiences": [one.public_id]}, format="json").json()
    read = client.get(f"{base}audiences/{one.public_id}/").json()
    renamed = client.patch(url, {"name": "Risk"}, format="json").json()
    out = client.patch(f"{base}audiences/{one.public_id}/", {"folder": None}, format="json").json()
    wrong = client.patch(f"{base}audiences/{one.public_id}/", {"folder": "nope"}, format="json")
    deleted = client.delete(url)

    assert (moved["size"], read["folder"], renamed["name"]) == (1, made["id"], "Risk")
    assert out["folder"] is None
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "/folder")
    assert deleted.status_code == 204


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_what_is_in_a_folder_is_no_address_to_change_the_folder_at(
    space: Space, owner: User, welcome: AudienceFolder, api_for: Callable[..., APIClient], method: str
) -> None:
    url = f"/api/v1/spaces/{space.slug}/audience-folders/{welcome.public_id}/audiences/"

    answer = getattr(api_for(owner), method)(url, {"name": "Other"}, format="json")

    assert answer.status_code == 405
    assert AudienceFolder.objects.get().name == "Welcome"


def test_a_clone_has_a_name_and_key_of_its_own(space: Space, owner: User, welcome: AudienceFolder) -> None:
    """W042, within a space."""
    original = create_audience(
        space=space, name="Buyers", definition=ANY, created_by=owner, include_anonymous=True, folder=welcome
    )

    made = clone_audience(audience=original, space=space, name="Buyers again", cloned_by=owner)

    assert (made.key, made.definition, made.include_anonymous) == ("buyers_again", ANY, True)
    assert made.folder == welcome


def test_a_clone_elsewhere_refers_to_what_is_there(space: Space, owner: User) -> None:
    """W042, between spaces: what the other one lacks is a problem, what it has is referred to by its key."""
    other = factories.make_space(workspace=space.workspace, name="Acme Prod")
    inner = audience_of(space, "Inner")
    where = {"audience": inner.public_id, "member": True}
    outer = audience_of(space, "Outer", {"version": 1, "collection": "users", "where": where})

    with pytest.raises(DefinitionError):
        clone_audience(audience=outer, space=other, name="Outer", cloned_by=owner)
    audience_of(other, "Inner")
    made = clone_audience(audience=outer, space=other, name="Outer", cloned_by=owner)

    assert made.space == other
    assert made.definition["where"] == {"audience": "inner", "member": True}


def test_cloning_into_another_space_goes_through_its_builder(space: Space, owner: User, client_for: ClientFor) -> None:
    other = factories.make_space(workspace=space.workspace, name="Acme Prod")
    original, client = audience_of(space, "Buyers"), client_for(owner)
    url = f"/s/{space.slug}/audiences/{original.public_id}/clone/"

    choice = client.get(url)
    sent = client.get(f"{url}?into={other.slug}")
    builder = client.get(sent["Location"])
    nowhere = client.get(f"{url}?into=no-such-space")

    assert 'data-test="clone.other"' in choice.content.decode()
    assert sent["Location"].startswith(f"/s/{other.slug}/audiences/new/?draft=")
    assert "Order Completed" in builder.content.decode()
    assert nowhere.status_code == 404


def test_the_api_clones(space: Space, owner: User, api_for: Callable[..., APIClient]) -> None:
    original = audience_of(space, "Buyers")
    url = f"/api/v1/spaces/{space.slug}/audiences/{original.public_id}/clone/"

    made = api_for(owner).post(url, {"name": "Again", "key": "again"}, format="json")
    bound = api_for(owner, space).post(url, {"name": "Away", "space": "no-such-space"}, format="json")

    assert (made.status_code, made.json()["key"]) == (201, "again")
    assert bound.status_code == 404
