"""The pages and operations of privacy requests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from delivery.tests.builders import make_destination
from ingest.deletion import job, requests
from profiles.models import ExternalId, Profile, Regulation, Suppression
from spaces.models import AuditEntry, Space, User
from tests.factories import make_account, make_profile

pytestmark = pytest.mark.django_db
EMAIL = "ann@example.com"


@pytest.fixture
def ann(space: Space) -> Profile:
    return make_profile(space=space, ids={"user_id": "user-7291", "email": EMAIL}, traits={"email": EMAIL})


def test_an_admin_deletes_a_person_from_their_profile(
    space: Space, ann: Profile, admin: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(admin)
    page = client.get(f"/s/{space.slug}/profiles/{ann.segment_id}/").content.decode()
    url = f"/s/{space.slug}/settings/privacy/new/?profile={ann.segment_id}"

    answer = client.post(url, {"kind": "delete", "confirm": "on"})
    job.work()
    row = Regulation.objects.get()
    shown = client.get(answer["Location"]).content.decode()
    listed = client.get(f"/s/{space.slug}/settings/privacy/").content.decode()

    assert f'href="{url}"' in page
    assert row.state == Regulation.State.DONE
    assert 'data-state="done"' in shown
    assert EMAIL not in shown + listed
    assert not Profile.objects.in_space(space).exists()
    assert AuditEntry.objects.filter(action="regulation.asked").get().actor == admin


def test_a_deletion_has_to_be_confirmed(
    space: Space, ann: Profile, owner: User, client_for: Callable[[User], Client]
) -> None:
    answer = client_for(owner).post(
        f"/s/{space.slug}/settings/privacy/new/?profile={ann.segment_id}", {"kind": "delete"}
    )

    assert answer.status_code == 422
    assert "Confirm that the person" in answer.content.decode()
    assert not Regulation.objects.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Name an identifier of the person."),
        ("ann@example.com", "Write it as type:value"),
        ("mail:ann@example.com", "Use a type of identifier that this space has"),
        ("email: ", "The value is a text"),
    ],
)
def test_an_identifier_that_is_none_is_refused_at_its_field(
    text: str, said: str, space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    answer = client_for(owner).post(f"/s/{space.slug}/settings/privacy/new/", {"kind": "suppress", "identifier": text})

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Regulation.objects.exists()


def test_a_suppressed_profile_says_so_and_is_taken_in_again(
    space: Space, ann: Profile, owner: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(owner)
    made = client.post(
        f"/s/{space.slug}/settings/privacy/new/", {"kind": "suppress", "identifier": "user_id:USER-7291"}
    )
    profile = f"/s/{space.slug}/profiles/{ann.segment_id}/"
    during = client.get(profile).content.decode()

    client.post(made["Location"] + "lift/")
    after = client.get(profile).content.decode()

    assert "This person is suppressed" in during
    assert "This person is suppressed" not in after
    assert list(Regulation.objects.order_by("id").values_list("kind", flat=True)) == ["suppress", "unsuppress"]
    assert Suppression.objects.count() == 0


def test_a_company_has_no_such_button(space: Space, owner: User, client_for: Callable[[User], Client]) -> None:
    firm = make_account(space=space)

    page = client_for(owner).get(f"/s/{space.slug}/profiles/{firm.segment_id}/").content.decode()

    assert "profile.privacy" not in page


def test_the_api_takes_requests_and_tells_of_them(
    space: Space, ann: Profile, admin: User, api_for: Callable[..., APIClient]
) -> None:
    api = api_for(admin, space)
    url = f"/api/v1/spaces/{space.slug}/regulations/"

    made = api.post(
        url, {"kind": "delete_and_suppress", "identifiers": [{"type": "email", "value": EMAIL}]}, format="json"
    )
    job.work()
    done = api.get(f"{url}{made.json()['id']}/").json()
    lifted = api.post(f"{url}{made.json()['id']}/lift/")

    assert made.status_code == 201
    assert made.json()["state"] == "waiting"
    assert (done["state"], done["percent"], done["profile"]) == ("done", None, ann.segment_id)
    assert done["identifiers"] == {"email": 1, "user_id": 1}
    assert done["counts"]["profile"] == 1
    assert not ExternalId.objects.in_space(space).exists()
    assert lifted.status_code == 201
    assert [row["kind"] for row in api.get(url).json()["results"]] == ["unsuppress", "delete_and_suppress"]


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"kind": "forget"}, 400, "/kind"),
        ({"kind": "delete"}, 400, "/identifier"),
        ({"kind": "delete", "identifiers": [{"type": "mail", "value": "x"}]}, 400, "/identifiers/0"),
        ({"kind": "delete", "profile": "use_nobody"}, 404, None),
    ],
)
def test_the_api_refuses_what_makes_no_sense(
    body: dict[str, object], status: int, path: str | None, space: Space, owner: User, api_for: Callable[..., APIClient]
) -> None:
    answer = api_for(owner, space).post(f"/api/v1/spaces/{space.slug}/regulations/", body, format="json")

    assert answer.status_code == status
    assert [error["path"] for error in answer.json()["errors"]] == ([path] if path else [])
    assert not Regulation.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "editor"])
def test_below_an_admin_nobody_may_ask(
    who: str, space: Space, ann: Profile, request: pytest.FixtureRequest, client_for: Callable[[User], Client]
) -> None:
    client = client_for(request.getfixturevalue(who))

    answer = client.post(f"/s/{space.slug}/settings/privacy/new/?profile={ann.segment_id}", {"kind": "suppress"})

    assert answer.status_code == 403
    assert not Regulation.objects.exists()
    assert client.get(f"/s/{space.slug}/settings/privacy/").status_code == 200


def test_a_destination_that_refuses_is_asked_again_or_seen_to_by_hand(
    space: Space, ann: Profile, owner: User, client_for: Callable[[User], Client]
) -> None:
    make_destination(space=space)  # nobody listens at its address
    row = requests.ask(space=space, actor=owner, kind="delete", profile=ann)
    job.work()
    forward = row.forwards.get()
    client = client_for(owner)
    page = client.get(f"/s/{space.slug}/settings/privacy/{row.public_id}/").content.decode()

    client.post(f"/s/{space.slug}/settings/privacy/{row.public_id}/destinations/{forward.pk}/", {"by_hand": "1"})
    Regulation.objects.update(lease_until=None)
    job.work()

    row.refresh_from_db()
    assert "privacy.destination" in page
    assert (row.state, row.forwards.get().state) == ("done", "by_hand")
